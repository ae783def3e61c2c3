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

/** Starts a server of the consumer on the installed Redis, and asks at its front door. @returns its port, and the environment */
async function startAndAsk(
  consumer: Consumer,
  command: string,
  args: readonly string[],
  ready: RegExp,
): Promise<{ readonly port: string; readonly env: Readonly<Record<string, string>> }> {
  const { env, key, stop } = await openRedis(consumer);
  undoing.push(stop);
  const server = await consumer.start(command, args, { ready, env });
  undoing.push(server.stop);
  await expectFrontDoor(`http://127.0.0.1:${server.found}`, key);
  return { port: server.found, env };
}

const LISTENING = /Listening on http:\/\/127\.0\.0\.1:(\d+)/;
const PORT = /"port":(\d+)/;

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

  it('and bundled into a worker is its front door on workerd, also for many at once', async () => {
    const consumer = await installed('edge');
    const options = ['--bundle', '--format=esm', '--platform=neutral', '--target=es2022', '--outfile=bundle.js'];
    const edge = "--define:process.env.NEXT_RUNTIME='edge'";
    await consumer.run('npx', ['esbuild', 'worker.js', ...options, edge]);
    const serve = ['workerd', 'serve', 'config.capnp', '--control-fd=1'];
    const { port, env } = await startAndAsk(consumer, 'npx', serve, PORT);
    // workerd ends a request as hung that waits for what another one has begun.
    const words = ['keys', 'create', '--owner', 'many', '--limit', 'key=1000/60000', '--quiet'];
    const key = await consumer.run('npx', ['breakwater', ...words], env);
    const ask = async (at: string, path: string): Promise<unknown> => {
      const headers = { authorization: `Bearer ${key.trim()}` };
      return (await fetch(`http://127.0.0.1:${at}${path}`, { headers })).json();
    };
    const askMany = (path: string) => Promise.all(Array.from({ length: 20 }, () => ask(port, path)));
    expect(await askMany('/api/whoami')).toEqual(Array(20).fill(expect.objectContaining({ owner: 'many' })));
    expect(await askMany('/api/by-key')).toEqual(Array(20).fill({ result: 'store' }));
    // By Redis, or on permits that it gave to this isolate before; never by the isolate's own count.
    const leased = await askMany('/api/leased');
    expect(leased.filter((answer) => !['store', 'lease'].includes((answer as { result: string }).result))).toEqual([]);
    expect(await askMany('/api/fetched')).toEqual(Array(20).fill({ result: 'loaded' }));
    // It ends with an answer, too, what goes on behind it: another isolate finds what was loaded here.
    const other = await consumer.start('npx', serve, { ready: PORT, env });
    undoing.push(other.stop);
    expect(await ask(other.found, '/api/cached')).toEqual({ result: 'loaded' });
  });
});
