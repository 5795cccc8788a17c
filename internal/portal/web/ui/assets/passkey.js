// Passkeys: a button asks the gateway what to ask the device, and sends the answer.
// Without this script, or in a browser that has no passkeys, the button stays hidden.
//
//   <form data-passkey="get" data-ask="/…" data-show="/…" data-failed="…" hidden>…<button>

async function send(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const out = await response.json();
  if (out.to && !response.ok) location.assign(out.to);
  if (!response.ok) throw new Error(out.error || "");
  return out;
}

async function run(form) {
  const asked = await send(form.dataset.ask, {});
  const make = form.dataset.passkey === "create";
  const credential = make
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked.options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked.options) });
  const out = await send(form.dataset.show, {
    ceremony: asked.ceremony,
    answer: credential.toJSON(),
    name: form.elements.name?.value ?? "",
    next: form.elements.next?.value ?? "",
  });
  location.assign(out.to);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) continue;
  form.hidden = false;
  const note = form.querySelector("[role=alert]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    note.hidden = true;
    try {
      await run(form);
    } catch (error) {
      note.textContent = error instanceof DOMException ? form.dataset.failed : error.message || form.dataset.failed;
      note.hidden = false;
    }
    button.disabled = false;
  });
}
