import type { KvClient } from '../client/kv-client.ts';
import { RETRY_MS } from '../client/retry-after.ts';
import type { Instant } from '../clock.ts';
import type { KnownKeys } from './known-keys.ts';
import type { Question } from './question.ts';
import type { DigestRecord } from './record.ts';
import type { Validation } from './validation.ts';

/** Makes answers, and memories, of what is found about keys. */
export interface Judgement<Config> {
  /** What a record says now. `degraded` where nobody could be asked. */
  judge(record: DigestRecord<Config>, degraded: boolean): Validation<Config>;
  /** Notes what was found by a question asked at `askedAt`. */
  remember(question: Question, record: DigestRecord<Config>, askedAt: Instant): Validation<Config>;
  /** Notes that there is no such key, by a question asked at `askedAt`. */
  forget(question: Question, askedAt: Instant): Validation<Config>;
  /** While nobody can say: what was said before, if that is not too long ago. */
  recall(question: Question, retryAfterMs?: number): Validation<Config>;
  /** Tells of something that stands in the place of a record. */
  unreadable(problem: string): void;
}

export interface JudgementOptions<Config> {
  readonly kv: KvClient;
  readonly known: KnownKeys<Config>;
  /** Told of each valid key that was found under another pepper than the first. */
  readonly onOldPepper: (id: string, question: Question) => Promise<unknown> | undefined;
}

export function createJudgement<Config>({ kv, known, onOldPepper }: JudgementOptions<Config>): Judgement<Config> {
  const { clock } = kv;

  const judge = (record: DigestRecord<Config>, degraded: boolean): Validation<Config> => {
    if (record.status === 'revoked') return { status: 'INVALID', reason: 'revoked' };
    if (record.expiresAt !== null && record.expiresAt <= clock.now()) return { status: 'INVALID', reason: 'expired' };
    return { status: 'VALID', key: record, degraded };
  };

  return {
    judge,
    remember(question, record, askedAt) {
      const [{ digest, kid }] = question.digests;
      known.note(digest, record, askedAt);
      // What this process revoked a moment ago outlives an answer that was already under way.
      const validation = judge(known.stale(digest) ?? record, false);
      const isOld = record.status === 'active' && record.kid !== kid;
      const adoption = isOld && validation.status === 'VALID' ? onOldPepper(record.id, question) : undefined;
      if (adoption) question.onBackground?.(adoption);
      return validation;
    },
    forget({ digests: [{ digest }] }, askedAt) {
      known.noteAbsent(digest, askedAt);
      return { status: 'INVALID', reason: 'unknown' };
    },
    recall({ digests: [{ digest }] }, retryAfterMs = RETRY_MS) {
      const record = known.stale(digest);
      return record ? judge(record, true) : { status: 'UNAVAILABLE', reason: 'away', retryAfterMs };
    },
    unreadable: (problem) => kv.notify({ type: 'unreadable', at: clock.now(), feature: 'keys', problem }),
  };
}
