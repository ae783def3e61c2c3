import type { CacheHandlerContext } from 'next/dist/server/lib/incremental-cache/index.js';

const known = new Map<string, string>();

/** Of the build that runs, as Next has written it beside its output; `unbuilt` where there is none, as in development. */
export function readBuildId({ fs, serverDistDir = '' }: CacheHandlerContext): string {
  const path = `${serverDistDir}/../BUILD_ID`;
  const id = known.get(path) ?? read(fs, path);
  if (id !== undefined) known.set(path, id);
  return id ?? 'unbuilt';
}

function read(fs: CacheHandlerContext['fs'], path: string): string | undefined {
  try {
    return fs?.readFileSync(path, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
