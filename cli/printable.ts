/** What a terminal would obey: an owner may have been named by a stranger. */
const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** `text` without what a terminal would obey. */
export function visible(text: string): string {
  return text.replace(OBEYED, (found) => `\\u{${found.codePointAt(0)?.toString(16)}}`);
}

/** `value` as JSON without what a terminal would obey: of that JSON itself escapes a part only. */
export function json(value: unknown): string {
  const escaped = (found: string) =>
    Array.from({ length: found.length }, (_, at) => unit(found.charCodeAt(at))).join('');
  return JSON.stringify(value).replace(OBEYED, escaped);
}

function unit(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
