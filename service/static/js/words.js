// Every sentence the page says about a verdict. Pure: values in, text out.

import { fileHeadline } from "./claims.js";

export const HEADLINES = {
  ai: "Looks AI-generated",
  real: "Looks real",
  unsure: "Unsure",
  demonstration: "Demonstration, not a judgement",
  waiting: "Looking at it …",
  refused: "Not judged",
};

/** What the pixels look like, below what the file says. */
export const PIXELS = {
  ai: "the pixels look AI-generated",
  real: "the pixels look real",
  unsure: "the pixels leave it unsure",
  demonstration: "the pixels are judged by a demonstration only",
};

/** The same where there is room for a word. */
export const SHORT = { ...HEADLINES, ai: "AI", real: "Real", demonstration: "Demonstration" };

const NEEDED = 0.9; // share of the other places that a map must outdo, as in model/detectors/map_test.py
const PER_CENT = "\u00a0%"; // the space that no line is broken at

/** One of the keys of HEADLINES. */
export function stateOf(check) {
  if (check.verdict) return stateOfVerdict(check.verdict);
  return check.problem ? "refused" : "waiting";
}

/** Whether the probability means something: not for a demonstration, nor for a picture that the detector cannot judge. */
export function isJudged({ model, notes }) {
  return !model?.demonstration && doubts(notes).length === 0;
}

/** The probability of AI in words, empty where it means nothing. */
export function reading(verdict) {
  return isJudged(verdict) ? `${percent(verdict.probability)} AI` : "";
}

/** What limits the verdict without making it doubtful: whatever makes it doubtful is in `explain`. */
export function limitations({ notes = [] }) {
  return notes.filter(({ unsure }) => !unsure).map(({ detail }) => detail);
}

/** A share in whole per cent that never claims certainty: 0.9996 is "> 99 %". */
export function percent(share) {
  if (share > 0.99) return `>\u00a099${PER_CENT}`;
  if (share < 0.01) return `<\u00a01${PER_CENT}`;
  return `${Math.round(share * 100)}${PER_CENT}`;
}

/** What the verdict means, for somebody who has never heard of a threshold. */
export function explain({ decision, probability, stability, threshold, model, notes }) {
  if (doubts(notes).length) return `The detector cannot judge this picture. ${doubts(notes).join(" ")}`;
  if (decision !== "unsure" && model?.demonstration) {
    const says = decision === "ai" ? "AI" : "real";
    return `This detector has learned from drawn pictures alone, and knows no photograph. It calls this one ${says}.`;
  }
  if (decision === "unsure" && stability !== null && stability < 1) {
    return "Re-saved, halved or cropped copies of the picture get another verdict, so neither should be relied on.";
  }
  if (decision === "unsure") {
    return (
      "Too close to call: for pictures that score like this one the detector is wrong too often. " +
      "Take the picture's origin as unknown, and look for other signs."
    );
  }
  const share = decision === "ai" ? probability : 1 - probability;
  if (share < 0.5) {
    return `The probability of AI is ${percent(probability)}, on this side of the threshold ${percent(threshold)}.`;
  }
  const count = share > 0.99 ? "nearly all" : `about ${Math.round(share * 100)}`;
  const kind = decision === "ai" ? "AI-generated" : "real";
  return `Of 100 test pictures that scored like this one, ${count} were ${kind}.`;
}

/** What was examined beyond the picture as it came; empty when nothing was. */
export function describeChecks({ operating_point, stability }) {
  const checks = [];
  if (stability === 1) checks.push("Re-saved, halved and cropped copies get the same verdict.");
  if (stability !== null && stability < 1) {
    checks.push(`Of four re-saved, halved or cropped copies, ${Math.round(stability * 4)} agree with the picture.`);
  }
  if (operating_point) {
    const rate = Number((100 * operating_point).toPrecision(3)) + PER_CENT;
    checks.push(
      `At this setting at most ${rate} of real test pictures were called AI. ` +
        "It holds for pictures like those of the detector's training only.",
    );
  }
  return checks.join(" ");
}

