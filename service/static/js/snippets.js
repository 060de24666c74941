// A request for a verdict as programs write it. Pure: values in, text out. A key is never part of it.

const KEY = "TRUEGRAIN_KEY"; // the environment variable that the programs read
const INDENT = "\n    ";

/** The options, as they stand in the query, with which `verdict` was given. */
export function optionsOf({ operating_point, stability, receipt }) {
  const options = {};
  if (operating_point) options.max_fpr = operating_point;
  if (stability !== null) options.stability = "true";
  if (receipt) options.receipt = "true";
  return options;
}

/** The request for the verdict on a file called `name`, by the name of each language. */
export function writeRequest({ origin, name, options, needsKey }) {
  const request = { url: `${origin}/predict`, name, options, needsKey };
  return { curl: curl(request), Python: python(request), JavaScript: javascript(request) };
}

function curl({ url, name, options, needsKey }) {
  const key = needsKey ? `-H "Authorization: Bearer $${KEY}" ` : "";
  const file = /^[\w .-]+$/.test(name) ? name : `"${name.replace(/["\\]/g, "\\$&")}"`; // curl reads , and ; as its own
  return `curl ${key}-F ${inShell(`file=@${file}`)} ${inShell(`${url}${query(options)}`)}`;
}

function python({ url, name, options, needsKey }) {
  const params = Object.entries(options).map(([option, value]) => `${quote(option)}: ${quote(value)}`);
  const lines = [quote(url), ...(params.length ? [`params={${params.join(", ")}}`] : [])];
  if (needsKey) lines.push(`headers={"Authorization": f"Bearer {os.environ['${KEY}']}"}`);
  lines.push('files={"file": photo}', "timeout=30");
  const call = lines.map((line) => `${INDENT}    ${line},`).join("");
  return `${needsKey ? "import os\n\n" : ""}import requests

with open(${quote(name)}, "rb") as photo:
    answer = requests.post(${call}
    )
print(answer.json())`;
}

function javascript({ url, options, needsKey }) {
  const headers = needsKey ? `${INDENT}headers: { Authorization: \`Bearer \${process.env.${KEY}}\` },` : "";
  return `const form = new FormData();
form.append("file", file); // a File or a Blob
const answer = await fetch(${quote(`${url}${query(options)}`)}, {
    method: "POST",${headers}
    body: form,
});
console.log(await answer.json());`;
}

function query(options) {
  const text = new URLSearchParams(options).toString();
  return text && `?${text}`;
}

const quote = (text) => JSON.stringify(text);
const inShell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
