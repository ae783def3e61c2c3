import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from './source-tree.ts';

/** A block of code in a document. */
export interface CodeBlock {
  readonly language: string;
  /** That the first line of the code names, in a comment. */
  readonly path: string | undefined;
  readonly code: string;
}

/** The blocks of code below a heading of the README, in their order, without the indentation of the list they are in. */
export async function blocksBelow(heading: string): Promise<readonly CodeBlock[]> {
  const readme = await readFile(join(projectRoot, 'README.md'), 'utf8');
  const [, after] = readme.split(`\n## ${heading}\n`);
  if (after === undefined) throw new Error(`The README has no heading "${heading}"`);
  const [section = ''] = after.split('\n## ');
  return [...section.matchAll(/^( *)```(\w+)\n([\s\S]*?)\n\1```$/gm)].map(
    ([, indent = '', language = '', text = '']) => {
      const lines = text.split('\n').map((line) => line.slice(line.startsWith(indent) ? indent.length : 0));
      return { language, path: /^\/\/ (\S+\.tsx?)$/.exec(lines[0] ?? '')?.[1], code: `${lines.join('\n')}\n` };
    },
  );
}
