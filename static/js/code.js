// "Show as code" follows the form while it is open. Without this script it shows what the page came with.
const panel = document.querySelector("[data-code]");
const form = document.querySelector("[data-generate]");
const note = panel.querySelector("[data-code-note]");
const PAUSE_MS = 300;
let timer = 0;
let asked = 0;

async function ask() {
  const body = new FormData();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") body.append(name, value);
  const response = await fetch(panel.dataset.code, { method: "POST", body });
  if (!response.ok || response.redirected) throw new Error();
  return response.json();
}

async function refresh() {
  if (!panel.open) return;
  const turn = (asked += 1);
  let answer = { note: panel.dataset.sayLost, texts: {} };
  try {
    answer = await ask();
  } catch {
    // The code stays as it was, and the note says so.
  }
  if (turn !== asked) return;
  note.textContent = answer.note;
  for (const [name, text] of Object.entries(answer.texts)) document.getElementById(`code-${name}`).textContent = text;
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, PAUSE_MS);
}

panel.addEventListener("toggle", refresh);
for (const name of ["change", "input"]) form.addEventListener(name, soon);
