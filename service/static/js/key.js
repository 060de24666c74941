// The API key for a service that needs one: asked for at the first refusal, forgotten when the tab is closed.

const NAME = "truegrain-key";
let asking = null; // one dialog for all requests that were refused together

/** The headers that carry the key; none without a key. */
export function keyOfTab() {
  const key = sessionStorage.getItem(NAME);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Ask for a key because of `why`; resolves to whether the user gave one. */
export function askForKey(why) {
  asking ??= show(why).finally(() => (asking = null));
  return asking;
}

function show(why) {
  const dialog = document.getElementById("key");
  const input = dialog.querySelector("input");
  dialog.querySelector(".why").textContent = why;
  dialog.querySelector(".cancel").onclick = () => dialog.close();
  dialog.querySelector("form").onsubmit = (event) => {
    event.preventDefault(); // the page's policy lets no form be sent
    dialog.close(input.value);
  };
  input.value = dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => {
      if (dialog.returnValue) sessionStorage.setItem(NAME, dialog.returnValue);
      resolve(Boolean(dialog.returnValue));
    };
  });
}
