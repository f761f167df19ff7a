// Swagger UI, as django-ninja ships it, over this site's own OpenAPI document.
/* global SwaggerUIBundle */
const place = document.getElementById("explorer");
const dark = matchMedia("(prefers-color-scheme: dark)");

// It has dark colours of its own under this class; the site's choice is in data-theme, or else the system's.
function colour() {
  const theme = document.documentElement.dataset.theme;
  document.documentElement.classList.toggle("dark-mode", theme ? theme === "dark" : dark.matches);
}
colour();
dark.addEventListener("change", colour);
new MutationObserver(colour).observe(document.documentElement, { attributeFilter: ["data-theme"] });

// It leaves its controls without names for a screen reader.
function name() {
  for (const row of place.querySelectorAll("tr[data-param-name]"))
    for (const control of row.querySelectorAll("input, select, textarea")) control.ariaLabel ??= row.dataset.paramName;
  for (const control of place.querySelectorAll("button[title]")) control.ariaLabel ??= control.title;
  for (const control of place.querySelectorAll(".opblock-section-request-body :is(textarea, input, select)"))
    control.ariaLabel ??= control.closest(".parameters-col_description")?.parentElement.innerText.split("\n")[0] || "body";
  for (const control of place.querySelectorAll("select")) control.ariaLabel ??= "media type";
}
new MutationObserver(name).observe(place, { childList: true, subtree: true });

// The page has a heading of its own, and the site is the one server.
const nothing = () => null;
const frame = () => ({ components: { InfoContainer: nothing, ServersContainer: nothing } });

SwaggerUIBundle({
  url: place.dataset.url,
  domNode: place,
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [frame],
  layout: "BaseLayout",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
  syntaxHighlight: { activated: false },
});
