// Passkeys: asks the device for one, or to make one, and sends its answer with the form. Without this file codes and password remain.
// Nothing is stored and nobody else is asked.
"use strict";
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listed = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
const answered = (made, parts) => JSON.stringify({
  id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: {},
  response: Object.fromEntries(parts.filter((name) => made.response[name]).map((name) => [name, text(made.response[name])])),
});
const PROOF = ["clientDataJSON", "authenticatorData", "signature"];

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
      form.elements.passkey.value = answered(made, PROOF);
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

// A passkey alone: the device finds it by itself, says whose it is, and what opens a sealed mailbox (PRF).
const alone = async (form, field, given) => {
  const first = bytes(given.extensions.prf.eval.first);
  const options = { ...given, challenge: bytes(given.challenge), extensions: { prf: { eval: { first } } } };
  const made = await navigator.credentials.get({ publicKey: options });
  const output = made.getClientExtensionResults().prf?.results?.first;
  form.elements.prf.value = output ? text(output) : "";
  form.elements[field].value = answered(made, [...PROOF, "userHandle"]);
};
const instead = (form, field, given) => form.addEventListener("submit", async (event) => {
  if (form.elements[field].value) return;
  event.preventDefault();
  const button = event.submitter;
  try {
    await alone(form, field, await given(button));
    form.requestSubmit(button);
  } catch {
    form.querySelector("[data-status]").textContent = form.dataset.failed;
  }
});

const allow = document.querySelector("form[data-alone]");
if (allow && window.PublicKeyCredential) instead(allow, "answer", async () => JSON.parse(allow.dataset.alone));

const entry = document.querySelector("template[data-login]");
if (entry && window.PublicKeyCredential) {
  const place = document.querySelector("[data-login-place]");
  place.append(entry.content.cloneNode(true));
  const form = place.querySelector("form");
  instead(form, "passkey", async (button) => {
    const asked = await (await fetch(form.dataset.ask, { credentials: "same-origin", redirect: "error" })).json();
    form.elements.way.value = button.dataset.way;
    form.elements.challenge.value = asked.challenge;
    return JSON.parse(asked.options);
  });
}
