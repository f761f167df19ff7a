// One media field of a form: a file is sent as soon as it is there, with progress and a preview.
//
// Its element tells what happens: "media:taken" once a file or sample stands in it (detail.answer is the server's
// answer about an upload, null for a sample), "media:cleared" when it is empty again.
import { dress, undress } from "./sound.js";
import { unfinishedOf } from "./unfinished.js";
import { dropUpload, sendFile } from "./upload.js";

const known = new WeakMap();

// The field that this element belongs to, or is.
export const fieldOf = (element) => known.get(element.closest("[data-media]"));

export class MediaField {
  constructor(root, form) {
    this.root = root;
    this.form = form;
    this.say = form.dataset;
    this.kind = root.dataset.kind;
    for (const part of ["drop", "or", "taken", "view", "name", "facts", "progress", "link", "error", "remove", "unfinished", "value"]) {
      this[part] = root.querySelector(`[data-${part}]`);
    }
    this.errorText = root.querySelector("[data-error-text]");
    this.label = root.querySelector(".label").firstChild.textContent.trim();
    this.address = ""; // of what the preview shows
    this.file = root.querySelector('input[type="file"]');
    this.sample = root.querySelector("[data-sample]");
    this.file.addEventListener("change", () => { if (this.file.files[0]) this.send(this.file.files[0], true); });
    this.remove.addEventListener("click", () => this.clear(true));
    this.sample?.addEventListener("click", (event) => { event.preventDefault(); this.useSample(); });
    this.value.addEventListener("input", () => this.complain(""));
    this.removeLabel = this.remove.getAttribute("aria-label");
    this.percent = new Intl.NumberFormat(document.documentElement.lang || undefined, { style: "percent" });
    this.listenForDrops();
    this.offerToGoOn();
    known.set(root, this);
  }

  listenForDrops() {
    for (const name of ["dragenter", "dragover"]) this.root.addEventListener(name, (event) => this.over(event));
    for (const name of ["dragleave", "drop"]) this.root.addEventListener(name, () => delete this.drop.dataset.over);
    this.root.addEventListener("drop", (event) => {
      if (!event.dataTransfer.files[0]) return;
      event.preventDefault();
      this.send(event.dataTransfer.files[0], true);
    });
  }

  // A reload has cut an upload off: the same file, chosen again, goes on where it stopped.
  offerToGoOn() {
    const found = this.isEmpty && unfinishedOf(this.form, this.kind, this.value.name);
    if (!found) return;
    const [key, { name, part, url }] = found;
    const words = { name, part: this.percent.format(Math.floor(part * 100) / 100) };
    this.unfinished.querySelector("[data-unfinished-text]").textContent = this.say.sayUnfinished.replace(/\{(name|part)\}/g, (_, word) => words[word]);
    this.unfinished.querySelector("[data-forget]").addEventListener("click", () => {
      dropUpload(this.form, key, url);
      this.unfinished.hidden = true;
      this.file.focus();
    });
    this.unfinished.hidden = false;
  }

  over(event) {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    this.drop.dataset.over = "";
  }

  get isEmpty() { return this.taken.hidden && !this.value.value; }

  complain(text) {
    this.errorText.textContent = text;
    this.error.hidden = !text;
    if (text) this.value.setAttribute("aria-invalid", "true");
    else this.value.removeAttribute("aria-invalid");
  }

  show(name, src) {
    this.letGo();
    this.address = src;
    this.drop.hidden = this.or.hidden = true;
    this.taken.hidden = false;
    this.name.textContent = name;
    const view = this.preview(src);
    this.view.replaceChildren(view);
    return view;
  }

  // Nothing may hold on to what the preview has shown.
  letGo() {
    undress(this.view);
    this.view.replaceChildren();
    URL.revokeObjectURL(this.address); // of no effect on the address of the site
    this.address = "";
  }

  preview(src) {
    if (this.kind === "audio") return this.soundBox(src);
    if (this.kind === "video") return Object.assign(document.createElement("video"), { src, controls: true, muted: true, playsInline: true, preload: "metadata" });
    return Object.assign(document.createElement("img"), { src, alt: this.label });
  }

