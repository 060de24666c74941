// Addresses that are dropped or pasted in place of a file: the page says why it does not fetch them.

const ADDRESS = /^https?:\/\/\S+$/i;

/** Show `notice` with an address that is dropped or pasted; hide it at the next picture. */
export function watchAddresses(notice) {
  document.addEventListener("paste", ({ clipboardData, target }) => {
    if (!clipboardData.files.length && !target.closest("input")) tell(notice, clipboardData);
  });
  document.addEventListener("dragover", (event) => {
    if (carriesAddress(event)) event.preventDefault(); // otherwise the browser goes to the address
  });
  document.addEventListener("drop", (event) => {
    if (!carriesAddress(event)) return;
    event.preventDefault();
    tell(notice, event.dataTransfer);
  });
}

const carriesAddress = ({ dataTransfer }) =>
  Boolean(dataTransfer?.types.includes("text/uri-list") && !dataTransfer.types.includes("Files"));

function tell(notice, data) {
  const [address] = (data.getData("text/uri-list") || data.getData("text/plain")).trim().split(/\s+/, 1);
  if (!ADDRESS.test(address)) return;
  notice.querySelector("b").textContent = address;
  notice.hidden = false;
  notice.scrollIntoView({ block: "nearest" });
}
