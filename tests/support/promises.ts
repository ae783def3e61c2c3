/** A line of `docs/promises.md`: what is promised, and the tests that keep it. */
export interface Promised {
  readonly line: number;
  readonly text: string;
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

const PROMISE = /^- (?<text>.+?): (?<tests>`tests\/.+)$/;
const REFERENCE = /^`(?<file>tests\/[^`]+\.ts)` (?<names>"[^"]+"(?:, "[^"]+")*)$/;
/** A text that comes first and not alone, in a call or a list: so begin tests, suites, and the rows of their tables. */
const TITLE = /[([]\s*(['"`])(?<title>(?:\\.|(?!\1)[^\\])+)\1\s*,/g;

/** All promises of a document. @throws Error on a line that names no test */
export function promisesIn(document: string): readonly Promised[] {
  return document.split('\n').flatMap((content, index): readonly Promised[] => {
    if (!content.startsWith('- ')) return [];
    const { text = '', tests = '' } = PROMISE.exec(content)?.groups ?? {};
    const references = tests.split(/; (?=`)/).map((reference) => REFERENCE.exec(reference)?.groups);
    if (references.some((groups) => groups === undefined))
      throw new Error(`Line ${index + 1} names no test: ${content}`);
    const named = references.flatMap(({ file = '', names = '' } = {}) =>
      names
        .slice(1, -1)
        .split('", "')
        .map((name) => ({ file, name })),
    );
    return [{ line: index + 1, text, tests: named }];
  });
}

/** The names of the tests and suites in a test file, as they are written there. */
export function testNamesIn(source: string): ReadonlySet<string> {
  const titles = [...source.matchAll(TITLE)].map(({ groups }) => groups?.title ?? '');
  return new Set(titles.map((title) => title.replaceAll(/\\(.)/g, '$1')));
}
