// The history as a wall of small pictures, each a button that opens its verdict.

import { shortClaim } from "./claims.js";
import { reading, SHORT, stateOf } from "./words.js";

/** Show checks in `section`; `open` and `forget` are called with the check whose button was pressed. */
export class Gallery {
  constructor(section, { open, forget }) {
    this.section = section;
    this.list = section.querySelector("ul");
    this.template = document.getElementById("card");
    this.react = { open, forget };
    this.cards = new Map();
  }

  /** Show `checks`, newest first; `opened` is the check that is shown in full. */
  show(checks, opened) {
    this.section.hidden = checks.length === 0;
    for (const [check, card] of this.cards) if (!checks.includes(check)) this.#drop(check, card);
    checks.forEach((check, index) => {
      const card = this.cards.get(check) ?? this.#add(check);
      if (this.list.children[index] !== card) this.list.insertBefore(card, this.list.children[index] ?? null);
      fill(card, check, check === opened);
    });
    this.section.querySelector(".progress").textContent = progress(checks);
  }

  #add(check) {
    const card = this.template.content.firstElementChild.cloneNode(true);
    card.querySelector(".open").addEventListener("click", () => this.react.open(check));
    card.querySelector(".forget").addEventListener("click", () => this.react.forget(check));
    this.cards.set(check, card);
    return card;
  }

  #drop(check, card) {
    URL.revokeObjectURL(card.querySelector("img").src);
    card.remove();
    this.cards.delete(check);
  }
}

function fill(card, check, opened) {
  const state = stateOf(check);
  card.dataset.state = state;
  card.querySelector(".open").setAttribute("aria-current", String(opened));
  card.querySelector(".forget").setAttribute("aria-label", `Forget ${check.name}`);
  card.querySelector("use").setAttribute("href", `#icon-${state}`);
  card.querySelector(".says").textContent = SHORT[state];
  card.querySelector(".reading").textContent = check.verdict ? reading(check.verdict) : "";
  const claim = card.querySelector(".claim");
  claim.textContent = check.verdict ? shortClaim(check.verdict) : "";
  claim.dataset.conflict = String(Boolean(check.verdict?.conflict));
  card.querySelector(".name").textContent = check.name;
  const image = card.querySelector("img");
  if (check.thumbnail && image.hidden) {
    image.src = URL.createObjectURL(check.thumbnail);
    image.hidden = false;
  }
}

function progress(checks) {
  const waiting = checks.filter((check) => stateOf(check) === "waiting").length;
  return waiting ? `${checks.length - waiting} of ${checks.length} judged` : `${checks.length}`;
}
