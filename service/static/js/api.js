// The service, as functions: files in, verdicts or a Problem out.

import { askForKey, keyOfTab } from "./key.js";

const PATIENCE = 3; // attempts at a service that says it is busy
const LONGEST_PAUSE = 20; // seconds; a longer wait is shown to the user
const WANTS_KEY = ["key_missing", "key_unknown", "key_expired", "role_missing"];
const NONSENSE = { title: "The service did not answer as it should", detail: "Try again, or tell its operator." };
const UNREACHABLE = { title: "The service cannot be reached", detail: "Check the connection, then try again." };

/** A request that failed: `title` in a few words, `message` with the way out, `reason` as in problem+json. */
export class Problem extends Error {
  constructor({ title, detail, reason, status }) {
    super(detail);
    Object.assign(this, { title, reason, status });
  }

  /** Whether the file itself is at fault, so that trying again cannot help. */
  get isFinal() {
    return [400, 413, 415, 422].includes(this.status);
  }
}

/** The verdict on one file and its heat map, as {verdict, map}; the map's `overlay` is null when it is withheld. */
export async function explain(file, options) {
  const answer = await send("predict/explain", { body: form({ file }), options });
  const { overlay_png: png, deletion, cam: _, faithful: __, ...verdict } = answer;
  return { verdict, map: { overlay: png && `data:image/png;base64,${png}`, deletion } };
}

/** The verdicts on several files, in order, each as {verdict} or {problem}. */
export async function judge(files, options) {
  const body = new FormData();
  for (const file of files) body.append("files", file);
  const { items } = await send("predict/batch", { body, options });
  return items.map(({ verdict, problem }) => (problem ? { problem: new Problem(problem) } : { verdict }));
}

/**
 * Tell the service what the picture of an earlier verdict is; with `file` the service may keep the picture. `token` is
 * the token of the report to replace, if there is one. Returns {id, token} of the report; with a key, token is null.
 */
export async function report(fields, { file, token }) {
  const body = form(file ? { ...fields, consent: "true", file } : fields);
  const answer = await send("feedback", { body, headers: licence(token) });
  return { id: answer.id, token: answer.report_token };
}

/** Withdraw a report. */
export async function withdraw({ id, token }) {
  await send(`feedback/${encodeURIComponent(id)}`, { method: "DELETE", headers: licence(token) });
}

const licence = (token) => (token ? { "X-Report-Token": token } : {});

/** The card of the detector in service. */
export function describeDetector() {
  return send("model", { method: "GET" });
}

function form(fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return body;
}

async function send(path, { method = "POST", body, options = {}, headers = {} }) {
  const query = new URLSearchParams(options).toString();
  for (let attempt = 1; ; attempt++) {
    const answer = await reach(`/${path}${query && `?${query}`}`, { method, body, headers: { ...keyOfTab(), ...headers } });
    const said = await answer.json().catch(() => null);
    if (answer.ok && said) return said;
    const problem = new Problem(said ?? { ...NONSENSE, status: answer.status });
    if (WANTS_KEY.includes(problem.reason) && (await askForKey(problem.message))) continue;
    const pause = Number(answer.headers.get("Retry-After"));
    if (![429, 503].includes(answer.status) || attempt === PATIENCE || !pause || pause > LONGEST_PAUSE) throw problem;
    await new Promise((resolve) => setTimeout(resolve, pause * 1000));
  }
}

async function reach(address, request) {
  try {
    return await fetch(address, request);
  } catch {
    throw new Problem(UNREACHABLE);
  }
}
