// For programs: the verdict as JSON, and the request for it in three languages; the receipt of a signed verdict.

import { keyOfTab } from "./key.js";
import { save } from "./result.js";
import { optionsOf, writeRequest } from "./snippets.js";

/** Show the verdict and the request of one check in `section`; `receipt` is the button that saves its receipt. */
export class Request {
  constructor(section, receipt) {
    this.section = section;
    this.receipt = receipt;
    this.text = section.querySelector("code");
    this.chosen = "JSON";
    for (const button of this.#buttons()) button.addEventListener("click", () => this.#choose(button.value));
    section.querySelector(".copy").addEventListener("click", () => this.#copy());
    section.querySelector("details").addEventListener("toggle", () => this.#write());
    receipt.addEventListener("click", () => this.#saveReceipt());
  }

  show(check) {
    this.check = check;
    this.section.hidden = !check?.verdict;
    this.receipt.hidden = !check?.verdict?.receipt;
    this.#write();
  }

  #choose(name) {
    this.chosen = name;
    this.#write();
  }

  #write() {
    if (this.section.hidden) return;
    const { name, verdict } = this.check;
    const needsKey = Object.keys(keyOfTab()).length > 0;
    const request = writeRequest({ origin: location.origin, name, options: optionsOf(verdict), needsKey });
    for (const button of this.#buttons()) button.setAttribute("aria-pressed", String(button.value === this.chosen));
    this.text.textContent = { JSON: JSON.stringify(verdict, null, 2), ...request }[this.chosen];
    this.#say("");
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.text.textContent);
      this.#say("Copied.");
    } catch {
      getSelection().selectAllChildren(this.text); // browsers lend the clipboard to https and to this machine only
      this.#say("The text is selected: copy it with your keyboard.");
    }
  }

  #saveReceipt() {
    const { name, verdict } = this.check;
    save(new Blob([verdict.receipt], { type: "application/jose" }), `${name.replace(/\.[^.]*$/, "")} - receipt.jws`);
  }

  #buttons() {
    return this.section.querySelectorAll("button[value]");
  }

  #say(text) {
    this.section.querySelector(".copied").textContent = text;
  }
}
