// Where the modules of the form find what was seen in a field's file. Imported only: a module that a page also loads
// by itself would run twice.

// The address of a file of the site that stands in the field, and nothing for any other.
export function addressOf(field) {
  if (field.taken.hidden || !field.value.value) return "";
  const [, id] = field.value.value.match(/^upload:([0-9a-f-]+)$/) ?? [];
  if (id) return `${field.form.dataset.upload}/${id}`;
  const [, sample] = field.value.value.match(/(\/samples\/[\w.-]+)$/) ?? [];
  return sample ?? "";
}

export const outlinesIn = (root) => root.querySelector("[data-faces]");
