import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createKv, type KvClient } from '../../../lib/client/kv-client.ts';
import { createLinkTokens } from '../../../lib/primitives/link-token/link-tokens.ts';
import { redisStore } from '../../../lib/store/redis.ts';
import type { Command, Store } from '../../../lib/store/store.ts';
import { CODE_PEPPER, codeRig, issuedCode, otherThan } from '../../support/code-rig.ts';
import { evidenceOfRedis, type Monitor, startMonitor } from '../../support/redis-evidence.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { createSecretScanner, type Evidence, type Secret } from '../../support/secret-scanner.ts';

const ANN = { purpose: 'login', subject: 'ann@example.test' };
const TOLD_TO_CONSOLE = ['log', 'info', 'warn', 'error', 'debug'] as const;

let redis: RedisServer;
let kv: KvClient;
/** Answers as Redis does to what it refuses: with all that it was sent. */
let isRefusing = false;
const secrets: Secret[] = [
  { name: 'subject', text: ANN.subject },
  { name: 'pepper', text: CODE_PEPPER },
  { name: 'attempt', text: 'the-attempt-of-ann' },
];
const evidence: Evidence[] = [];
const note = (place: string, content: unknown) =>
  evidence.push({ place, content: typeof content === 'string' ? content : inspect(content, { depth: 20 }) });

beforeAll(async () => {
  redis = await startRedis({ aof: true });
  kv = createKv({
    store: overheard(redisStore({ url: redis.url })),
    requestTimeoutMs: 5_000,
    slowMs: 0.001,
    onEvent: (event) => note('event', event),
  });
  for (const name of TOLD_TO_CONSOLE)
    vi.spyOn(console, name).mockImplementation((...args) => void note('console', args));
});
afterAll(async () => {
  vi.restoreAllMocks();
  await kv.close();
  await redis.stop();
});

function overheard(store: Store): Store {
  return {
    ...store,
    async execute(commands, options) {
      note('request', JSON.stringify(commands));
      if (isRefusing) return commands.map((command) => ({ error: `ERR cannot run '${command.join(' ')}'` }));
      return store.execute(commands, options);
    },
  };
}

/** Times of day have as many digits as codes. */
const withoutTimes = (monitor: Monitor) => monitor.text().replace(/^\+\d+\.\d+ /gm, '');

/** What is asked in all ways, and whatever comes of it. */
async function use(code: string, token: string): Promise<void> {
  const { codes } = codeRig(kv, { digits: 8, resendCooldownMs: 0 });
  const links = createLinkTokens({ kv, purpose: 'confirm', ttlMs: 60_000 });
  const typed = [otherThan(code), ` ${code}`, code, `${code}0`, `x${code}`];
  const attempt = 'the-attempt-of-ann';
  for (const each of typed) await told('verify', codes.verify({ ...ANN, code: each, attempt }));
  for (const each of [token, `${token}x`]) {
    await told('exists', links.exists(each));
    await told('redeem', links.redeem(each));
  }
  await told('unlock', codes.unlock(ANN));
  await told('purpose', codes.verify({ purpose: `${ANN.subject} ${code}`, subject: code, code }));
  await told('subject', codes.verify({ ...ANN, subject: [code] as unknown as string, code }));
  await told('cancel', codes.cancel(ANN));
  await told('payload', links.issue({ code, toJSON: () => JSON.parse(code.repeat(100)) }));
}

async function told(place: string, answer: Promise<unknown>): Promise<void> {
  note(place, await answer.catch((error: unknown) => error));
}

async function issuedOnes(): Promise<readonly [code: string, token: string]> {
  const { codes } = codeRig(kv, { digits: 8, resendCooldownMs: 0 });
  const links = createLinkTokens({ kv, purpose: 'confirm', ttlMs: 60_000 });
  // A code that begins with 0 would be found in what is no code.
  const code = await issuedCode(codes, ANN, (one) => /^[1-9]/.test(one));
  const link = await links.issue('of a link');
  const token = link.status === 'issued' ? link.token : '';
  for (const text of [code, otherThan(code)]) secrets.push({ name: `code ${secrets.length}`, text });
  secrets.push({ name: 'token', text: token });
  return [code, token];
}

describe('one-time codes and link tokens', () => {
  it('are used, with Redis there, refusing and away', async () => {
    await kv.execute([['CONFIG', 'SET', 'slowlog-log-slower-than', 0, 'slowlog-max-len', 10_000] satisfies Command]);
    const monitor = await startMonitor(redis);
    await use(...(await issuedOnes()));
    const held = await issuedOnes();
    evidence.push(...(await evidenceOfRedis(redis)));
    isRefusing = true;
    await use(...held);
    isRefusing = false;
    await use(...held);
    note('MONITOR', withoutTimes(monitor));
    monitor.close();
    const lost = await issuedOnes();
    evidence.push(...(await evidenceOfRedis(redis)));
    await redis.kill();
    for (let count = 0; count < 2; count += 1) await use(...lost);
    expect(kv.circuit.state().state).toBe('OPEN');
    const places = new Set(evidence.map(({ place }) => place.split(' ', 1)[0]));
    const heard = ['request', 'event', 'MONITOR', 'value', 'SLOWLOG', 'file', 'verify', 'redeem', 'payload', 'purpose'];
    expect(heard.filter((place) => !places.has(place))).toEqual([]);
    const text = JSON.stringify(evidence);
    for (const answer of ['verified', 'wrong', 'expired', 'malformed', 'redeemed', 'unavailable', 'CommandError']) {
      expect(text).toContain(answer);
    }
  });

  it('are nowhere but with who was given them, nor is a subject or the pepper', () => {
    expect(secrets.length).toBe(12);
    expect(createSecretScanner(secrets)(evidence)).toEqual([]);
  });

  it('would be found', () => {
    for (const { text } of secrets) {
      const planted = [{ place: 'here', content: `of ${text}.` }];
      expect(createSecretScanner(secrets)(planted)).not.toEqual([]);
    }
  });
});
