import { describe, expect, it } from 'vitest';
import { dispatch } from '../../cli/dispatch.ts';
import { startRestEndpoint } from '../../cli/rest/endpoint.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { type CommandOutcome, type Environment, expectToWantRedis, runCommand } from '../support/command-run.ts';
import { contentsOf, realRedis } from '../support/every-store.ts';
import { freePort } from '../support/redis-server.ts';

const run = (args: readonly string[], env: Environment, stop?: AbortSignal) => runCommand('bench', args, env, stop);

const MEASURES = ['PING', 'GET of 100 bytes', '5 GETs in one request', 'limit check', 'guarded request'];

describe('breakwater bench, on a real Redis', () => {
  const redis = realRedis();

  /** Runs it over REST, where each request is seen. */
  async function watched(
    args: readonly string[],
    seen: (commands: readonly Command[], stop: () => void) => void | Promise<void> = () => undefined,
    more: Environment = {},
  ): Promise<CommandOutcome> {
    const stop = new AbortController();
    const store: Store = {
      ...redis.store,
      execute: async (commands, options) => {
        await seen(commands, () => stop.abort());
        return redis.store.execute(commands, options);
      },
    };
    const endpoint = await startRestEndpoint({ store, token: 'secret' });
    try {
      return await run(args, { KV_REST_API_URL: endpoint.url, KV_REST_API_TOKEN: 'secret', ...more }, stop.signal);
    } finally {
      await endpoint.close();
    }
  }

  it('prints how long each took, and says first what that costs the plan', async () => {
    const { status, printed, complaints } = await run(['--requests', '20'], { REDIS_URL: redis.url });
    expect([status, complaints]).toEqual([
      0,
      ['Takes at most about 225 commands of the plan, and 15 s. Stop with Ctrl+C.'],
    ]);
    expect(printed[0]).toMatch(/^WHAT +REQUESTS +FAILED +P50 MS +P95 MS +P99 MS +MAX MS +PER SECOND$/);
    expect(printed.slice(1).map((line) => line.replace(/ {2}.*/, ''))).toEqual(MEASURES);
    for (const line of printed.slice(1))
      expect(line).toMatch(/ +20 +0 +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d +\d+$/);
  });

  it('prints it as a document, and nothing else, in the order of its quantiles', async () => {
    const { printed, complaints } = await run(['--json', '--requests', '20', '--concurrency', '4'], {
      REDIS_URL: redis.url,
    });
    expect([printed.length, complaints]).toEqual([1, []]);
    const said = JSON.parse(printed.join());
    expect(said).toMatchObject({ store: 'redis', seconds: 3, requests: 20, concurrency: 4, stopped: false });
    expect(said.measures.map(({ name }: { name: string }) => name)).toEqual(MEASURES);
    for (const { requests, failures, p50Ms, p95Ms, p99Ms, maxMs } of said.measures) {
      expect([requests, failures]).toEqual([20, 0]);
      const quantiles = [p50Ms, p95Ms, p99Ms, maxMs];
      expect(quantiles).toEqual(quantiles.toSorted((a, b) => a - b));
    }
  });

  it('takes no more of the plan than it has said, and measures a request for each call', async () => {
    let [commands, requests] = [0, 0];
    const { complaints } = await watched(['--requests', '20'], (sent) => {
      commands += sent.length;
      requests += 1;
    });
    const [, said] = /about (\d+) commands/.exec(complaints.join()) ?? [];
    expect(commands).toBeLessThanOrEqual(Number(said));
    expect(requests).toBeGreaterThanOrEqual(MEASURES.length * 20);
  });

  it('asks for each GET, also while another one is under way', async () => {
    let gets = 0;
    await watched(['--requests', '20', '--concurrency', '8'], (sent) => {
      gets += sent.filter(([name, key]) => name === 'GET' && String(key).endsWith(':value')).length;
    });
    // Three of each before it measures.
    expect(gets).toBe(23 + 5 * 23);
  });

  it('writes below a namespace of its own only, and nothing that lives longer than a minute', async () => {
    await run(['--requests', '20', '--concurrency', '4'], { REDIS_URL: redis.url, BREAKWATER_NAMESPACE: 'app:' });
    const names = [...(await contentsOf(redis.store)).keys()];
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(name).toMatch(/^app:bench:[0-9a-f]{16}:/);
    const lives = await redis.store.execute(names.map((name) => ['PTTL', name]));
    for (const life of lives) {
      // -1 would be one that stays; what has ended meanwhile is -2.
      expect(life).not.toBe(-1);
      expect(life).toBeLessThanOrEqual(60_000);
    }
  });

  it.each([
    ['table', []],
    ['document', ['--json']],
  ])('stopped in the middle it prints what it has, as a %s, and asks no more', async (_form, form) => {
    let requests = 0;
    const { status, printed, complaints } = await watched(['--requests', '1000', ...form], (_commands, stop) => {
      requests += 1;
      if (requests === 30) stop();
    });
    expect(status).toBe(1);
    expect(requests).toBe(30);
    if (form.length > 0) {
      const { stopped, measures } = JSON.parse(printed.join());
      expect([stopped, measures.length]).toEqual([true, 1]);
      expect(measures[0].requests).toBeGreaterThan(20);
      expect(measures[0].failures).toBe(0);
    } else expect(printed[1]).toMatch(/^PING +2\d /);
    expect(complaints.at(-1)).toBe('Stopped. What was written ends by itself within 60 s');
  });

  it('counts what fails, and gives up on a Redis that only fails', async () => {
    let calls = 0;
    const failing = (from: number, to: number) => () => {
      calls += 1;
      if (calls >= from && calls <= to) throw new Error('gone');
    };
    const twice = await watched(['--json', '--requests', '20'], failing(10, 11));
    const [ping, ...others] = JSON.parse(twice.printed.join()).measures;
    expect([twice.status, ping.requests, ping.failures]).toEqual([0, 18, 2]);
    expect(others.map(({ failures }: { failures: number }) => failures)).toEqual([0, 0, 0, 0]);
    calls = 0;
    const always = await watched(['--requests', '100'], failing(11, 1_000));
    expect([always.status, always.printed]).toEqual([1, []]);
    expect(always.complaints.at(-1)).toMatch(/^Redis did not serve/);
    expect(calls).toBeLessThan(30);
  });

  it('shows where it is on a terminal, and not in a document', async () => {
    const shown = async (...args: readonly string[]) => {
      const lines: string[] = [];
      await dispatch(['bench', '--requests', '5', ...args], {
        ...{ print: () => undefined, complain: () => undefined, readLine: async () => '' },
        progress: (line) => lines.push(line),
        env: { REDIS_URL: redis.url },
        stop: new AbortController().signal,
      });
      return lines;
    };
    expect((await shown())[0]).toBe('PING: 1 of at most 5');
    expect((await shown()).at(-1)).toBe('');
    expect((await shown('--json')).filter((line) => line !== '')).toEqual([]);
  });
});

