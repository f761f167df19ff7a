// A job's page asks for what changed; none of it may be taken from under the visitor's hands.
const PARTS = "#card, #head, #side, #raw";
let open = [];
let held = null;

const within = (part) => [...(part?.querySelectorAll("a[href], button, summary, video, audio, input") ?? [])];
const name = (element) => `${element.tagName} ${element.getAttribute("href") ?? ""} ${element.textContent.trim()}`;

document.addEventListener("htmx:beforeSwap", (event) => {
  // A dialog would close. The next question brings the same again.
  if (document.querySelector("dialog[open]")) {
    event.detail.shouldSwap = false;
    return;
  }
  open = [...document.querySelectorAll(".result details[open][id]")].map((part) => part.id);
  const part = document.activeElement?.closest(PARTS);
  held = part && { part: part.id, name: name(document.activeElement) };
});

// A page that nobody sees asks nothing; it asks again within two seconds of being seen.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "card" && document.hidden) event.preventDefault();
});

document.addEventListener("htmx:afterSettle", () => {
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  // "Your video is in line" is not true any more.
  if (["completed", "failed", "canceled"].includes(document.getElementById("card")?.dataset.state)) {
    document.querySelector(".notices")?.remove();
  }
  // Whoever goes by the keyboard would begin at the top of the page again.
  if (!held || document.activeElement !== document.body) return;
  const same = within(document.getElementById(held.part)).find((element) => name(element) === held.name);
  same?.focus({ preventScroll: true });
});
