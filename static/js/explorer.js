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

SwaggerUIBundle({
  url: place.dataset.url,
  domNode: place,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
  syntaxHighlight: { activated: false },
});
