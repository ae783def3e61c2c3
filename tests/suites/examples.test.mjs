import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeExampleFolder } from '../support/docs/example-folder.ts';
import { readExamples } from '../support/docs/example-world.ts';
import { startRedis } from './redis-servers.mjs';

// As tests/docs/examples.test.ts, for the examples with packages that only this folder installs.
let examples;
let folder;
let redis;

beforeAll(async () => {
  [examples, redis] = await Promise.all([readExamples(), startRedis()]);
  folder = await makeExampleFolder({
    programs: examples.inSuites,
    modules: examples.modules,
    servers: { 'redis://localhost:6379': redis.url },
    below: import.meta.dirname,
  });
}, 60_000);

afterAll(async () => {
  await Promise.all([folder?.remove(), redis?.stop()]);
});

describe('the examples with packages of others', () => {
  it('compile', async () => {
    expect(await folder.compile()).toEqual([]);
    expect(examples.inSuites.length).toBeGreaterThan(4);
  }, 120_000);

  it('run', async () => {
    const env = {
      REDIS_URL: redis.url,
      BREAKWATER_SESSION_PEPPER: 'a pepper for sessions, of thirty-two characters',
    };
    expect(await folder.run(examples.inSuites, env)).toEqual([]);
  }, 120_000);
});
