// The page: holds the checks and the check shown in full, and updates every part when they change.

import { watchAddresses } from "./addresses.js";
import { report, withdraw } from "./api.js";
import { openArchive, surplus } from "./archive.js";
import { toCsv } from "./csv.js";
import { watchExamples } from "./examples.js";
import { Gallery } from "./gallery.js";
import { watchIntake } from "./intake.js";
import { explainCheck, judgeChecks } from "./judging.js";
import { makeThumbnail } from "./picture.js";
import { Request } from "./request.js";
import { Result, save } from "./result.js";
import { announce } from "./words.js";

const byId = (id) => document.getElementById(id);
const limits = JSON.parse(document.body.dataset.limits);

let checks = []; // newest first
let opened = null;
const archive = await openArchive();
const result = new Result(byId("result"), {
  explain: (check) => explainCheck(check, readOptions(), settle),
  report: reportOn,
  again: (check) => judge([check]),
});
const request = new Request(byId("request"), byId("result").querySelector(".receipt"));
const gallery = new Gallery(byId("history"), { open, forget });

function show() {
  result.show(opened);
  request.show(opened);
  gallery.show(checks, opened);
}

async function take(files) {
  const now = Date.now();
  byId("address").hidden = true;
  const added = files.map((file, index) => ({
    key: now * 1000 - index, // also the order of the history, so the first file of several comes out on top
    time: new Date(now).toISOString(),
    name: file.name,
    file,
  }));
  checks = [...added, ...checks];
  opened = added[0];
  show();
  await Promise.all([judge(added), ...added.map(addThumbnail)]);
}

async function judge(some) {
  for (const check of some) check.problem = null;
  show();
  await judgeChecks(some, readOptions(), limits, settle);
}

function settle(check) {
  byId("news").textContent = announce(check);
  keep(check);
}

async function addThumbnail(check) {
  check.thumbnail = await makeThumbnail(check.file);
  keep(check);
}

/** Show a changed check, and keep it in the history once it has a verdict. */
async function keep(check) {
  show();
  if (!archive || !check.verdict || !checks.includes(check)) return;
  const tooMany = surplus(checks);
  checks = checks.filter((check) => !tooMany.includes(check));
  try {
    await archive.forget(tooMany);
    await archive.write(check);
  } catch (error) {
    byId("news").textContent = `This browser has no room for ${check.name}: the picture will be gone after a reload.`;
    console.warn(error);
  }
}

/** Report `label` for a check; if this label was reported before, withdraw the report instead. */
async function reportOn(check, label, consent) {
  if (check.feedback?.label === label) {
    await withdraw(check.feedback);
    check.feedback = null;
  } else {
    const fields = { prediction_id: check.verdict.id, label };
    const made = await report(fields, { file: consent && check.file, token: check.feedback?.token });
    check.feedback = { ...made, label };
  }
  keep(check);
}

function open(check) {
  opened = check;
  show();
  result.focus();
}

async function forget(...some) {
  checks = checks.filter((check) => !some.includes(check));
  if (some.includes(opened)) opened = checks[0] ?? null;
  show();
  await archive?.forget(some);
}

function readOptions() {
  const options = {};
  if (byId("stability").checked) options.stability = "true";
  if (byId("max-fpr")?.value) options.max_fpr = byId("max-fpr").value;
  if ("signs" in document.body.dataset) options.receipt = "true"; // a verdict cannot be signed later
  return options;
}

watchIntake(take);
watchExamples(byId("examples"), take);
watchAddresses(byId("address"));
byId("history").querySelector(".export").addEventListener("click", () => {
  // The mark at the beginning tells Excel that the file is UTF-8.
  save(new Blob(["\ufeff", toCsv(checks)], { type: "text/csv" }), "truegrain.csv");
});
byId("history").querySelector(".clear").addEventListener("click", () => {
  if (confirm(`Forget all ${checks.length} pictures and their verdicts?`)) forget(...checks);
});
checks = [...checks, ...((await archive?.read()) ?? [])];
opened ??= checks[0] ?? null;
show();
document.body.dataset.ready = "";
