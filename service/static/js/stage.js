// The picture on its stage, and the heat map that a slider draws over it.

import { describeMap } from "./words.js";

/** Show a check's picture in `figure`; `explain()`, which may reject, is called when its heat map is asked for. */
export class Stage {
  constructor(figure, explain) {
    const find = (selector) => figure.querySelector(selector);
    this.stage = find(".stage");
    this.photo = find(".photo");
    this.map = find(".map");
    this.edge = find(".edge");
    this.wipe = find(".wipe");
    this.blank = find(".blank");
    this.caption = find(".caption");
    this.button = find(".explain");
    this.wipe.addEventListener("input", () => this.#wipe());
    this.photo.addEventListener("error", () => this.#showPicture(false));
    this.photo.addEventListener("load", () => this.#showPicture(true));
    this.button.addEventListener("click", async () => {
      await explain().catch((problem) => (this.caption.textContent = problem.message));
    });
  }

  show({ file, name, verdict, map }) {
    if (file !== this.file) {
      URL.revokeObjectURL(this.photo.src);
      this.photo.src = URL.createObjectURL(file);
      this.file = file;
    }
    this.photo.alt = name;
    const drawn = Boolean(map?.overlay);
    for (const part of [this.map, this.edge, this.wipe]) part.hidden = !drawn;
    if (drawn && this.map.src !== map.overlay) this.map.src = map.overlay;
    this.caption.textContent = verdict ? describeMap(verdict, map) : "";
    this.button.hidden = !verdict || Boolean(map);
    this.#wipe();
  }

  #wipe() {
    this.stage.style.setProperty("--wiped", `${this.wipe.value}%`);
    this.wipe.setAttribute("aria-valuetext", `${this.wipe.value} %`);
  }

  #showPicture(shown) {
    this.stage.hidden = !shown;
    this.blank.hidden = shown;
  }
}
