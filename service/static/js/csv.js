// The history as a table for spreadsheets.

const COLUMNS = {
  time: ({ time }) => time,
  file: ({ name }) => name,
  decision: ({ verdict }) => verdict.decision,
  label: ({ verdict }) => verdict.label,
  probability: ({ verdict }) => verdict.probability,
  threshold: ({ verdict }) => verdict.threshold,
  operating_point: ({ verdict }) => verdict.operating_point,
  stability: ({ verdict }) => verdict.stability,
  in_domain: ({ verdict }) => verdict.in_domain,
  notes: ({ verdict }) => verdict.notes?.map(({ code }) => code).join("; "),
  file_says: ({ verdict }) => verdict.file_says,
  conflict: ({ verdict }) => verdict.conflict,
  evidence: ({ verdict }) => verdict.evidence.map(describe).join("; "),
  your_label: ({ feedback }) => feedback?.label,
  model_version: ({ verdict }) => verdict.model.version,
  demonstration: ({ verdict }) => verdict.model.demonstration,
  dataset_version: ({ verdict }) => verdict.model.dataset_version,
  format: ({ verdict }) => verdict.image.format,
  width: ({ verdict }) => verdict.image.width,
  height: ({ verdict }) => verdict.image.height,
  sha256: ({ verdict }) => verdict.image.sha256,
  id: ({ verdict }) => verdict.id,
};

const describe = ({ source, says, trust, name }) => `${source} ${says}${trust ? ` (${trust})` : ""}: ${name}`;

/** RFC 4180 text of the checks that have a verdict, newest first as they come. */
export function toCsv(checks) {
  const judged = checks.filter(({ verdict }) => verdict);
  const rows = judged.map((check) => Object.values(COLUMNS).map((read) => read(check)));
  return [Object.keys(COLUMNS), ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function cell(value) {
  let text = String(value ?? "");
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`; // a file's name is no formula
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
