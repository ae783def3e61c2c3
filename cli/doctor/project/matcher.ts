const TEXTS = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\$]|\\.)*`/;
/** In one pass: what looks like a comment in a text is none, nor the other way round. */
const TEXTS_AND_COMMENTS = new RegExp(`${TEXTS.source}|/\\*[\\s\\S]*?\\*/|//[^\\n]*`, 'g');
const TOKENS = new RegExp(`(\\w+)\\s*['"]?\\s*:\\s*(?=['"\`])|${TEXTS.source}|[[\\]{},]`, 'g');
/** A matcher that covers all of /api matches them. */
const SAMPLES = ['/api/a', '/api/a/b'];

/** A program's text without its comments. */
export function withoutComments(source: string): string {
  return source.replace(TEXTS_AND_COMMENTS, (found) => (found.startsWith('/') ? '' : found));
}

/**
 * The paths that a middleware file is matched by, as they stand in it; `undefined` where it names none, which is all, or
 * names them in a way that cannot be read off.
 */
export function matchersIn(source: string): readonly string[] | undefined {
  const text = withoutComments(source);
  const [, written] = /\bconfig\b[^=;]*=\s*\{[\s\S]*?\bmatcher['"]?\s*:\s*([\s\S]*)/.exec(text) ?? [];
  if (written === undefined || !/^['"`[{]/.test(written)) return undefined;
  const paths: string[] = [];
  let depth = 0;
  let property: string | undefined;
  for (const [token, name] of written.matchAll(TOKENS)) {
    if (name !== undefined) {
      property = name;
      continue;
    }
    if (/^[[{]/.test(token)) depth += 1;
    else if (/^[\]}]/.test(token)) depth -= 1;
    // Of objects with conditions, which have texts of their own, `source` counts.
    else if (token !== ',' && (property === undefined || property === 'source')) {
      paths.push(token.slice(1, -1).replace(/\\(.)/g, '$1'));
    }
    property = undefined;
    if (depth <= 0) break;
  }
  return paths.length > 0 ? paths.filter((path) => path.startsWith('/')) : undefined;
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
