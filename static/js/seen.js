// Where the modules of the form find what was seen in a field's file, and ask for it. Imported only: a module that a
// page also loads by itself would run twice.

const PATIENCE = 5; // times that a busy site is asked again

// The site's answer about a file; null where it has nothing to say, or the page is not its own any more.
export async function ask(address, left = PATIENCE) {
  const answer = await fetch(address);
  if (answer.status === 202 && left) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(answer.headers.get("Retry-After") || 2)));
    return ask(address, left - 1);
  }
  return answer.status === 200 && !answer.redirected ? answer : null;
}

// The address of a file of the site that stands in the field, and nothing for any other.
export function addressOf(field) {
  if (field.taken.hidden || !field.value.value) return "";
  const [, id] = field.value.value.match(/^upload:([0-9a-f-]+)$/) ?? [];
  if (id) return `${field.form.dataset.upload}/${id}`;
  const [, sample] = field.value.value.match(/(\/samples\/[\w.-]+)$/) ?? [];
  return sample ?? "";
}

export const outlinesIn = (root) => root.querySelector("[data-faces]");
