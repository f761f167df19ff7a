// The form of a model: files are sent as soon as they are chosen, dropped or pasted, with progress and a preview.
// Without this script the form posts the files itself.
const form = document.querySelector("[data-generate]");
const say = form.dataset;
let waiting = false;

const busy = () => form.querySelectorAll("[data-media][data-busy]").length > 0;

function soundBox(src, label) {
  const box = document.createElement("div");
  box.className = "sound";
  Object.assign(box.dataset, { play: say.sayPlay, pause: say.sayPause, position: say.sayPosition });
  const audio = Object.assign(document.createElement("audio"), { controls: true, preload: "metadata", src });
  audio.setAttribute("aria-label", label);
  box.append(audio);
  return box;
}

function preview(kind, src, label) {
  if (kind === "audio") return soundBox(src, label);
  if (kind === "video") return Object.assign(document.createElement("video"), { src, controls: true, muted: true, playsInline: true, preload: "metadata" });
  return Object.assign(document.createElement("img"), { src, alt: label });
}

class MediaField {
  constructor(root) {
    this.root = root;
    this.kind = root.dataset.kind;
    for (const part of ["drop", "or", "taken", "view", "name", "facts", "progress", "error", "remove", "value"]) {
      this[part] = root.querySelector(`[data-${part}]`);
    }
    this.errorText = root.querySelector("[data-error-text]");
    this.label = root.querySelector(".label").firstChild.textContent.trim();
    this.file = root.querySelector('input[type="file"]');
    this.sample = root.querySelector("[data-sample]");
    this.file.addEventListener("change", () => { if (this.file.files[0]) this.send(this.file.files[0]); });
    this.remove.addEventListener("click", () => this.clear(true));
    this.sample?.addEventListener("click", (event) => { event.preventDefault(); this.useSample(); });
    this.value.addEventListener("input", () => this.complain(""));
    for (const name of ["dragenter", "dragover"]) root.addEventListener(name, (event) => this.over(event));
    for (const name of ["dragleave", "drop"]) root.addEventListener(name, () => delete this.drop.dataset.over);
    root.addEventListener("drop", (event) => {
      if (!event.dataTransfer.files[0]) return;
      event.preventDefault();
      this.send(event.dataTransfer.files[0]);
    });
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
    this.drop.hidden = this.or.hidden = true;
    this.taken.hidden = false;
    this.name.textContent = name;
    const view = preview(this.kind, src, this.label);
    this.view.replaceChildren(view);
    return view;
  }

  changed() { this.value.dispatchEvent(new Event("change", { bubbles: true })); }

  useSample() {
    this.complain("");
    const path = new URL(this.sample.dataset.sample).pathname;
    const view = this.show(say.saySample, path);
    this.dress(view);
    this.facts.textContent = "";
    this.value.value = this.sample.dataset.sample;
    this.remove.focus();
    this.changed();
  }

  async dress(view, data) {
    if (this.kind !== "audio") return;
    const { dress } = await import(document.querySelector('script[src*="/sound."]').src);
    dress(view, data);
  }

  send(file) {
    this.request?.abort();
    this.complain("");
    this.file.value = "";
    const generic = !file.type || file.type.startsWith("application/");
    const wrong = !generic && !file.type.startsWith(`${this.kind}/`) && !(this.kind === "audio" && file.type.startsWith("video/"));
    if (wrong) return this.complain(say.sayWrong);
    if (file.size > Number(this.root.dataset.maxBytes)) return this.complain(say.sayTooLarge);
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(file);
    const view = this.show(file.name, this.address);
    file.arrayBuffer().then((data) => this.dress(view, data));
    this.post(file);
  }

  post(file) {
    const request = (this.request = new XMLHttpRequest());
    const body = new FormData();
    body.append("for_team", form.elements.for_team.value);
    body.append("kind", this.kind);
    body.append("file", file, file.name);
    this.root.dataset.busy = "";
    this.progress.hidden = false;
    this.progress.value = 0;
    this.facts.textContent = say.sayUploading;
    request.upload.addEventListener("progress", (event) => this.advance(event));
    request.addEventListener("load", () => this.answered(request));
    request.addEventListener("error", () => this.fail(say.sayLost));
    request.open("POST", say.upload);
    request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
    request.responseType = "json";
    request.send(body);
  }

  advance({ loaded, total }) {
    const percent = Math.floor((loaded / total) * 100);
    this.progress.value = percent;
    if (percent < 100) {
      this.facts.textContent = `${say.sayUploading} ${percent}%`;
    } else {
      this.facts.textContent = say.sayChecking;
      this.progress.removeAttribute("value");
    }
  }

  answered(request) {
    const answer = request.response;
    if (request.status !== 201 || !answer) return this.fail(answer?.error ?? say.sayLost);
    this.settle();
    this.value.value = answer.value;
    this.name.textContent = answer.name;
    this.facts.textContent = answer.facts;
    this.changed();
    if (waiting && !busy()) form.requestSubmit();
  }

  fail(sentence) {
    this.clear(false);
    this.complain(sentence);
    this.changed();
    waiting = false;
    form.querySelector("[data-waiting]").textContent = "";
  }

  settle() {
    delete this.root.dataset.busy;
    this.progress.hidden = true;
    this.request = null;
  }

  clear(byHand) {
    this.request?.abort();
    this.settle();
    this.value.value = "";
    this.drop.hidden = this.or.hidden = false;
    this.taken.hidden = true;
    this.view.replaceChildren();
    this.facts.textContent = "";
    if (!byHand) return;
    this.file.focus();
    this.changed();
  }
}

const fields = [...form.querySelectorAll("[data-media]")].map((root) => new MediaField(root));

form.addEventListener("submit", (event) => {
  if (!busy()) return;
  event.preventDefault();
  waiting = true;
  form.querySelector("[data-waiting]").textContent = say.sayWaiting;
});

document.addEventListener("paste", (event) => {
  const file = event.clipboardData?.files[0];
  if (!file) return;
  const fits = fields.filter((field) => file.type.startsWith(`${field.kind}/`));
  const target = fits.find((field) => field.isEmpty) ?? fits[0];
  if (!target) return;
  event.preventDefault();
  target.send(file);
});

// A file that misses its field must not replace the page.
for (const name of ["dragover", "drop"]) {
  addEventListener(name, (event) => { if ([...event.dataTransfer.types].includes("Files")) event.preventDefault(); });
}

const problems = document.getElementById("problems");
if (problems) {
  const target = problems.dataset.focus && document.querySelector(problems.dataset.focus);
  if (target && target.offsetParent) target.focus();
  else problems.focus();
}
