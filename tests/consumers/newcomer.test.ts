import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Consumer, installConsumer } from '../support/consumer.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/next-app.ts';
import { blocksBelow, type CodeBlock } from '../support/readme-steps.ts';

/**
 * What somebody does who has never seen Breakwater: the README's own blocks, in its order. Changed are ports, which somebody
 * else may have here, and where the package comes from; the installation is that of all consumers.
 */
describe('a newcomer with what create-next-app has made', () => {
  let consumer: Consumer;
  let blocks: readonly CodeBlock[];
  const stops: (() => Promise<void>)[] = [];
  const shell = (index: number): string => blocks.filter(({ language }) => language === 'sh')[index]?.code ?? '';

  beforeAll(async () => {
    blocks = await blocksBelow('Five minutes to your own application');
    consumer = await installConsumer('newcomer');
    stops.push(consumer.remove);
  });
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  it('who follows the README is told an identity, and then 429', async () => {
    expect(blocks.map(({ language, path }) => path ?? language)).toEqual([
      'sh',
      'sh',
      'middleware.ts',
      'app/api/hello/route.ts',
      'sh',
      'sh',
    ]);
    expect(shell(0)).toBe('npm install breakwater\nnpx breakwater dev\n');
    const redis = await consumer.start('npx', ['breakwater', 'dev', '--port', '0'], {
      ready: /((?:^ *KV_REST_API_\w+=\S+\n){2})[\s\S]*\.env\.local/m,
    });
    stops.push(redis.stop);
    await appendFile(join(consumer.folder, '.env.local'), redis.found.replaceAll(/^ +/gm, ''));
    await consumer.run('sh', ['-ec', shell(1)]);
    for (const { path, code } of blocks) {
      if (path === undefined) continue;
      await mkdir(dirname(join(consumer.folder, path)), { recursive: true });
      await writeFile(join(consumer.folder, path), code);
    }
    const key = (await consumer.run('sh', ['-ec', `${shell(2)}echo "$key"`])).trim();
    expect(key).toMatch(/^bw_live_\w+$/);

    const port = String(await freePort());
    const application = await consumer.start('npm', ['run', 'dev'], { ready: /Ready in/, env: { PORT: port } });
    stops.push(application.stop);
    const asking = shell(3).replaceAll('localhost:3000', `localhost:${port}`);
    const printed = await consumer.run('sh', ['-ec', asking], { key });
    const [refusal = '', greeting, ...statuses] = printed.trim().split('\n');
    expect(JSON.parse(refusal)).toMatchObject({ status: 401, code: 'api-key-missing' });
    expect(greeting).toBe('{"hello":"acme"}');
    // The limit is twenty a minute, and one comes back every three seconds.
    expect(statuses).toHaveLength(30);
    expect(statuses.slice(0, 19)).toEqual(Array(19).fill('200'));
    expect(statuses.at(-1)).toBe('429');

    await redis.stop();
    await eventually(async () => {
      const headers = { authorization: `Bearer ${key}` };
      const later = await fetch(`http://localhost:${port}/api/hello`, { method: 'POST', headers });
      return later.status === 200 && later.headers.get('x-breakwater-degraded') === 'keys, limit';
    });
  });

  it('has blocks that a strict compiler finds right', async () => {
    await consumer.run('npx', ['tsc', '--noEmit']);
  });
});