describe('breakwater bench', () => {
  it.each<[readonly string[], string]>([
    [['extra'], 'There is an argument too many'],
    [['--seconds', '0'], '--seconds must be a whole number from 1 to 30'],
    [['--requests', '100001'], '--requests must be a whole number from 1 to 100000'],
    [['--concurrency', '257'], '--concurrency must be a whole number from 1 to 256'],
  ])('refuses %j and says why', async (args, said) => {
    const { status, printed, complaints } = await run(args, { REDIS_URL: 'redis://127.0.0.1:1' });
    expect([status, printed, complaints]).toEqual([2, [], [said, 'See breakwater bench --help']]);
  });

  it('refuses memory, which is nobody else’s, and names a variable that is wrong', async () => {
    await expectToWantRedis(run, [[]]);
  });

  it('says that Redis is away, without its password, and stops when it is asked to', async () => {
    const env = { REDIS_URL: `redis://:hunter2@127.0.0.1:${await freePort()}` };
    const { status, printed, complaints } = await run([], env);
    expect([status, printed]).toEqual([1, []]);
    expect(complaints.at(-1)).toMatch(/^Redis did not serve \(network\): /);
    expect(complaints.join()).not.toContain('hunter2');
    expect((await run([], env, AbortSignal.abort())).complaints).toEqual(['Stopped']);
  });
});
