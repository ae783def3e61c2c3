import { describe, expect, it } from 'vitest';
import { chargeScript } from '../../lib/limit/charge.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { realRedis } from '../support/every-store.ts';

/** What is none, though it holds one. */
const spoilt = (text: string) => [
  ...['', 'nonsense', ':', text.split(':')[0] ?? '', `${text.split(':')[0]}:`],
  ...[`x${text}`, `-${text}`, ` ${text}`, `1.${text}`, `${text}x`, `${text}::7`, `${text} `],
];

describe('an account', () => {
  const redis = realRedis();
  it.each<[string, () => Store]>([
    ['in Lua on a real Redis', () => redis.store],
    ['in the twin', () => memoryStore()],
  ])('begins anew where its key holds what is no account: %s', async (_, open) => {
    const store = open();
    const now = 1_900_000_000_000_000;
    for (const kind of ['g', 'f', 's', 'b']) {
      const take = async (key: string) => {
        const rule = `${kind}:60000000:5:5:0:0`;
        const [reply] = await store.execute([['EVAL', chargeScript.lua, 1, key, now, 'take', 2, 2, '', rule]]);
        return reply;
      };
      const fresh = await take(`ratelimit:${kind}:fresh`);
      expect(fresh).toEqual([1, 2, 3, expect.any(Number), 0]);
      const [text] = await store.execute([['GET', `ratelimit:${kind}:fresh`]]);
      expect(await take(`ratelimit:${kind}:fresh`)).not.toEqual(fresh);
      for (const other of spoilt(String(text))) {
        const key = `ratelimit:${kind}:${other}`;
        await store.execute([['SET', key, other]]);
        expect([other, await take(key)]).toEqual([other, fresh]);
      }
    }
  });
});
