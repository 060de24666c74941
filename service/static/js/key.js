// The API key of a service that wants one: asked for when it is first refused, forgotten with the tab.

const NAME = "truegrain-key";
let asking = null; // one dialog for all the requests that were refused together

/** The headers that carry the key, none while there is none. */
export function keyOfTab() {
  const key = sessionStorage.getItem(NAME);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Ask for a key because of `why`; resolves to whether one was given. */
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
