// <form data-ask="#dialog"> leads to a page that asks; with this script a dialog asks in its place.
document.addEventListener("submit", (event) => {
  const dialog = event.target.dataset.ask && document.querySelector(event.target.dataset.ask);
  if (!dialog) return;
  event.preventDefault();
  dialog.showModal();
});

// A form is sent once: a second click while the answer is under way does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const method = event.submitter?.getAttribute("formmethod") ?? form.getAttribute("method");
  if (event.defaultPrevented || method !== "post") return;
  if (form.dataset.sent !== undefined) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "";
  event.submitter?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});