  soundBox(src) {
    const box = document.createElement("div");
    box.className = "sound";
    Object.assign(box.dataset, { play: this.say.sayPlay, pause: this.say.sayPause, position: this.say.sayPosition });
    const audio = Object.assign(document.createElement("audio"), { controls: true, preload: "metadata", src });
    audio.setAttribute("aria-label", this.label);
    box.append(audio);
    return box;
  }

  tell(name, answer = null) { this.root.dispatchEvent(new CustomEvent(`media:${name}`, { bubbles: true, detail: { field: this, answer } })); }

  changed() { this.value.dispatchEvent(new Event("change", { bubbles: true })); }

  useSample() {
    this.complain("");
    const view = this.show(this.say.saySample, new URL(this.sample.dataset.sample).pathname);
    if (this.kind === "audio") dress(view);
    this.facts.textContent = "";
    this.value.value = this.sample.dataset.sample;
    this.remove.focus();
    this.tell("taken");
    this.changed();
  }

  // Takes a File of this browser: from the disk, the clipboard, a recording or a canvas. `again`: the person can
  // choose the very same file once more, after a reload.
  send(file, again = false) {
    this.sending?.abort();
    this.complain("");
    this.file.value = "";
    const generic = !file.type || file.type.startsWith("application/");
    const wrong = !generic && !file.type.startsWith(`${this.kind}/`) && !(this.kind === "audio" && file.type.startsWith("video/"));
    if (wrong) return this.complain(this.say.sayWrong);
    if (file.size > Number(this.root.dataset.maxBytes)) return this.complain(this.say.sayTooLarge);
    const view = this.show(file.name, URL.createObjectURL(file));
    if (this.kind === "audio") file.arrayBuffer().then((data) => dress(view, data));
    this.post(file, again);
  }

  // Takes an upload that the server has made itself; `answer` is what it answers to an upload.
  accept(answer) {
    this.sending?.abort();
    this.complain("");
    const view = this.show(answer.name, answer.url);
    if (this.kind === "audio") dress(view);
    this.answered(answer);
  }

  async post(file, again) {
    this.root.dataset.busy = "";
    this.unfinished.hidden = true;
    this.progress.hidden = false;
    this.progress.value = 0;
    this.facts.textContent = this.say.sayUploading;
    this.remove.setAttribute("aria-label", `${this.say.sayCancel}: ${this.label}`);
    const sending = (this.sending = sendFile(this.form, file, this.kind, (event) => this.advance(event), {
      onLink: (here) => this.tellLink(here),
      again: again ? this.value.name : "",
    }));
    try {
      const answer = await sending.answer;
      if (this.sending === sending) this.answered(answer);
    } catch (error) {
      if (this.sending === sending && error.name !== "AbortError") this.fail(error.message);
    }
  }

  advance({ loaded, total }) {
    const part = loaded / total;
    if (part < 1) {
      this.progress.value = Math.floor(part * 100);
      this.facts.textContent = `${this.say.sayUploading} ${this.percent.format(Math.floor(part * 100) / 100)}`;
    } else {
      this.facts.textContent = this.say.sayChecking;
      this.progress.removeAttribute("value");
    }
  }

  // A sentence only when it changes: it is read aloud.
  tellLink(here) {
    const sentence = here ? "" : this.say.sayAway;
    if (this.link.textContent !== sentence) this.link.textContent = sentence;
  }

  answered(answer) {
    this.settle();
    this.value.value = answer.value;
    this.name.textContent = answer.name;
    this.facts.textContent = answer.facts;
    this.tell("taken", answer);
    this.changed();
  }

  // What was sent so far may still be gone on with: it is not taken back.
  fail(sentence) {
    this.sending = null;
    this.clear(false);
    this.complain(sentence);
    this.changed();
  }

  settle() {
    delete this.root.dataset.busy;
    this.progress.hidden = true;
    this.link.textContent = "";
    this.remove.setAttribute("aria-label", this.removeLabel);
    this.sending = null;
  }

  clear(byHand) {
    const sending = this.sending;
    this.settle();
    sending?.abort();
    this.value.value = "";
    this.drop.hidden = this.or.hidden = false;
    this.taken.hidden = true;
    this.letGo();
    this.facts.textContent = "";
    this.tell("cleared");
    if (!byHand) return;
    this.file.focus();
    this.changed();
  }
}
