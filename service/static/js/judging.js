// From files to verdicts: one alone with its heat map, several in batches that the service accepts.

import { describeDetector, explain, judge, Problem } from "./api.js";

const bands = new Map(); // promises by detector version, whose band never changes

/** Judge `checks` and call `changed(check)` whenever one has got its verdict or its problem. */
export async function judgeChecks(checks, options, limits, changed) {
  const fitting = checks.filter((check) => check.file.size <= limits.fileBytes);
  for (const check of checks.filter((check) => !fitting.includes(check))) {
    conclude(check, { problem: tooLarge(check.file, limits) }, changed);
  }
  if (fitting.length === 1) return judgeOne(fitting[0], options, changed);
  for (const batch of intoBatches(fitting, limits)) await judgeBatch(batch, options, changed);
}

/** Consecutive `checks` in batches of at most `batchFiles` files and `batchBytes` bytes. */
export function intoBatches(checks, { batchFiles, batchBytes }) {
  const batches = [];
  let bytes = Infinity;
  for (const check of checks) {
    bytes += check.file.size;
    if (bytes > batchBytes || batches.at(-1).length === batchFiles) {
      batches.push([]);
      bytes = check.file.size;
    }
    batches.at(-1).push(check);
  }
  return batches;
}

/** Judge one check with its heat map. On failure reject with the Problem and leave the check unchanged. */
export async function explainCheck(check, options, changed) {
  await conclude(check, await explain(check.file, options), changed);
}

async function judgeOne(check, options, changed) {
  await explainCheck(check, options, changed).catch((problem) => conclude(check, { problem }, changed));
}

/** Judge a batch; judge images that had too many pixels for it again. Pixels are unknown before decoding. */
async function judgeBatch(batch, options, changed) {
  const answers = new Map(await askAbout(batch, options));
  const over = batch.filter((check) => answers.get(check).problem?.reason === "too_many_pixels");
  const again = over.length < batch.length ? over : [];
  for (const check of batch) if (!again.includes(check)) conclude(check, answers.get(check), changed);
  if (again.length) await judgeBatch(again, options, changed);
}

/** Each check of a batch with its answer; if the request fails, every check gets its Problem. */
async function askAbout(batch, options) {
  try {
    const items = await judge(batch.map(({ file }) => file), options);
    return batch.map((check, index) => [check, items[index]]);
  } catch (problem) {
    return batch.map((check) => [check, { problem }]);
  }
}

async function conclude(check, { verdict = null, map = null, problem = null }, changed) {
  const band = verdict && (await bandOf(verdict.model.version));
  changed(Object.assign(check, { verdict, map, band, problem }));
}

/** The probabilities between which `version` is unsure; null when another version is in service by now. */
function bandOf(version) {
  if (!bands.has(version)) bands.set(version, askForBand(version));
  return bands.get(version);
}

async function askForBand(version) {
  try {
    const detector = await describeDetector();
    return detector.version === version ? detector.band : null;
  } catch {
    return null; // the scale goes without its zone of doubt
  }
}

function tooLarge(file, { fileBytes }) {
  const [size, most] = [file.size, fileBytes].map((bytes) => bytes.toLocaleString("en"));
  const detail = `The file has ${size} bytes; at most ${most} are accepted.`;
  return new Problem({ title: "The file is too large", detail, status: 413 });
}
