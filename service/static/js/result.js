// One check in full: its picture, the verdict in words and on a scale, what the file says, the fine print.

import * as claims from "./claims.js";
import { printVerdict } from "./picture.js";
import { Stage } from "./stage.js";
import * as words from "./words.js";

/** Show one check at a time in `section`; `react` holds what to do on its buttons, each called with the check. */
export class Result {
  constructor(section, react) {
    this.section = section;
    this.stage = new Stage(this.#find("figure"), () => react.explain(this.check));
    this.report = react.report;
    this.#find(".agree").addEventListener("click", () => this.#answer(this.check.verdict.label));
    this.#find(".differ").addEventListener("click", () => this.#answer(opposite(this.check.verdict.label)));
    this.#find(".download").addEventListener("click", () => this.#download());
    this.#find(".again").addEventListener("click", () => react.again(this.check));
  }

  show(check) {
    if (check !== this.check) this.#find(".consent").checked = false; // it is given for one picture at a time
    this.check = check;
    this.section.hidden = !check;
    if (!check) return;
    const state = words.stateOf(check);
    this.section.dataset.state = state;
    this.stage.show(check);
    this.#showHeadline(state, check.verdict);
    this.#write(".verdict > .name", check.name);
    this.#write(".sentence", sentence(check));
    this.#find(".again").hidden = !check.problem || check.problem.isFinal;
    if (check.verdict) this.#showVerdict(check);
  }

  /** Lead the reader's eye, ear and keyboard to the verdict. */
  focus() {
    this.#find("#headline").focus({ preventScroll: true });
    this.section.scrollIntoView({ block: "nearest" });
  }

  /** What the file itself says stands above what the pixels look like; without such a claim there is one headline. */
  #showHeadline(state, verdict) {
    const claim = verdict && claims.fileHeadline(verdict);
    const says = claim ? verdict.file_says : "";
    this.section.dataset.file = says;
    this.#find("#headline use").setAttribute("href", `#icon-${ICONS[says] ?? state}`);
    this.#write("#headline span", claim ?? words.HEADLINES[state]);
    this.#write(".claim", claim ? claims.describeClaim(verdict) : "");
    this.#find(".pixels").hidden = !claim;
    this.#find(".pixels use").setAttribute("href", `#icon-${state}`);
    this.#write(".pixels span", claim ? sentenceCase(words.PIXELS[state]) : "");
  }

  #showVerdict(check) {
    const { verdict, band } = check;
    this.#showMeter(verdict, band);
    this.#write(".checks", words.describeChecks(verdict));
    this.#find(".notes").replaceChildren(...words.limitations(verdict).map((sentence) => make("li", sentence)));
    this.#find(".conflict").hidden = !verdict.conflict;
    this.#write(".conflict span", claims.describeConflict(verdict));
    this.#find(".evidence").replaceChildren(...listEvidence(verdict.evidence));
    const facts = words.listFacts(check).flatMap(([name, value]) => [make("dt", name), make("dd", value)]);
    this.#find(".facts").replaceChildren(...facts);
    this.#showFeedback(check);
  }

  #showMeter(verdict, band) {
    const meter = this.#find(".meter");
    meter.hidden = !words.isJudged(verdict);
    const zone = words.zoneOfDoubt(verdict, band);
    meter.setAttribute("aria-label", words.describeScale(verdict, zone));
    meter.style.setProperty("--at", verdict.probability);
    meter.style.setProperty("--low", zone?.[0] ?? verdict.threshold);
    meter.style.setProperty("--high", zone?.[1] ?? verdict.threshold);
    this.#write(".reading", words.reading(verdict));
  }

  #showFeedback({ verdict, feedback }) {
    const [question, agree, differ] = words.askForFeedback(verdict);
    this.#write(".feedback legend", question);
    this.#write(".agree span", agree);
    this.#write(".differ span", differ);
    this.#press(".agree", feedback?.label === verdict.label);
    this.#press(".differ", feedback?.label === opposite(verdict.label));
    this.#write(".thanks", feedback ? "Thank you. Press the same button again to withdraw." : "");
  }

  async #answer(label) {
    try {
      await this.report(this.check, label, this.#find(".consent").checked);
    } catch (problem) {
      this.#write(".thanks", `${problem.title}: ${problem.message}`);
    }
  }

  async #download() {
    const { file, name, verdict, time } = this.check;
    const headline = words.title(verdict);
    const source = words.describeSource(verdict, time);
    const colour = getComputedStyle(this.#find("#headline .icon")).color;
    const picture = await printVerdict(file, { headline, source, colour });
    if (picture) save(picture, `${name.replace(/\.[^.]*$/, "")} - verdict.jpg`);
  }

  #press(selector, pressed) {
    this.#find(selector).setAttribute("aria-pressed", String(pressed));
  }

  #find(selector) {
    return this.section.querySelector(selector);
  }

  #write(selector, text) {
    this.#find(selector).textContent = text;
  }
}

/** Let the browser save `blob` as a file called `name`. */
export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

const sentenceCase = (text) => text[0].toUpperCase() + text.slice(1);
const ICONS = { ai: "ai", partly_ai: "ai", real: "real" };

const opposite = (label) => (label === "ai" ? "real" : "ai");

function sentence({ verdict, problem }) {
  if (verdict) return words.explain(verdict);
  return problem ? `${problem.title}: ${problem.message}` : "";
}

function listEvidence(evidence) {
  if (!evidence.length) return [make("li", "Nothing about where the picture comes from, which proves nothing.")];
  return evidence.map((finding) => {
    const [source, text, direction] = claims.describeFinding(finding);
    const item = make("li", "");
    item.dataset.says = finding.says;
    item.append(make("b", source), make("span", text), make("i", direction));
    return item;
  });
}

function make(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}
