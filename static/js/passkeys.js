// Ties the buttons of a page to allauth's script for passkeys, and shows what that only tells the console.
for (const button of document.querySelectorAll("[data-passkey]")) {
  const { passkey, credential, passwordless } = button.dataset;
  const ids = { [passkey]: button.id, credential, passwordless, data: "js_data" };
  window.allauth.webauthn.forms[`${passkey}Form`]({ ids });
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const notice = document.querySelector("#passkey-trouble");
  notice.hidden = false;
  notice.focus();
});
