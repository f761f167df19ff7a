// The history: selecting, hovering, keys, and what the page says when it cannot reach the site. Everything listens on
// the document, since the list is replaced whenever a filter changes.
const list = () => document.getElementById("list");
const boxes = () => [...document.querySelectorAll('#rows input[name="job"]')];
const poll = () => document.getElementById("poll");

// What is chosen outlives a row that is drawn anew.
const chosen = new Set();
let lastBox = null;

function showCount() {
  const form = document.getElementById("selection");
  if (!form) return;
  const all = boxes();
  const count = all.filter((box) => box.checked).length;
  const most = Number(form.dataset.most);
  form.hidden = all.length === 0;
  form.toggleAttribute("data-some", count > 0);
  const line = form.querySelector("[data-count]");
  const text = count > most ? form.dataset.tooMany : count ? `${line.dataset.say} ${count}` : "";
  if (line.textContent !== text) line.textContent = text;
  for (const button of form.querySelectorAll("button:not([type=button])")) button.disabled = count === 0 || count > most;
  const whole = form.querySelector("[data-all]");
  whole.checked = count > 0 && count === all.length;
  whole.indeterminate = count > 0 && count < all.length;
}

function choose(box, on) {
  box.checked = on;
  if (on) chosen.add(box.value);
  else chosen.delete(box.value);
}

function restore() {
  const all = boxes();
  for (const box of all) box.checked = chosen.has(box.value);
  const here = new Set(all.map((box) => box.value));
  for (const value of chosen) if (!here.has(value)) chosen.delete(value);
  showCount();
}

document.addEventListener("click", (event) => {
  const box = event.target.closest('#rows input[name="job"]');
  if (!box) return;
  const all = boxes();
  const from = all.findIndex((each) => each.value === lastBox);
  if (event.shiftKey && from >= 0) {
    const to = all.indexOf(box);
    for (const each of all.slice(Math.min(from, to), Math.max(from, to) + 1)) choose(each, box.checked);
  } else {
    choose(box, box.checked);
  }
  lastBox = box.value;
  showCount();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  for (const box of boxes()) choose(box, event.target.checked);
  showCount();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-none]")) {
    for (const box of boxes()) choose(box, false);
    showCount();
  }
  const opener = event.target.closest("[data-opens]");
  if (opener) document.querySelector(opener.dataset.opens)?.showModal();
  const closer = event.target.closest("#ask [data-close]");
  if (closer) {
    event.preventDefault();
    document.getElementById("ask").close();
  }
});

// What is asked on a page of its own is asked in a dialog here.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.id !== "selection" || !event.submitter?.hasAttribute("data-asks")) return;
  event.preventDefault();
  const address = new URL(event.submitter.formAction);
  address.search = new URLSearchParams(new FormData(form)).toString();
  const dialog = document.getElementById("ask");
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    const asked = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("asked");
    if (!answer.ok || !asked) throw new Error("not asked");
    asked.action = address.pathname;
    dialog.replaceChildren(asked);
    dialog.showModal();
  } catch {
    location.assign(address); // that page tells what is wrong
  }
});

// A filter that is empty has no place in the address.
document.addEventListener("formdata", (event) => {
  if (event.target.id !== "filter") return;
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});

// The muted video of a row, only while a pointer or the focus is on it.
const still = matchMedia("(prefers-reduced-motion: reduce)");

function preview(view) {
  const play = view.querySelector("[data-play]");
  if (!play || still.matches || view.querySelector("video")) return;
  const video = document.createElement("video");
  Object.assign(video, { src: play.dataset.play, muted: true, loop: true, playsInline: true, tabIndex: -1 });
  video.setAttribute("aria-hidden", "true");
  video.addEventListener("playing", () => video.setAttribute("data-on", ""), { once: true });
  play.before(video);
  video.play().catch(() => video.remove());
}

function unpreview(view) {
  const video = view.querySelector("video");
  if (!video) return;
  video.pause();
  video.removeAttribute("src");
  video.load();
  video.remove();
}

const viewOf = (target) => (target instanceof Element ? target.closest("#rows .job__view") : null);
let waiting = 0;
document.addEventListener("pointerover", (event) => {
  const view = viewOf(event.target);
  if (!view || event.pointerType === "touch") return;
  clearTimeout(waiting);
  waiting = setTimeout(() => preview(view), 120); // not for a pointer that only passes by
});
document.addEventListener("pointerout", (event) => {
  const view = viewOf(event.target);
  if (!view || view.contains(event.relatedTarget)) return;
  clearTimeout(waiting);
  unpreview(view);
});
document.addEventListener("focusin", (event) => { const view = viewOf(event.target); if (view) preview(view); });
document.addEventListener("focusout", (event) => { const view = viewOf(event.target); if (view) unpreview(view); });

// Keys. None is taken from a field, from a dialog, or with another key held.
const STORED = "history-keys";
const keysAreOn = () => { try { return localStorage.getItem(STORED) !== "off"; } catch { return true; } };
const switcher = document.querySelector("[data-keys]");
if (switcher) {
  switcher.checked = keysAreOn();
  switcher.addEventListener("change", () => { try { localStorage.setItem(STORED, switcher.checked ? "on" : "off"); } catch { /* for this page alone */ } });
}

const titles = () => [...document.querySelectorAll("#rows .job__title")];
const rowOf = (element) => element?.closest?.("#rows > li") ?? null;

function move(step) {
  const all = titles();
  const row = rowOf(document.activeElement);
  const at = row ? all.findIndex((title) => row.contains(title)) : -1;
  const next = all[row ? at + step : step > 0 ? 0 : all.length - 1];
  next?.focus();
  next?.closest("li").scrollIntoView({ block: "nearest" });
}

function press(key) {
  const row = rowOf(document.activeElement);
  if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
  else if ((key === "ArrowDown" || key === "ArrowUp") && row) move(key === "ArrowDown" ? 1 : -1);
  else if (key === "x" && row) row.querySelector('input[name="job"]').click();
  else if (key === "/") document.querySelector("[data-search]").focus();
  else if (key === "?") document.getElementById("keys-help").showModal();
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  const writes = event.target.matches("input:not([type=checkbox]), select, textarea, [contenteditable]");
  if (event.defaultPrevented || writes || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.querySelector("dialog[open]") || !keysAreOn()) return;
  if (press(event.key)) event.preventDefault();
});

// A page that nobody sees asks nothing; it asks at once when it is seen again.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target === poll() && document.hidden) event.preventDefault();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden && poll()) window.dispatchEvent(new Event("focus")); });

// When the site cannot be reached, the page says so until it can.
function lose(lost) {
  const note = document.getElementById("lost");
  if (note && note.hidden === lost) note.hidden = !lost;
}
for (const name of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(name, () => lose(true));
document.addEventListener("htmx:responseError", (event) => lose(event.detail.xhr.status >= 500));
document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) lose(false); });

document.addEventListener("htmx:afterSettle", restore);
document.addEventListener("htmx:oobAfterSwap", restore);
addEventListener("pageshow", () => {
  for (const box of boxes()) if (box.checked) chosen.add(box.value);
  restore();
});
restore();
list()?.setAttribute("data-ready", "");
