import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { promisesIn, testNamesIn } from './support/promises.ts';
import { projectRoot } from './support/source-tree.ts';

const read = (path: string): Promise<string> => readFile(join(projectRoot, path), 'utf8');

describe('docs/promises.md', () => {
  it('names for each promise tests that exist', async () => {
    const promises = promisesIn(await read('docs/promises.md'));
    const files = new Set(promises.flatMap(({ tests }) => tests.map(({ file }) => file)));
    const names = new Map(
      await Promise.all([...files].map(async (file) => [file, testNamesIn(await read(file))] as const)),
    );
    const missing = promises.flatMap(({ line, tests }) =>
      tests
        .filter(({ file, name }) => !names.get(file)?.has(name))
        .map(({ file, name }) => `line ${line}: ${file} "${name}"`),
    );
    expect(missing).toEqual([]);
    expect(promises.length).toBeGreaterThan(200);
  });

  it('promises nothing twice', async () => {
    const texts = promisesIn(await read('docs/promises.md')).map(({ text }) => text);
    expect(texts.filter((text, index) => texts.indexOf(text) < index)).toEqual([]);
  });
});

describe('a list of promises', () => {
  it('is read with all tests of each promise', () => {
    expect(
      promisesIn('# Title\n\n- It: holds: `tests/a.test.ts` "one", "two"; `tests/b/c.test.ts` "three: it"\n'),
    ).toEqual([
      {
        line: 3,
        text: 'It: holds',
        tests: [
          { file: 'tests/a.test.ts', name: 'one' },
          { file: 'tests/a.test.ts', name: 'two' },
          { file: 'tests/b/c.test.ts', name: 'three: it' },
        ],
      },
    ]);
  });

  it.each([
    ['no test', '- It holds.'],
    ['a file and no name', '- It holds: `tests/a.test.ts`'],
    ['what is no test', '- It holds: `lib/a.ts` "one"'],
    ['something else behind a test', '- It holds: `tests/a.test.ts` "one" and more'],
  ])('is refused when a promise names %s', (_, document) => {
    expect(() => promisesIn(document)).toThrow('Line 1 names no test');
  });
});

describe('the names in a test file', () => {
  it('are found however a test is written', () => {
    const source = `
      describe('a suite', () => {
        it('holds', async () => {});
        it("keeps the caller's word", () => {});
        it('is the user\\'s', () => {});
        it.each([['x', 1]])('counts %s', (_, n) => {});
        it(
          \`fault 01 of \${name}\`,
          () => {},
        );
      });`;
    expect([...testNamesIn(source)]).toEqual(
      expect.arrayContaining([
        'a suite',
        'holds',
        "keeps the caller's word",
        "is the user's",
        'counts %s',
        'fault 01 of \x24{name}',
      ]),
    );
  });
});
