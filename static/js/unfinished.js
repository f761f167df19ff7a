// What this browser remembers of uploads that are under way: where their parts are, by what tells a file from others.
const STORE = "lipsyncweb-uploads";
const LONGEST = 20 * 3600 * 1000; // ms; the site forgets them after a day

function load() {
  try {
    const found = Object.entries(JSON.parse(localStorage.getItem(STORE)) ?? {});
    return Object.fromEntries(found.filter(([, entry]) => Date.now() - entry.time < LONGEST));
  } catch {
    return {}; // not allowed to remember, or somebody else's words
  }
}

function save(entries) {
  try {
    if (Object.keys(entries).length) localStorage.setItem(STORE, JSON.stringify(entries));
    else localStorage.removeItem(STORE);
  } catch {
    // Full, or not allowed: the upload goes on and is only not resumed.
  }
}

const teamOf = (form) => form.elements.for_team.value;

export const keyOf = (form, file, kind) => [teamOf(form), kind, file.size, file.lastModified, file.name].join("/");

export const recall = (key) => load()[key] ?? null;

export function remember(key, entry) { save({ ...load(), [key]: { ...entry, time: Date.now() } }); }

export function forget(key) {
  if (!key) return;
  const { [key]: gone, ...rest } = load();
  if (gone) save(rest);
}

// The key and entry of the newest one for this field of the team; nothing when there is none.
export function unfinishedOf(form, kind, field) {
  const start = `${teamOf(form)}/${kind}/`;
  const found = Object.entries(load()).filter(([key, entry]) => key.startsWith(start) && entry.field === field);
  return found.sort(([, one], [, other]) => other.time - one.time)[0] ?? null;
}
