import { afterEach, describe, expect, it } from 'vitest';
import { createKv, type KvClient } from '../../../lib/client/kv-client.ts';
import type { Command, Store } from '../../../lib/store/store.ts';
import {
  CODE_KEPT,
  COMPARED_BEFORE_COUNTED,
  COUNTED_ANEW,
  type CodeDefect,
  type CodeRace,
  callsForCodes,
  guessesAtManyCodes,
  LOCK_UNHEEDED,
  rightAnswers,
  TRIES_UNBOUNDED,
  wrongAnswers,
} from '../../support/code-races.ts';
import { codeRig, issuedCode, otherThan } from '../../support/code-rig.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { realRedis } from '../../support/every-store.ts';
import { turnsRed } from '../../support/planted-defects.ts';

onEveryKv('one-time codes', (makeKv) => {
  const races: readonly (readonly [string, CodeRace])[] = [
    ['tell one of fifty right answers at once that it is right', rightAnswers],
    ['compare five of two hundred wrong answers at once, and then not the right one', wrongAnswers],
    ['compare a hundred guesses at sixty codes, ten at once, and then not the right one', guessesAtManyCodes],
    ['issue one code to many calls at once', callsForCodes],
  ];

  it.each(races)('%s', async (_, race) => {
    await race([makeKv()]);
  });

  it.each(races)('%s: with several clients too', async (_, race) => {
    await race([makeKv(), makeKv({ coalesce: false }), makeKv({ coalesce: 'request' })]);
  });

  it('are issued, replaced, verified, unlocked and cancelled', async () => {
    const account = { purpose: 'login', subject: 'ann@example.test' };
    const { codes } = codeRig(makeKv({ namespace: 'app:' }), { resendCooldownMs: 0 });
    const first = await issuedCode(codes, account);
    const second = await issuedCode(codes, account, (code) => code !== first);
    expect(await codes.verify({ ...account, code: first })).toEqual({ status: 'wrong', triesLeft: 4 });
    expect(await codes.unlock(account)).toEqual({ status: 'unlocked' });
    expect(await codes.verify({ ...account, code: second })).toEqual({ status: 'verified' });
    const third = await issuedCode(codes, account);
    expect(await codes.cancel(account)).toEqual({ status: 'cancelled' });
    expect(await codes.verify({ ...account, code: third })).toEqual({ status: 'expired' });
  });
});

describe('in a real Redis', () => {
  const redis = realRedis();
  const clients: KvClient[] = [];
  const clientOn = (store: Store): KvClient => {
    const kv = createKv({ store: { ...store, close: async () => {} }, requestTimeoutMs: 5_000 });
    clients.push(kv);
    return kv;
  };
  afterEach(async () => {
    for (const kv of clients.splice(0)) await kv.close();
  });

  it('all that is kept of an account ends by itself, and is of one slot', async () => {
    const account = { purpose: 'login', subject: 'ann@example.test' };
    const { codes } = codeRig(clientOn(redis.store));
    await codes.verify({ ...account, code: await issuedCode(codes, account), attempt: 'a' });
    const granted = await redis.store.execute([['KEYS', '*:grant']]);
    const [grant] = granted.flatMap((names) => (Array.isArray(names) ? names.map(String) : []));
    const [grantMs] = await redis.store.execute([['PTTL', grant ?? '']]);
    expect(grantMs).toBeGreaterThan(50_000);
    expect(grantMs).toBeLessThanOrEqual(60_000);
    await codes.cancel(account);
    await codes.verify({ ...account, code: otherThan(await issuedCode(codes, account)) });
    const [names] = await redis.store.execute([['KEYS', '*']]);
    const keys = (names as readonly string[]).toSorted();
    const tag = /^code:(\{login:[\w-]{43}\})/.exec(keys[0] ?? '')?.[1];
    expect(keys).toEqual(['code', 'cooldown', 'failures'].map((part) => `code:${tag}:${part}`));
    const lives = await redis.store.execute(keys.map((key): Command => ['PTTL', key]));
    for (const [index, mostMs] of [300_000, 60_000, 86_400_000].entries()) {
      expect(lives[index]).toBeGreaterThan(mostMs - 60_000);
      expect(lives[index]).toBeLessThanOrEqual(mostMs);
    }
  });

  const defects: readonly (readonly [string, CodeDefect, readonly CodeRace[]])[] = [
    ['that are not used up', CODE_KEPT, [rightAnswers]],
    ['that are good whatever was tried', TRIES_UNBOUNDED, [wrongAnswers]],
    [
      'that are compared before it is counted',
      COMPARED_BEFORE_COUNTED,
      [rightAnswers, wrongAnswers, guessesAtManyCodes],
    ],
    ['with which the count begins anew', COUNTED_ANEW, [guessesAtManyCodes]],
    ['that are issued to who is locked', LOCK_UNHEEDED, [guessesAtManyCodes]],
  ];

  it.each(defects)('codes %s do not pass for sound', async (_, defect, races) => {
    for (const race of races) {
      await redis.store.execute([['FLUSHALL']]);
      await turnsRed(() => race([clientOn(defect(redis.store))]));
    }
  });
});
