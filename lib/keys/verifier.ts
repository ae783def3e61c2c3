import type { Value } from '../client/call.ts';
import { RETRY_MS, retryAfterOf } from '../client/retry-after.ts';
import { type Instant, instant } from '../clock.ts';
import { isKvError, isUnavailable } from '../errors.ts';
import { type Consult, type ConsultOptions, createConsult } from './consultation.ts';
import type { KeyDigest } from './digest.ts';
import { createJudgement, type JudgementOptions } from './judgement.ts';
import type { KeyNames } from './key-names.ts';
import { type LookupCall, lookupCall } from './lookup.ts';
import type { Ask, Fill, Finding, Question } from './question.ts';
import { createRecordReader } from './record-reader.ts';
import type { Validation } from './validation.ts';

/** No lockout and no budget is for longer than a day. */
const MAX_WAIT_MS = 86_400_000;

export interface VerifierStats {
  hits: number;
  misses: number;
  negativeHits: number;
}

/** Tells whether a digest is that of a valid key, from what this process knows, from Redis, and from the source. */
export interface Verifier<Config> {
  /** What this process knows well enough not to ask. */
  recent(question: Question): Validation<Config> | undefined;
  /** The id of a key that this process has seen within the last `staleIfErrorMs`. No I/O. */
  idOf(question: Question): string | undefined;
  /** The digest that a key which this process knows was found by. */
  foundBy(question: Question): KeyDigest;
  /** What the script of the lookup takes. */
  lookup(question: Question, fill?: Fill): LookupCall;
  /** Makes an answer, and a memory, of what the lookup found. */
  learn(question: Question, status: Value | undefined, text: Value | undefined, askedAt: Instant): Finding<Config>;
  /** The answer without Redis, for an `error` that says so; any other error is thrown. */
  without(question: Question, error: unknown): Finding<Config>;
  readonly consult: Consult<Config>;
  /** The source is not going to be asked: what was counted here as a miss was none. */
  dismiss(question: Question, ask: Ask): void;
  /** Whether the store of record has been seen with its sentinel. */
  readonly hasSeenStore: () => boolean;
  readonly stats: Readonly<VerifierStats>;
}

export interface VerifierOptions<Config> extends JudgementOptions<Config>, ConsultOptions<Config> {
  readonly names: KeyNames;
  /** Told of each answer of Redis. Answers with what it has begun. */
  readonly onReached: () => Promise<unknown> | undefined;
}

export function createVerifier<Config>(options: VerifierOptions<Config>): Verifier<Config> {
  const { kv, names, known, misses, source, entryTtlMs, onReached } = options;
  const { clock } = kv;
  const stats: VerifierStats = { hits: 0, misses: 0, negativeHits: 0 };
  const judgement = createJudgement<Config>(options);
  const { judge, remember, forget, recall, unreadable } = judgement;
  const read = createRecordReader<Config>();
  let hasSeenStore = false;

  const nameOf = ({ digests: [{ digest }] }: Question): string => digest;

  const waiting = (reason: 'busy' | 'locked', text: Value | undefined): Validation<Config> => ({
    ...{ status: 'UNAVAILABLE', reason },
    retryAfterMs: Math.min(Math.max(1, Number(text) || RETRY_MS), MAX_WAIT_MS),
  });

  return {
    stats,
    hasSeenStore: () => hasSeenStore,
    idOf: (question) => known.stale(nameOf(question))?.id,
    foundBy({ digests }) {
      const [first] = digests;
      const record = digests.length > 1 ? known.stale(first.digest) : undefined;
      const kid = record?.status === 'active' ? record.kid : first.kid;
      return digests.find((one) => one.kid === kid) ?? first;
    },
    lookup(question, fill) {
      if (!fill) stats.misses += 1;
      // No look is going to be made, so there is nothing to be counted, and nothing to be refused for.
      const isShut = source !== undefined && !fill && !source.closed;
      const rules = isShut ? undefined : misses;
      return lookupCall(question, { names, place: source ? 'source' : 'record', entryTtlMs, rules, fill });
    },
    recent(question) {
      const record = known.fresh(nameOf(question));
      if (record === undefined) return undefined;
      if (record !== 'absent') {
        stats.hits += 1;
        return judge(record, false);
      }
      stats.negativeHits += 1;
      return { status: 'INVALID', reason: 'unknown' };
    },
    learn(question, status, text, askedAt) {
      const begun = onReached();
      if (begun) question.onBackground?.(begun);
      if (status === 'active' || status === 'revoked') {
        hasSeenStore = true;
        const record = read(nameOf(question), text);
        if (record) return remember(question, record, askedAt);
      }
      // Without a source there is nobody to ask, and nobody's silence would be a 401.
      if (source && status === 'ask') return asked(text, instant(clock));
      if (status === 'locked' || status === 'busy') return waiting(status, text);
      if (status === 'absent') {
        hasSeenStore = true;
        return forget(question, askedAt);
      }
      if (status === 'expired') {
        known.forget(nameOf(question));
        return { status: 'INVALID', reason: 'expired' };
      }
      if (source && status === 'forgiven') return { status: 'ASK', missed: undefined, saidAt: undefined };
      if (status === 'lost') kv.notify({ type: 'keys-lost', at: clock.now() });
      else unreadable('record of another kind or version');
      return source ? { status: 'ASK', missed: undefined, saidAt: undefined } : recall(question);
    },
    without(question, error) {
      if (isKvError(error) && error.code === 'COMMAND') unreadable(error.replyCode);
      else if (!isUnavailable(error)) throw error;
      const name = nameOf(question);
      if (!source) return recall(question, retryAfterOf(error));
      const record = known.fresh(name);
      if (record !== undefined)
        return record === 'absent' ? { status: 'INVALID', reason: 'unknown' } : judge(record, false);
      if (known.hasSeen(name)) return { status: 'ASK', missed: undefined, saidAt: undefined };
      const answer = misses.admit(question.client);
      if (answer.verdict === 'admitted') return { status: 'ASK', missed: 'here', saidAt: undefined };
      return { status: 'UNAVAILABLE', reason: answer.verdict, retryAfterMs: answer.retryAfterMs };
    },
    consult: createConsult(options, judgement),
    dismiss({ client }, { missed }) {
      if (missed === 'here') misses.forgive(client);
    },
  };
}

function asked(text: Value | undefined, here: Instant): Ask {
  const [missed, redisMs] = String(text).split(':').map(Number);
  const saidAt = redisMs ? { redisMs, here } : undefined;
  return { status: 'ASK', missed: missed === 1 ? 'store' : missed === 2 ? 'nowhere' : undefined, saidAt };
}
