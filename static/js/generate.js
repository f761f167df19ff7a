// The form of a model. Without this script the form posts the files itself.
import { MediaField } from "./media_field.js";

const form = document.querySelector("[data-generate]");
const fields = [...form.querySelectorAll("[data-media]")].map((root) => new MediaField(root, form));
const busy = () => form.querySelector("[data-media][data-busy]") !== null;
const note = form.querySelector("[data-waiting]");
let waiting = false;

form.addEventListener("submit", (event) => {
  if (!busy()) return;
  event.preventDefault();
  waiting = true;
  note.textContent = form.dataset.sayWaiting;
});

form.addEventListener("media:taken", () => { if (waiting && !busy()) form.requestSubmit(); });
form.addEventListener("media:cleared", () => {
  waiting = false;
  note.textContent = "";
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
