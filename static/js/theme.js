// The colour switch without a page load. The cookie is read by the server (ui.py), so nothing flashes.
const YEAR = 31536000;

for (const menu of document.querySelectorAll("[data-theme-menu]")) {
  menu.querySelector("form").addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button) return;
    event.preventDefault();
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${button.value}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
    if (button.value === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = button.value;
    for (const other of menu.querySelectorAll("button")) other.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    menu.open = false;
    menu.querySelector("summary").focus();
    document.dispatchEvent(new Event("themechange"));
  });
}
