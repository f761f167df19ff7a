// A job's page asks for what changed; none of it may be taken from under the visitor's hands.
let open = [];

document.addEventListener("htmx:beforeSwap", (event) => {
  // A dialog would close. The next question brings the same again.
  if (document.querySelector("dialog[open]")) {
    event.detail.shouldSwap = false;
    return;
  }
  open = [...document.querySelectorAll(".result details[open][id]")].map((part) => part.id);
});

document.addEventListener("htmx:afterSettle", () => {
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
});