/** What the heat map shows and how it was tested, or why there is none. */
export function describeMap({ label }, map) {
  if (!map) return "";
  const { share, controls, outdone } = map.deletion;
  const kind = label === "ai" ? "AI" : "a real picture";
  const less = Math.round(outdone * controls.length);
  const compared = `${less} of ${controls.length} other places took less from the probability of ${kind}`;
  if (map.overlay) {
    const test = `when the reddest ${percent(share)} of the picture was painted over, ${compared}`;
    return `The redder a place, the more it speaks for ${kind}; the detector ignores grey edges. Tested: ${test}.`;
  }
  const painted = `the most important ${percent(share)} of the picture painted over`;
  const found = less < NEEDED * controls.length ? `only ${compared}` : `the probability of ${kind} hardly changes`;
  return `No heat map, since it would mislead: with ${painted}, ${found}.`;
}

/** The question under a verdict and its two answers, first the one that agrees with the label. */
export function askForFeedback({ decision, label }) {
  if (decision === "unsure") {
    const answers = ["It is real", "It is AI"];
    return ["Do you know what it is?", ...(label === "real" ? answers : answers.reverse())];
  }
  return ["Is this right?", "Yes", "No"];
}

/** The fine print as [name, value] pairs. */
export function listFacts({ verdict, time }) {
  const { image, model } = verdict;
  return [
    ["Probability of AI", verdict.probability.toFixed(4)],
    ["Threshold", verdict.threshold.toFixed(4)],
    ["Judged", `${new Date(time).toLocaleString()}, in ${Math.round(verdict.timings_ms.total)} ms`],
    ["Detector", `${model.name}, version ${model.version}, ${model.sha256.slice(0, 12)}`],
    ["Trained on", [model.trained_on, model.dataset_version].filter(Boolean).join(", ")],
    ["File", `${image.format}, ${image.width} × ${image.height}`],
    ["SHA-256", image.sha256],
    ["Request", verdict.request_id],
  ];
}

/** Where the scale's zone of doubt begins and ends, as [low, high] shares; null when the band is not known. */
export function zoneOfDoubt({ operating_point, threshold }, band) {
  if (!band) return null;
  return operating_point ? [Math.min(threshold, band[0]), threshold] : band;
}

/** The scale in words, for readers who cannot see it. */
export function describeScale({ probability }, zone) {
  const doubt = zone ? `; unsure is between ${percent(zone[0])} and ${percent(zone[1])}` : "";
  return `Probability of AI: ${percent(probability)}${doubt}`;
}

/** One line under a downloaded picture: the detector, the day, the hash of the original file. */
export function describeSource({ model, image }, time) {
  const original = `SHA-256 of the original ${image.sha256.slice(0, 16)}…`;
  return `Truegrain, detector version ${model.version}, ${time.slice(0, 10)}, ${original}`;
}

/** A settled check in words, for screen readers. */
export function announce(check) {
  const { name, verdict, problem } = check;
  if (problem) return `${name}: not judged. ${problem.title}`;
  const share = isJudged(verdict) ? `, probability of AI ${percent(verdict.probability)}` : "";
  return `${name}: ${headlines(verdict).join("; ")}${share}`;
}

/** The line on a downloaded picture. */
export function title(verdict) {
  const contradicted = verdict.conflict && !verdict.file_says ? "the file contradicts" : "";
  return [...headlines(verdict), reading(verdict), contradicted].filter(Boolean).join(" · ");
}

/** What the file itself says, if it says something, then what the pixels look like. */
function headlines(verdict) {
  const claim = fileHeadline(verdict);
  const state = stateOfVerdict(verdict);
  return claim ? [claim, PIXELS[state]] : [HEADLINES[state]];
}

function stateOfVerdict({ decision, model }) {
  return decision !== "unsure" && model?.demonstration ? "demonstration" : decision;
}

/** The details of the notes that make a verdict unsure; a verdict of an earlier release has no notes. */
function doubts(notes = []) {
  return notes.filter(({ unsure }) => unsure).map(({ detail }) => detail);
}
