import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../source-tree.ts';

/** The text of each document by its path from the project's root. */
export type Documents = ReadonlyMap<string, string>;

/** Every Markdown document of the project: those at its root, and all in `docs/`. */
export async function readDocuments(root: string = projectRoot): Promise<Documents> {
  const inDocs = (await readdir(join(root, 'docs'), { recursive: true })).map((name) => `docs/${name}`);
  const paths = [...(await readdir(root)), ...inDocs].filter(
    (path) => path.endsWith('.md') && !path.includes('node_modules'),
  );
  return new Map(
    await Promise.all(paths.sort().map(async (path) => [path, await readFile(join(root, path), 'utf8')] as const)),
  );
}
