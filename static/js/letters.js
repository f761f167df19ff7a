// Which letters a language is written in. Imported only, as seen.js.

// Scripts of one way of writing that ISO 15924 has a common name for.
const TOGETHER = { Hans: ["Hani"], Hant: ["Hani"], Jpan: ["Hani", "Hira", "Kana"], Kore: ["Hang", "Hani"] };

// Whether most letters of the text are foreign to the language. Latin ones never are: every voice reads them.
export function isForeign(text, language) {
  const letters = text.match(/\p{L}/gu) ?? [];
  const own = lettersOf(language);
  return own !== null && letters.filter((letter) => !own.test(letter)).length > letters.length / 2;
}

// Null for a language that the browser knows no script of.
function lettersOf(language) {
  try {
    const { script } = new Intl.Locale(language).maximize();
    const scripts = ["Latin", ...(TOGETHER[script] ?? [script])];
    return new RegExp(`[${scripts.map((name) => `\\p{Script=${name}}`).join("")}]`, "u");
  } catch {
    return null;
  }
}
