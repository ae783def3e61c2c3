import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, projectRoot, readSourceTree } from '../support/source-tree.ts';

describe('the argument parser', () => {
  it('is loaded by the command line alone: no library, no handler, nothing at the Edge', async () => {
    const homes = [...(await readSourceTree())]
      .filter(
        ([path, code]) =>
          /^(?:lib|api|app|cli|[^/]+$)/.test(path) && /\.tsx?$/.test(path) && code.includes('commander'),
      )
      .filter(([, code]) => importsOf(code).some(({ specifier }) => specifier.startsWith('commander')))
      .map(([path]) => path);
    expect(homes.length).toBeGreaterThan(0);
    expect(homes.filter((path) => !path.startsWith('cli/'))).toEqual([]);
  });

  it('is the one package that is installed along', async () => {
    const { dependencies } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
    expect(Object.keys(dependencies)).toEqual(['commander']);
  });
});
