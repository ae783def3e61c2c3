import type { Result } from '../../client/call.ts';
import { randomBase62 } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { boundPart, buildKey, KV_PREFIXES } from '../../client/redis-keys.ts';
import { runScript, runScriptsWith, type ScriptCall } from '../../client/script.ts';
import { isKvError, StoreError } from '../../errors.ts';
import type { Command } from '../../store/store.ts';
import { createPositionHistory, type Position } from './position.ts';
import { createRevalidationJournal } from './revalidation-journal.ts';
import { revalidationScript } from './revalidation-script.ts';
import { createTagManifest } from './tag-manifest.ts';
import { memberOf, type Verdict } from './tag-marks.ts';

export interface TagLogOptions {
  readonly kv: KvClient;
  readonly maxTags: number;
  /** Redis is never asked: as if it was away. */
  readonly localOnly: boolean;
  /** The clock that entries of this process are dated by. */
  readonly now: () => number;
}

/**
 * Which tags were revalidated when, for all processes on one Redis: the log there, and what is known of it here. It is
 * read along with each entry, so that an answer is never older than its question.
 */
export interface TagLog {
  /**
   * Runs commands, and then reads what has been revalidated; before them goes what Redis has not heard of. One request;
   * three where there is no log yet. @throws as `KvClient.execute`
   */
  ask(commands: readonly Command[]): Promise<readonly Result[]>;
  /** In force here at once. Whether Redis knows too; else it is told with the next question. One request. */
  revalidate(tags: readonly string[], expireSeconds: number | undefined): Promise<boolean>;
  /** @param madeHereAt of an entry that this process has kept; without it one that was in Redis is meant */
  judge(tags: readonly string[], position: Position | undefined, madeHereAt?: number): Promise<Verdict>;
  /** See {@link PositionHistory.at}. */
  positionAt(instant: number): Position | undefined;
  /** Revalidations that Redis has not heard of. */
  readonly pending: number;
}

/** Of revalidations while Redis is away. Further ones end everything. */
const MAX_PENDING = 1_000;

export function createTagLog({ kv, maxTags, localOnly, now }: TagLogOptions): TagLog {
  const name = kv.namespace + buildKey(KV_PREFIXES.CACHE, 'next', 'revalidations');
  const manifest = createTagManifest(maxTags);
  const journal = createRevalidationJournal(MAX_PENDING, now);
  const history = createPositionHistory(now);
  let asked = 0;
  let telling: Promise<unknown> | undefined;

  const write = (mode: 'keep' | 'clear', members: readonly string[]): ScriptCall => ({
    script: revalidationScript,
    keys: [name],
    args: [randomBase62(16), mode, maxTags, ...members],
  });
  const rangeFrom = (from: number | undefined): Command => [
    'ZRANGEBYSCORE',
    name,
    from ?? '-inf',
    '+inf',
    'WITHSCORES',
  ];

  const readWhole = async (timeoutMs: number) => {
    asked += 1;
    const question = { number: asked, from: undefined };
    manifest.absorb(question, await kv.command(rangeFrom(undefined), { timeoutMs }));
  };

  const ask: TagLog['ask'] = async (commands) => {
    if (localOnly) throw new StoreError('local', 'Redis is not asked for caches', { mayHaveRun: false });
    const startedAt = kv.clock.monotonic();
    const timeoutMs = () => Math.max(1, kv.requestTimeoutMs - (kv.clock.monotonic() - startedAt));
    const untold = journal.take();
    const calls = untold ? [write(untold.all ? 'clear' : 'keep', untold.members)] : [];
    asked += 1;
    const question = { number: asked, from: manifest.from };
    // The log is read last: what is read before it is no newer than that.
    const sent = runScriptsWith(kv, calls, [...commands, rangeFrom(question.from)]);
    const results = await sent.catch((error: unknown) => {
      untold?.settle(false);
      throw error;
    });
    if (untold) {
      const at = Number(results[0]);
      const isWritten = Number.isSafeInteger(at);
      // Redis may have had to be sent the script after the log was read: then its answer does not show them.
      if (isWritten) manifest.note(untold.members, at);
      // And what is known is of another log, should reading the new one fail.
      if (isWritten && untold.all) manifest.forget();
      untold.settle(isWritten);
    }
    const outcome = untold?.all ? 'other' : manifest.absorb(question, results.at(-1));
    if (outcome !== 'known') {
      try {
        if (outcome === 'gone') await runScript(kv, write('keep', []), { timeoutMs: timeoutMs() });
        await readWhole(timeoutMs());
      } catch (error) {
        // Without the log no entry can be judged: all are misses, until a later question finds it.
        if (!isKvError(error)) throw error;
        if (error.code === 'COMMAND') {
          kv.notify({ type: 'unreadable', at: kv.clock.now(), feature: 'cache', problem: 'log of revalidations' });
        }
      }
    }
    if (manifest.position) history.note(manifest.position);
    return results.slice(calls.length, -1);
  };

  /** Next tells all of its caches of a revalidation in one turn: they share a request. */
  const tell = (): Promise<unknown> => {
    telling ??= Promise.resolve().then(() => {
      telling = undefined;
      return ask([]).catch(ignoreAway);
    });
    return telling;
  };

  return {
    ask,
    async revalidate(tags, expireSeconds) {
      const names = await Promise.all(tags.map(partOf));
      journal.add(names.map((tag) => memberOf(tag, expireSeconds)));
      if (names.length > 0) await tell();
      return journal.size === 0;
    },
    async judge(tags, position, madeHereAt) {
      const names = await Promise.all(tags.map(partOf));
      const here = journal.judge(names, madeHereAt);
      // An entry that was made before the log was ever read here is judged by what happened here alone.
      if (position === undefined && manifest.position === undefined && madeHereAt !== undefined) return here;
      return worseOf(here, manifest.judge(names, position, kv.clock.now()));
    },
    positionAt: history.at,
    get pending() {
      return journal.size;
    },
  };
}

/** What stands for a tag in the log: escaped, since Redis keeps UTF-8, which has no lone surrogates. */
async function partOf(tag: string): Promise<string> {
  return buildKey('', await boundPart(tag));
}

function worseOf(one: Verdict, other: Verdict): Verdict {
  if (one === 'expired' || other === 'expired') return 'expired';
  return one === 'stale' ? one : other;
}

function ignoreAway(error: unknown): void {
  if (!isKvError(error)) throw error;
}
