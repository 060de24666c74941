// What a file says of its own origin, in words. Pure: a verdict or a finding in, text out.

const SOURCES = { c2pa: "Content Credentials", camera: "Camera data", generator_text: "Generator’s text" };
const SAYS = {
  ai: "speaks for AI",
  partly_ai: "speaks for AI in parts",
  real: "speaks for a real picture",
  nothing: "speaks for neither",
};
const FILE_SAYS = { ai: "AI", partly_ai: "AI in parts", real: "real" };

/** Who vouches for a finding; those that are hardest to forge come first. */
const TRUST = {
  listed: "signed, by a signer on the trust list",
  unlisted: "signed, by a signer on no trust list",
  unsigned: "unsigned",
  invalid: "its signature is not valid",
};

/** What the file itself says of its origin, as a headline; null when it says nothing that counts. */
export function fileHeadline({ file_says: says }) {
  return says ? `The file itself says ${FILE_SAYS[says]}` : null;
}

/** The finding behind this headline: who says it, and who vouches for it. */
export function describeClaim({ file_says: says, evidence }) {
  const effort = Object.keys(TRUST);
  const claims = evidence.filter((finding) => finding.says === says);
  const [{ source, name, trust }] = claims.sort((a, b) => effort.indexOf(a.trust) - effort.indexOf(b.trust));
  return `${SOURCES[source] ?? source}: ${name} (${TRUST[trust]})`;
}

/** The file's claim where there is room for a few words; empty when it claims nothing and contradicts nothing. */
export function shortClaim({ file_says: says, conflict }) {
  if (says) return `File says ${FILE_SAYS[says]}`;
  return conflict ? "File contradicts" : "";
}

/** Why the file and the verdict on the pixels may differ. */
export function describeConflict({ file_says: says }) {
  const reason = {
    real: "The detector may be wrong, or the picture is a photograph of one that a generator made.",
    ai: "The detector may not know this generator, or the entry is forged.",
    partly_ai: "The detector may not know this generator, or its part may be too small to see.",
  };
  return says
    ? `The file and the pixels disagree. ${reason[says]}`
    : "This contradicts the verdict. Such entries are easily lost and easily forged.";
}

/** A finding in the file's metadata as [source, text, direction]. */
export function describeFinding({ source, says, name, detail }) {
  return [SOURCES[source] ?? source, detail || name, SAYS[says]];
}
