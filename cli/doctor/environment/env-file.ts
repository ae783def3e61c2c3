/** Variables by their names. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What begins like a text in quotes and is none is a bare value; in that a `#` begins a comment wherever it stands. */
const LINE =
  /^[^\S\n]*(?:export[^\S\n]+)?([\w.-]+)[^\S\n]*=[^\S\n]*('(?:\\'|[^'])*'|"(?:\\"|[^"])*"|`(?:\\`|[^`])*`|[^#\n]*)[^\S\n]*(?:#[^\n]*)?$/gm;
const REFERENCE = /(\\)?\$(?:\{(\w+)(?::-([^}\\]*))?\}|(\w+))/g;
/** References to references. */
const MAX_DEPTH = 8;

/** The variables of a `.env` file as Next reads it. References are to `outer` first, then to the file itself. */
export function parseEnvFile(text: string, outer: Environment = {}): Environment {
  const written = new Map<string, string>();
  for (const [, name = '', value = ''] of text
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .matchAll(LINE)) {
    written.set(name, unquoted(value.trim()));
  }
  const expanded = (value: string, depth: number): string =>
    value.replace(REFERENCE, (whole, escaped?: string, name = '', fallback = '', bare = '') => {
      if (escaped !== undefined) return whole.slice(1);
      const found = outer[name || bare] || written.get(name || bare) || fallback;
      return depth === 0 ? '' : expanded(found, depth - 1);
    });
  return Object.fromEntries([...written].map(([name, value]) => [name, expanded(value, MAX_DEPTH)]));
}

function unquoted(value: string): string {
  const [, quote, inner] = /^(["'`])([\s\S]*)\1$/.exec(value) ?? [];
  if (inner === undefined) return value;
  return quote === '"' ? inner.replaceAll('\\n', '\n').replaceAll('\\r', '\r') : inner;
}
