// The history in this browser: checks with their files, kept in IndexedDB over reloads.

const MOST_CHECKS = 200;
const MOST_BYTES = 300e6;

/** Open the history; resolves to null if the browser keeps none, as in some private windows. */
export async function openArchive() {
  try {
    const opening = indexedDB.open("truegrain", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("checks", { keyPath: "key" });
    return new Archive(await settle(opening));
  } catch {
    return null;
  }
}

/** The oldest of `checks` (newest first) that must be forgotten so that the rest is within the bounds. */
export function surplus(checks, { mostChecks = MOST_CHECKS, mostBytes = MOST_BYTES } = {}) {
  let bytes = 0;
  const first = checks.findIndex(({ file }, index) => (bytes += file.size) > mostBytes || index >= mostChecks);
  return first < 0 ? [] : checks.slice(first);
}

class Archive {
  constructor(database) {
    this.database = database;
  }

  /** All checks, newest first. */
  async read() {
    const checks = await settle(this.#open("readonly").getAll());
    return checks.reverse();
  }

  /** Write a check, new or changed. Rejects when this page has used up its share of the disk. */
  async write(check) {
    await settle(this.#open("readwrite").put(check));
  }

  async forget(checks) {
    await Promise.all(checks.map(({ key }) => settle(this.#open("readwrite").delete(key))));
  }

  #open(mode) {
    return this.database.transaction("checks", mode).objectStore("checks");
  }
}

function settle(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
