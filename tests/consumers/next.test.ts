import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Consumer, installConsumer } from '../support/consumer.ts';
import { expectFrontDoor, type InstalledRedis, openRedis } from '../support/installed-front-door.ts';
import { freePort } from '../support/next-app.ts';
import { projectRoot } from '../support/source-tree.ts';

/** Builds what is in the folder, starts it, and asks at the front door. */
async function buildAndAsk(consumer: Consumer, { env, key }: InstalledRedis): Promise<void> {
  await rm(join(consumer.folder, '.next'), { recursive: true, force: true });
  await consumer.run('npx', ['next', 'build']);
  const port = String(await freePort());
  const server = await consumer.start('npx', ['next', 'start', '-H', '127.0.0.1', '-p', port], {
    ready: /Ready in/,
    env,
  });
  try {
    await expectFrontDoor(`http://127.0.0.1:${port}`, key);
  } finally {
    await server.stop();
  }
}

const edgeMiddleware = async ({ folder }: Consumer): Promise<readonly string[]> =>
  Object.keys(JSON.parse(await readFile(join(folder, '.next/server/middleware-manifest.json'), 'utf8')).middleware);

describe.each([
  ['Next 16', ['next'], ['middleware.ts', 'proxy.ts']],
  ['the oldest Next of the peer range', ['next', 'next-oldest'], ['middleware.ts']],
])('the package installed into an application on %s', (_version, templates, names) => {
  let consumer: Consumer;

  beforeAll(async () => {
    consumer = await installConsumer(...templates);
  });
  afterAll(() => consumer.remove());

  it.each(names)('is its front door in %s', async (name) => {
    const other = name === 'proxy.ts' ? 'middleware.ts' : 'proxy.ts';
    await rm(join(consumer.folder, other), { force: true });
    await cp(join(projectRoot, 'tests/consumers/next', name), join(consumer.folder, name));
    const redis = await openRedis(consumer);
    try {
      await buildAndAsk(consumer, redis);
    } finally {
      await redis.stop();
    }
    expect(await edgeMiddleware(consumer)).toEqual(name === 'middleware.ts' ? ['/'] : []);
  });
});
