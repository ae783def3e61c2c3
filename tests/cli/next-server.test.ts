import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isBuilt, startNext } from '../../cli/next-server.ts';
import { freePort } from '../support/next-app.ts';

describe('a build', () => {
  let folder: string;
  const write = (path: string, at: number) => {
    writeFileSync(join(folder, path), '');
    utimesSync(join(folder, path), at, at);
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'breakwater-build-'));
    for (const name of ['.next', 'lib']) mkdirSync(join(folder, name));
    write('lib/kv.ts', 1_000);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is made where there is none, and again once a source is younger', () => {
    expect(isBuilt(folder)).toBe(false);
    write('.next/BUILD_ID', 1_000);
    write('.next/export-marker.json', 1_001);
    expect(isBuilt(folder)).toBe(true);
    write('lib/kv.ts', 1_001);
    expect(isBuilt(folder)).toBe(false);
  });

  it('is made again where the last one was interrupted near its end', () => {
    write('.next/BUILD_ID', 1_000);
    expect(isBuilt(folder)).toBe(false);
  });
});

const HOSTS = ['127.0.0.1', '::1'];
const own = new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)));

describe('a server of Next', () => {
  it('is not started for who has been told to stop already, and would not be told again', async () => {
    const started = startNext({ port: await freePort(), env: {}, stop: AbortSignal.abort() });
    await expect(started).rejects.toThrow('abort');
  });

  it.each(HOSTS.filter((host) => own.has(host)))(
    'is not started where another one would be asked in its place: on %s',
    async (host) => {
      const other = createServer().listen(0, host);
      await once(other, 'listening');
      const address = other.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      await expect(startNext({ port, env: {}, stop: AbortSignal.timeout(10_000) })).rejects.toThrow(
        `Port ${port} is in use: choose another with PORT`,
      );
      other.close();
    },
  );
});
