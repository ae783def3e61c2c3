import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { filesUnder, projectRoot } from '../source-tree.ts';

/** The text of each document by its path from the project's root. */
export type Documents = ReadonlyMap<string, string>;

/** Every Markdown document of the project. */
export async function readDocuments(root: string = projectRoot): Promise<Documents> {
  const paths = (await filesUnder(root)).filter((path) => path.endsWith('.md')).sort();
  return new Map(
    await Promise.all(paths.map(async (path) => [relative(root, path), await readFile(path, 'utf8')] as const)),
  );
}
