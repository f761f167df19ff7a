// Sends one file to the site: a small one at once, a large one part by part. What breaks off goes on by itself, and
// after a reload too, once the same file is chosen again.
import { forget, keyOf, recall, remember } from "./unfinished.js";

const AT_ONCE = 4_000_000; // bytes; how large the parts are says the site
const AWAY = new Set([0, 408, 429, 502, 503, 504]);
const LATER = new Set(["busy", "storage_full"]); // refusals after which the same parts can be gone on with
const LONGEST_PAUSE = 15_000; // ms
const STALLED = 30_000; // ms without a byte: a connection that died in silence
const PATIENCE = 180_000; // ms that the site may take to answer what it has got
const MOST_TRIES = 20; // where the site answers and it gets no further

// Forgets an upload that is under way, here and on the site.
export function dropUpload(form, key, place) {
  forget(key);
  if (place) fetch(place, { method: "DELETE", headers: headersOf(form), keepalive: true }).catch(() => {});
}

const headersOf = (form) => ({ "X-CSRFToken": form.elements.csrfmiddlewaretoken.value });

// What a body holds of the file, if anything.
const contentOf = (body) => (body instanceof Blob ? body : body?.get("file"));

// A browser lets go of a file that has changed on the disk, or is no longer there: every request with it comes to
// nothing, as without a connection.
async function isThere(content) {
  try {
    await content?.arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

class Stopped extends DOMException {
  constructor() { super("", "AbortError"); }
}

// `form` is the page's form with its addresses and its words. `onProgress` is told { loaded, total } of the whole file,
// `onLink` whether the site can be reached. `again`: the person can choose this file again after a reload; the name of
// its field. `answer` rejects with a sentence; `abort` forgets the file, here and on the site.
export function sendFile(form, file, kind, onProgress, { onLink = () => {}, again = "" } = {}) {
  const sending = new Sending(form, file, kind, onProgress, onLink, again);
  return { answer: sending.run(), abort: () => sending.abort() };
}

class Sending {
  constructor(form, file, kind, onProgress, onLink, again) {
    Object.assign(this, { form, file, kind, onProgress, onLink, again });
    this.key = again ? keyOf(form, file, kind) : "";
    this.stopped = false;
    this.stop = () => {};
    this.place = ""; // the address of the parts
  }

  async run() {
    if (this.file.size <= AT_ONCE) return this.atOnce();
    for (let tries = 0; tries < 3; tries += 1) {
      const standing = (await this.resumed()) ?? (await this.begun());
      const answer = await this.inParts(standing);
      if (answer) return answer;
    }
    throw this.trouble(null);
  }

  abort() {
    this.stopped = true;
    this.stop();
    this.drop();
  }

  drop() {
    dropUpload(this.form, this.key, this.place);
    this.place = "";
  }

  async atOnce() {
    const body = this.body({ kind: this.kind });
    body.append("file", this.file, this.file.name);
    const told = (event) => this.onProgress({ loaded: Math.min(event.loaded, this.file.size), total: this.file.size });
    const { status, answer } = await this.ask("POST", this.form.dataset.upload, body, told);
    if (status === 201 && answer) return answer;
    throw this.trouble(answer);
  }

  async resumed() {
    const kept = this.key && recall(this.key);
    if (!kept) return null;
    const { status, answer } = await this.ask("GET", kept.url);
    return status === 200 && answer?.size === this.file.size ? this.at(answer) : null;
  }

  async begun() {
    const body = this.body({ kind: this.kind, name: this.file.name, size: this.file.size });
    const { status, answer } = await this.ask("POST", this.form.dataset.parts, body, null, false);
    if (status === 201 && answer?.url) return this.at(answer);
    forget(this.key); // the site does not know an earlier one any more
    throw this.trouble(answer);
  }

  at(standing) {
    this.place = standing.url;
    if (this.stopped) {
      this.drop();
      throw new Stopped();
    }
    const { url, received, size } = standing;
    if (this.key) remember(this.key, { url, name: this.file.name, field: this.again, part: received / size });
    this.onProgress({ loaded: received, total: size });
    return standing;
  }

  // The site's answer about the whole; nothing when it knows the file no more.
  async inParts(standing) {
    for (let stuck = 0; stuck < MOST_TRIES; ) {
      const { status, answer } = standing.expected ? await this.part(standing) : await this.finish(standing);
      if (status === 404) return null;
      if (status === 201) {
        forget(this.key);
        return answer;
      }
      if (answer?.received === undefined) {
        if (status === 422 && !LATER.has(answer?.code)) this.drop();
        throw this.trouble(answer);
      }
      stuck = answer.received === standing.received ? stuck + 1 : 0;
      if (stuck) await this.pause(stuck); // another try at the same part is still under way
      standing = this.at(answer);
    }
    throw this.trouble(null);
  }

  part({ url, received, expected, size }) {
    const content = this.file.slice(received, received + expected);
    const told = (event) => this.onProgress({ loaded: received + Math.min(event.loaded, expected), total: size });
    return this.ask("PUT", `${url}?at=${received}`, content, told);
  }

  finish({ finish, size }) {
    this.onProgress({ loaded: size, total: size });
    return this.ask("POST", finish, this.body({}));
  }

  body(fields) {
    const body = new FormData();
    body.append("for_team", this.form.elements.for_team.value);
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    return body;
  }

  trouble(answer) { return new Error(answer?.error ?? this.form.dataset.sayLost); }

  // Asks until the site answers, however long it is away.
  async ask(method, url, body = null, onProgress = null, mayStop = true) {
    for (let tries = 1; ; tries += 1) {
      if (this.stopped) throw new Stopped();
      const { status, answer, isOther } = await this.once(method, url, body, onProgress, mayStop);
      if (this.stopped && mayStop) throw new Stopped();
      if (isOther) throw new Error(this.form.dataset.sayOutdated);
      if (status === 0 && !(await isThere(contentOf(body)))) {
        this.drop();
        throw new Error(this.form.dataset.sayChanged);
      }
      const away = AWAY.has(status);
      const busy = answer?.code === "busy" || status === 500;
      if (!away && !(busy && tries < (status === 500 ? 4 : MOST_TRIES))) {
        this.onLink(true);
        return { status, answer };
      }
      if (away) this.onLink(false);
      await this.pause(tries);
    }
  }

  // `isOther`: a page came instead of an answer, because the team was switched in another window, or somebody signed
  // out there or in again.
  once(method, url, body, onProgress, mayStop) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      let timer;
      const patience = (time) => { clearTimeout(timer); timer = setTimeout(() => request.abort(), time); };
      const end = (status) => {
        clearTimeout(timer);
        const answer = status ? request.response : null;
        const isOther = status !== 0 && request.responseURL !== new URL(url, location).href;
        resolve({ status, answer, isOther: isOther || (status === 403 && !answer) });
      };
      request.upload.addEventListener("progress", (event) => { patience(STALLED); onProgress?.(event); });
      request.upload.addEventListener("load", () => patience(PATIENCE));
      request.addEventListener("load", () => end(request.status));
      for (const name of ["error", "abort"]) request.addEventListener(name, () => end(0));
      request.open(method, url);
      for (const [name, value] of Object.entries(headersOf(this.form))) request.setRequestHeader(name, value);
      if (body instanceof Blob) request.setRequestHeader("Content-Type", "application/octet-stream");
      request.responseType = "json";
      if (mayStop) this.stop = () => request.abort();
      patience(body ? STALLED : PATIENCE);
      request.send(body);
    });
  }

  // Longer with each try, and over at once when the connection is back.
  async pause(tries) {
    if (this.stopped) throw new Stopped();
    const time = Math.min(LONGEST_PAUSE, 500 * 2 ** (tries - 1)) * (0.75 + Math.random() / 2);
    await new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        removeEventListener("online", end);
        resolve();
      };
      const timer = setTimeout(end, time);
      addEventListener("online", end);
      this.stop = end;
    });
    if (this.stopped) throw new Stopped();
  }
}
