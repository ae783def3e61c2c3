import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dispatch } from '../../cli/dispatch.ts';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { COMMAND_LINES, furnish, LEAVES } from '../support/command-world.ts';
import { realRedis } from '../support/every-store.ts';
import { freePort } from '../support/redis-server.ts';
import { createSecretScanner, type Evidence, partsOfKey, type Secret } from '../support/secret-scanner.ts';

const TOKEN = 'tokenOfTheRestEndpoint';
const PEPPER = 'pepper-of-the-secret-scan';
const PASSWORD = 'passwordOfTheRedisThatIsAway';
/** What somebody has typed in the wrong place. */
const TYPED = 'typedInTheWrongPlace';

/** It prints a token of its own, which is what it is for. */
const NOT_SCANNED = ['dev'];

const SCANNED = LEAVES.map(([path]) => path).filter((path) => !NOT_SCANNED.includes(path));

interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

describe('no command', () => {
  const redis = realRedis();
  let endpoint: RestEndpoint | undefined;
  let away = '';
  beforeAll(async () => {
    endpoint = await startRestEndpoint({ store: redis.store, token: TOKEN });
    away = `redis://:${PASSWORD}@127.0.0.1:${await freePort()}`;
  });
  afterAll(() => endpoint?.close());

  const there = (key: string) => ({
    ...{ KV_REST_API_URL: endpoint?.url ?? '', KV_REST_API_TOKEN: TOKEN },
    ...{ BREAKWATER_KEY_PEPPER: `k1:${PEPPER}`, BREAKWATER_API_KEY: key },
  });

  async function run(args: readonly string[], env: Readonly<Record<string, string>>, input: string): Promise<Said> {
    let [out, err] = ['', ''];
    const status = await dispatch(args, {
      print: (line) => {
        out += `${line}\n`;
      },
      complain: (line) => {
        err += `${line}\n`;
      },
      progress: (line) => {
        err += `${line}\n`;
      },
      readLine: async () => input,
      env,
      stop: new AbortController().signal,
    });
    return { status, out, err };
  }

  const secretsWith = (key: string): readonly Secret[] => [
    ...partsOfKey('the key', key),
    { name: 'the token', text: TOKEN },
    { name: 'the pepper', text: PEPPER },
    { name: 'the password', text: PASSWORD },
    { name: 'what was typed', text: TYPED },
  ];

  const prepared = () => furnish(redis.store, { kid: 'k1', secret: PEPPER });

  it('is left out here', () => {
    expect(Object.keys(COMMAND_LINES).sort()).toEqual(LEAVES.map(([path]) => path).sort());
  });

  it.each(SCANNED)('prints a secret that it was given, or reads: %s', async (path) => {
    const key = await prepared();
    const scan = createSecretScanner(secretsWith(key));
    const evidence: Evidence[] = [];
    const say = async (args: readonly string[], env: Readonly<Record<string, string>>, input: string) => {
      const said = await run(args, env, input);
      evidence.push({ place: `standard output of ${evidence.length}`, content: said.out });
      evidence.push({ place: `standard error of ${evidence.length}`, content: said.err });
      return said;
    };
    const words = path.split(' ');
    const lines = COMMAND_LINES[path] ?? [];
    for (const line of lines) {
      const { status, err } = await say([...words, ...line], there(key), key);
      // The second to revoke finds nothing to do; doctor does, in what is given here.
      expect(path === 'doctor' ? [1] : [0, 3], err).toContain(status);
      const nowhere = { KV_REST_API_URL: '', KV_REST_API_TOKEN: '', REDIS_URL: away, KV_REQUEST_TIMEOUT_MS: '30' };
      await say([...words, ...line], { ...there(key), ...nowhere }, key);
    }
    const args = [...words, ...(lines[0] ?? [])];
    const problems = [
      await say(args, { ...there(key), KV_REST_API_TOKEN: `${TOKEN}x` }, key),
      await say(args, { ...there(key), KV_REST_API_URL: `http://${TYPED}:x:y` }, key),
      await say(args, { ...there(key), BREAKWATER_KEY_PEPPER: `${TYPED}-${PEPPER}` }, key),
      await say([...args, TYPED, key], there(key), key),
      await say([...args, `--${TYPED}=${key}`], there(key), key),
      await say([...args, `--${TYPED}`, '--', TYPED, TYPED], there(key), key),
      await say([...args, TYPED, TYPED, TYPED], there(key), `${key}${TYPED}`),
      await say([...words, TYPED], there(TYPED), TYPED),
    ];
    for (const { out } of problems) expect(out).not.toMatch(/_[0-9A-Za-z]{32}/);
    expect(scan(evidence)).toEqual([]);
  });

  it.each([
    ['keys create', ['--owner', 'acme']],
    ['keys create', ['--owner', 'acme', '--json']],
    ['keys create', ['--owner', 'acme', '--quiet']],
    ['keys rotate', ['-']],
    ['keys rotate', ['-', '--json']],
    ['keys rotate', ['-', '--quiet']],
  ])('prints a new key twice: %s %j', async (path, line) => {
    const key = await prepared();
    const { out, err } = await run([...path.split(' '), ...line], there(key), key);
    const [issued = ''] = /bw_live_[0-9A-Za-z]{38}/.exec(out) ?? [];
    expect(out.split(issued)).toHaveLength(2);
    const rest = out.replace(issued, '');
    const scan = createSecretScanner(secretsWith(issued));
    expect(
      scan([
        { place: 'standard output', content: rest },
        { place: 'standard error', content: err },
      ]),
    ).toEqual([]);
    // Nor does anything that is asked afterwards.
    for (const [command, args] of [
      ['show', ['-', '--json']],
      ['list', ['--json']],
      ['usage', ['-']],
    ] as const) {
      const said = await run(['keys', command, ...args], there(issued), issued);
      expect(said.status).toBe(0);
      expect(scan([{ place: command, content: said.out + said.err }])).toEqual([]);
    }
  });
});
