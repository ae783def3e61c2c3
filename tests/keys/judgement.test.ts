import { expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { instant } from '../../lib/clock.ts';
import { createJudgement } from '../../lib/keys/judgement.ts';
import { createKnownKeys } from '../../lib/keys/known-keys.ts';
import { digestRecordOf } from '../../lib/keys/record.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { idRecord, issued } from '../support/every-key-store.ts';

const QUESTION = { digests: [{ kid: 'k2', digest: 'd' }], client: undefined } as const;

it('a key is put under the new pepper only if it was found under another, and is valid', () => {
  const clock = manualClock();
  const adopted: string[] = [];
  const times = { freshMs: 10_000, staleMs: 300_000, negativeMs: 30_000, tombstoneMs: 360_000 };
  const known = createKnownKeys<unknown>({ clock, maxEntries: 10, ...times });
  const { remember } = createJudgement({
    kv: createKv({ store: memoryStore({ clock }), clock }),
    known,
    onOldPepper: (id) => {
      adopted.push(id);
      return undefined;
    },
  });
  const answerOf = (id: string, kid: string, expiresAt: number | null) => {
    const record = digestRecordOf(idRecord({ id, expiresAt }), { ...issued('one'), kid });
    return remember(QUESTION, record, instant(clock)).status;
  };
  expect(answerOf('current', 'k2', null)).toBe('VALID');
  expect(answerOf('ended', 'k1', clock.now())).toBe('INVALID');
  expect(adopted).toEqual([]);
  expect(answerOf('old', 'k1', clock.now() + 1)).toBe('VALID');
  expect(adopted).toEqual(['old']);
  known.supersede('old', 9, 'revoked');
  expect(answerOf('old', 'k1', null)).toBe('INVALID');
  expect(adopted).toEqual(['old']);
});
