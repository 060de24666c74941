// Every way a picture gets into the page: chosen, photographed, dropped, pasted.

/** Call `take(files)` with the files that the user hands over, unchanged. */
export function watchIntake(take) {
  const hand = (list) => list?.length && take([...list]);
  for (const input of document.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      hand(input.files);
      input.value = ""; // so that the same file can be chosen again
    });
  }
  document.addEventListener("paste", (event) => hand(event.clipboardData.files));
  watchDrop(hand);
}

function watchDrop(hand) {
  let inside = 0; // the browser reports every element that the pointer crosses
  const mark = (count) => {
    inside = count;
    document.body.classList.toggle("dropping", inside > 0);
  };
  const listen = (kind, react) =>
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      react(event);
    });
  listen("dragenter", () => mark(inside + 1));
  listen("dragleave", () => mark(inside - 1));
  listen("dragover", () => {});
  listen("drop", (event) => {
    mark(0);
    hand([...event.dataTransfer.items].filter(isNoFolder).map((item) => item.getAsFile()));
  });
}

// A folder cannot be sent, and would fail all the files that were dropped with it.
const isNoFolder = (item) => item.kind === "file" && !item.webkitGetAsEntry()?.isDirectory;
