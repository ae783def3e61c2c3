import { afterEach, describe, expect, it } from 'vitest';
import { type Consumer, installConsumer } from '../support/consumer.ts';
import { expectFrontDoor, openRedis } from '../support/installed-front-door.ts';

/** What to undo, in reverse order. */
const undoing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const undo of undoing.splice(0).reverse()) await undo();
});

async function installed(template: string): Promise<Consumer> {
  const consumer = await installConsumer(template);
  undoing.push(consumer.remove);
  return consumer;
}

/** Starts a server of the consumer on the installed Redis, and asks at its front door. */
async function startAndAsk(consumer: Consumer, command: string, args: readonly string[], ready: RegExp): Promise<void> {
  const { env, key, stop } = await openRedis(consumer);
  undoing.push(stop);
  const server = await consumer.start(command, args, { ready, env });
  undoing.push(server.stop);
  await expectFrontDoor(`http://127.0.0.1:${server.found}`, key);
}

const LISTENING = /Listening on http:\/\/127\.0\.0\.1:(\d+)/;

describe('the package installed', () => {
  it('into a Hono application is its front door', async () => {
    await startAndAsk(await installed('hono'), 'node', ['server.js'], LISTENING);
  });

  it('into a project on plain Node is its front door', async () => {
    await startAndAsk(await installed('node'), 'node', ['server.js'], LISTENING);
  });

  it('loads whole but for what stands on a package of others, and changes nothing by it', async () => {
    const { run } = await installed('node');
    expect(JSON.parse(await run('node', ['imports.js']))).toEqual({
      missing: {
        './cache/devalue': 'devalue',
        './cache/fflate': 'fflate',
        './redis': '@upstash/redis',
        './store/lua': 'fengari',
      },
      changed: [],
    });
  });

  it('and bundled into a worker is its front door on workerd', async () => {
    const consumer = await installed('edge');
    const options = ['--bundle', '--format=esm', '--platform=neutral', '--target=es2022', '--outfile=bundle.js'];
    await consumer.run('npx', ['esbuild', 'worker.js', ...options]);
    await startAndAsk(consumer, 'npx', ['workerd', 'serve', 'config.capnp', '--control-fd=1'], /"port":(\d+)/);
  });
});
