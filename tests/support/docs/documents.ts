import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { filesUnder, projectRoot } from '../source-tree.ts';

/** The text of each document by its path from the project's root. */
export type Documents = ReadonlyMap<string, string>;

/** Every Markdown document of the project: those at its root, and all in `docs/`. */
export async function readDocuments(root: string = projectRoot): Promise<Documents> {
  const inDocs = (await filesUnder(join(root, 'docs'))).map((path) => relative(root, path));
  const paths = [...(await readdir(root)), ...inDocs].filter((path) => path.endsWith('.md'));
  return new Map(
    await Promise.all(paths.sort().map(async (path) => [path, await readFile(join(root, path), 'utf8')] as const)),
  );
}
