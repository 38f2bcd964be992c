// The one script of these pages. A browser uses passkeys for scripts alone; everything else here
// works without. It asks the browser what a form says, and sends what the browser answers.
"use strict";
(() => {
  const form = document.querySelector("form[data-passkey]");
  if (!form || !window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (text) => {
    const base64 = text.replace(/-/g, "+").replace(/_/g, "/");
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  };
  const text = (buffer) => {
    const chars = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte));
    return btoa(chars.join("")).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  // what is bytes to the browser is base64url in JSON (WebAuthn level 3, section 5.1)
  const question = () => {
    const options = JSON.parse(form.dataset.options);
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    for (const list of [options.allowCredentials, options.excludeCredentials]) {
      for (const one of list || []) one.id = bytes(one.id);
    }
    return { publicKey: options };
  };
  const answer = (credential) => {
    const { response } = credential;
    const said = { clientDataJSON: text(response.clientDataJSON) };
    if (response.attestationObject) {
      said.attestationObject = text(response.attestationObject);
      said.transports = response.getTransports ? response.getTransports() : [];
    } else {
      said.authenticatorData = text(response.authenticatorData);
      said.signature = text(response.signature);
      said.userHandle = response.userHandle ? text(response.userHandle) : null;
    }
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      response: said,
      authenticatorAttachment: credential.authenticatorAttachment || null,
      clientExtensionResults: {},
      type: credential.type,
    });
  };

  const says = form.querySelector("[data-says]");
  const button = form.querySelector("button");
  const reasons = {
    InvalidStateError: "This device holds a passkey for you already.",
    NotAllowedError: "That did not work, or took too long. Please try again.",
    SecurityError: "This browser does not use passkeys at this address.",
  };

  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    says.hidden = true;
    try {
      const wish = question();
      const credential = form.dataset.passkey === "make"
        ? await navigator.credentials.create(wish)
        : await navigator.credentials.get(wish);
      form.elements.answer.value = answer(credential);
    } catch (error) {
      says.textContent = reasons[error.name] || "This browser can’t use a passkey here.";
      says.hidden = false;
      button.disabled = false;
      return;
    }
    form.submit();
  });
})();
