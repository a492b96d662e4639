// Passkeys: asks the device for one, or to make one, and sends its answer with the form. Without this file the codes remain.
// Nothing is stored and nobody else is asked.
"use strict";
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listed = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
const answered = (made, parts) => JSON.stringify({
  id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: {},
  response: Object.fromEntries(parts.map((name) => [name, text(made.response[name])])),
});

const old = document.querySelector("[data-passkey]");
if (old && window.PublicKeyCredential) {
  const form = old.closest("form");
  const given = JSON.parse(old.dataset.passkey);
  old.hidden = false;
  old.querySelector("button").addEventListener("click", async () => {
    form.elements.code.required = false;
    if (!form.reportValidity()) return;
    const options = { ...given, challenge: bytes(given.challenge), allowCredentials: listed(given.allowCredentials) };
    try {
      const made = await navigator.credentials.get({ publicKey: options });
      form.elements.passkey.value = answered(made, ["clientDataJSON", "authenticatorData", "signature"]);
      form.requestSubmit();
    } catch {
      form.elements.code.required = true;
      old.querySelector("[role=status]").textContent = old.dataset.failed;
    }
  });
}

const fresh = document.querySelector("[data-new-passkey]");
if (fresh && window.PublicKeyCredential) {
  const form = fresh.form;
  const given = JSON.parse(fresh.dataset.newPasskey);
  form.addEventListener("submit", async (event) => {
    if (fresh.value) return;
    event.preventDefault();
    const options = {
      ...given, challenge: bytes(given.challenge), user: { ...given.user, id: bytes(given.user.id) },
      excludeCredentials: listed(given.excludeCredentials),
    };
    try {
      const made = await navigator.credentials.create({ publicKey: options });
      fresh.value = answered(made, ["clientDataJSON", "attestationObject"]);
      form.submit();
    } catch {
      form.querySelector("[data-status]").textContent = fresh.dataset.failed;
    }
  });
}
