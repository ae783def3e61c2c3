import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { projectRoot } from './support/source-tree.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

describe('importing', () => {
  it('any module of the package neither throws nor asks anybody, whatever the environment says', async () => {
    const manifest: { exports: Readonly<Record<string, string | { default: string }>> } = JSON.parse(
      await readFile(join(projectRoot, 'package.json'), 'utf8'),
    );
    const sources = Object.values(manifest.exports).flatMap((target) =>
      typeof target === 'string' ? [] : [target.default.replace('./dist/', '../').replace(/\.js$/, '.ts')],
    );
    expect(sources.length).toBeGreaterThan(10);
    const asked = vi.fn(() => {
      throw new Error('asked');
    });
    vi.stubGlobal('fetch', asked);
    vi.spyOn(Socket.prototype, 'connect').mockImplementation(asked);
    for (const KV_STORE of ['typo', 'upstash', 'redis']) {
      vi.resetModules();
      vi.stubEnv('KV_STORE', KV_STORE);
      vi.stubEnv('KV_REST_API_URL', KV_STORE === 'upstash' ? 'http://127.0.0.1:9' : undefined);
      vi.stubEnv('KV_REST_API_TOKEN', KV_STORE === 'upstash' ? 'token' : undefined);
      vi.stubEnv('REDIS_URL', KV_STORE === 'redis' ? 'redis://127.0.0.1:9' : undefined);
      for (const source of [...sources, '../middleware.ts']) {
        expect(Object.keys(await import(/* @vite-ignore */ source)), source).not.toEqual([]);
      }
    }
    expect(asked).not.toHaveBeenCalled();
  });
});
