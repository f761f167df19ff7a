// <button data-copy="#id"> copies the text or value of that element and says so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  const label = button.querySelector("[data-copy-label]") ?? button;
  const before = (button.dataset.before ??= label.textContent);
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    label.textContent = button.dataset.done;
  } catch {
    // No clipboard outside HTTPS and localhost: select it, so that Ctrl+C works.
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    return;
  }
  setTimeout(() => { label.textContent = before; }, 2000);
});

for (const field of document.querySelectorAll("input[data-select]")) {
  field.addEventListener("focus", () => field.select());
}
