// The form of a model. Without this script the form posts the files itself.
import { MediaField, fieldOf } from "./media_field.js";
import { dress } from "./sound.js";

const form = document.querySelector("[data-generate]");
const fields = [...form.querySelectorAll("[data-media]")].map((root) => new MediaField(root, form));
const busy = () => form.querySelector("[data-media][data-busy]") !== null;
const note = form.querySelector("[data-waiting]");
const button = form.querySelector("[data-submit]");
let waiting = false;
let sent = false;

form.addEventListener("submit", (event) => {
  if (busy() || sent) event.preventDefault();
  if (sent) return;
  waiting = busy();
  sent = !waiting;
  note.textContent = waiting ? form.dataset.sayWaiting : form.dataset.saySending;
  button.setAttribute("aria-busy", "true");
});

function rest() {
  waiting = sent = false;
  note.textContent = "";
  button.removeAttribute("aria-busy");
}

form.addEventListener("media:taken", () => { if (waiting && !busy()) form.requestSubmit(); });
form.addEventListener("media:cleared", rest);
// The browser's "back" may bring the page as it was left.
addEventListener("pageshow", (event) => { if (event.persisted) rest(); });

// --- addresses: those of this site are shown, all others are opened by the job alone ------------------------------

function address(text) {
  try {
    const found = new URL(text.trim());
    return /^https?:$/.test(found.protocol) ? found : null;
  } catch {
    return null;
  }
}

// Whether the address ends as a file of the field's kind does.
function endsFor(field, { pathname }) {
  return field.file.accept.split(",").some((ending) => ending.startsWith(".") && pathname.toLowerCase().endsWith(ending));
}

function ownPath(field) {
  const found = address(field.value.value);
  const own = found && [form.dataset.site, location.origin].includes(found.origin);
  return own && /^\/(samples|files)\//.test(found.pathname) && endsFor(field, found) ? found.pathname : "";
}

// As a person reads it; an address may hold anything.
function lastPart(path) {
  const part = path.split("/").at(-1);
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function showOwn(field, path) {
  const typed = field.value.value;
  const view = field.show(lastPart(path), path);
  const media = field.kind === "audio" ? view.querySelector("audio") : view;
  field.facts.textContent = "";
  media.addEventListener("error", () => {
    field.clear(false);
    field.value.value = typed;
    field.complain(form.dataset.sayNothing);
  });
  if (field.kind === "audio") dress(view);
  field.tell("taken");
}

function look(field) {
  const path = field.taken.hidden ? ownPath(field) : "";
  if (path) showOwn(field, path);
  field.root.querySelector("[data-outside]").hidden = !field.taken.hidden || !address(field.value.value);
}

form.addEventListener("change", (event) => { if (event.target.matches("[data-value]")) look(fieldOf(event.target)); });
form.addEventListener("media:cleared", (event) => look(event.detail.field));
for (const field of fields) look(field);

function put(field, found) {
  if (!field.taken.hidden) field.clear(false);
  field.value.value = found.href;
  field.complain("");
  field.changed();
}

// --- what is pasted or dropped --------------------------------------------------------------------------------------

const shown = (field) => field.root.checkVisibility();
const here = () => document.activeElement?.closest("[data-media]");

function target(fits) {
  const able = fields.filter((field) => fits(field) && !field.file.disabled);
  return able.find((field) => field.root === here()) ?? able.find((field) => shown(field) && field.isEmpty) ?? able.find(shown);
}

document.addEventListener("paste", (event) => {
  const file = event.clipboardData?.files[0];
  const typing = event.target.closest?.("input:not([type=file]), textarea, select");
  if (!file && typing) return;
  const link = file ? null : address(event.clipboardData?.getData("text/plain") ?? "");
  const field = file ? target((each) => file.type.startsWith(`${each.kind}/`)) : link && target((each) => endsFor(each, link));
  if (!field) return;
  event.preventDefault();
  if (file) field.send(file);
  else put(field, link);
});

const hasLink = (event) => { const { types } = event.dataTransfer; return types.includes("text/uri-list") && !types.includes("Files"); };

for (const field of fields) {
  field.root.addEventListener("dragover", (event) => { if (hasLink(event)) event.preventDefault(); });
  field.root.addEventListener("drop", (event) => {
    const link = hasLink(event) && !field.file.disabled && address(event.dataTransfer.getData("text/uri-list").split("\n")[0]);
    if (!link) return;
    event.preventDefault();
    put(field, link);
  });
}

// A file that misses its field must not replace the page.
for (const name of ["dragover", "drop"]) {
  addEventListener(name, (event) => { if ([...event.dataTransfer.types].includes("Files")) event.preventDefault(); });
}

// --- the price, and what was wrong ----------------------------------------------------------------------------------

const lost = form.querySelector("[data-price-lost]");
document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.elt.id === "price") lost.hidden = event.detail.successful; });

const problems = document.getElementById("problems");
if (problems) {
  const first = problems.dataset.focus && document.querySelector(problems.dataset.focus);
  if (first && first.offsetParent) first.focus();
  else problems.focus();
}
