import { describe, expect, it } from 'vitest';
import { importsOf, readSourceTree } from '../support/source-tree.ts';

describe('the scripts that breakwater dev runs in memory without a Lua engine', () => {
  it('are all that the library sends', async () => {
    const tree = await readSourceTree();
    const defining = [...tree]
      .filter(
        ([path, text]) => path.startsWith('lib/') && path !== 'lib/client/script.ts' && /\bdefineScript\(/.test(text),
      )
      .map(([path]) => `../../${path}`);
    const imported = importsOf(tree.get('cli/rest/own-scripts.ts') ?? '').map(({ specifier }) => specifier);
    expect(defining.length).toBeGreaterThan(20);
    expect(imported.toSorted()).toEqual(defining.toSorted());
  });
});
