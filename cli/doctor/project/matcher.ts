const COMMENTS = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g;
const TEXTS = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\$]|\\.)*`/g;
/** A matcher that covers all of /api matches them. */
const SAMPLES = ['/api/a', '/api/a/b'];

/**
 * The paths that a middleware file is matched by, as they stand in it; `undefined` where it names none, which is all, or
 * names them in a way that cannot be read off.
 */
export function matchersIn(source: string): readonly string[] | undefined {
  const text = source.replace(COMMENTS, '');
  const [, , written] = /\bconfig\b[^=;]*=\s*\{([\s\S]*?)\bmatcher\s*:\s*([\s\S]*)/.exec(text) ?? [];
  if (written === undefined) return undefined;
  const list = /^\[([\s\S]*?)\]\s*[,}]/.exec(written);
  const one = new RegExp(`^(?:${TEXTS.source})`).exec(written);
  const texts = (list?.[1] ?? one?.[0] ?? '').match(TEXTS)?.map((text) => text.slice(1, -1).replace(/\\(.)/g, '$1'));
  // Objects with conditions have further texts in them: those of `source` count.
  const sources = [...(list?.[1] ?? '').matchAll(new RegExp(`\\bsource\\s*:\\s*(${TEXTS.source})`, 'g'))];
  if (sources.length > 0) return sources.map(([, text = '']) => text.slice(1, -1).replace(/\\(.)/g, '$1'));
  return texts?.filter((text) => text.startsWith('/'));
}

/** Whether one of the matchers lets the middleware run for something under /api, be it a part that it names. */
export function coversApi(matchers: readonly string[]): boolean {
  return matchers.some((matcher) => {
    if (/^\/api(?:[/:(]|$)/.test(matcher)) return true;
    const pattern = patternOf(matcher);
    return pattern === undefined || SAMPLES.some((path) => pattern.test(path));
  });
}

/** A matcher of Next's as an expression: what it stands for, in as far as samples need it. */
function patternOf(matcher: string): RegExp | undefined {
  const parts = matcher.matchAll(
    /(\/)?:(\w+)(\((?:[^()\\]|\\.)*\))?([*+?])?|\/?\((?:[^()]|\([^()]*\))*\)[*+?]?|[^:(]+|[:(]/g,
  );
  let expression = '';
  for (const [whole, slash = '', name, group = '([^/]+)', repeat = ''] of parts) {
    if (name !== undefined) {
      expression += repeat === '' ? `${slash}${group}` : `(?:${slash}${group})${repeat}`;
    } else expression += /^\/?\(/.test(whole) ? whole : whole.replace(/[.+*?^$|[\]{}\\]/g, '\\$&');
  }
  try {
    return new RegExp(`^${expression}/?$`);
  } catch {
    return undefined;
  }
}
