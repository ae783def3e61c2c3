import { pause } from '../../client/pause.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { elapsedSince, instant } from '../../clock.ts';
import type { BackfillOptions, BackfillResult, KeySource } from './backfill-options.ts';
import { type MigrationCore, sourceOf } from './migration-core.ts';

import { isDual, type SideName } from './mode.ts';
import { declareComplete } from './walk-end.ts';

/** What is done with the keys of one batch that have one source. */
export type Copy = (keys: readonly string[], from: SideName) => Promise<Copied>;

export interface Copied {
  readonly copied: number;
  readonly different: number;
  readonly failed: number;
}

/**
 * Walks through keys at a bounded rate. It begins when the mode has reached every process, by the clock of Redis, and ends
 * when it is changed: then not all agree on which side has the authority.
 */
export async function walk<V>(
  core: MigrationCore<V>,
  keys: KeySource,
  copy: Copy,
  options: BackfillOptions,
): Promise<BackfillResult> {
  const { perSecond = 1_000, batch = 100, complete = true, signal } = options;
  wholeNumber('perSecond', perSecond, 1, 1_000_000);
  wholeNumber('batch', batch, 1, 1_000);
  const { standing: first, nowAt } = await core.known.look();
  if (!isDual(first.mode)) return { status: 'not-dual' };
  // What began in this mode was always in it.
  const earlyMs = first.revision > 1 ? first.sinceAt + first.dwellMs - nowAt : 0;
  if (earlyMs > 0) return { status: 'too-early', retryAfterMs: earlyMs };

  const total = { keys: 0, copied: 0, different: 0, failed: 0 };
  const { clock } = core.kv;
  const begun = instant(clock);
  let isStopped = false;
  for await (const some of batchesOf(keys, batch)) {
    const earlyBy = (total.keys / perSecond) * 1_000 - elapsedSince(begun, clock);
    // Who ends it during the pause is heard below.
    if (earlyBy > 0) await pause(clock, earlyBy, signal).catch(() => undefined);
    await core.known.current();
    if (signal?.aborted || core.known.last().revision !== first.revision) {
      isStopped = true;
      break;
    }
    total.keys += some.length;
    for (const [from, group] of bySource(core, some)) {
      const copied = await copy(group, from).catch(() => ({ copied: 0, different: 0, failed: group.length }));
      total.copied += copied.copied;
      total.different += copied.different;
      total.failed += copied.failed;
    }
  }
  const isAll = complete && !isStopped && total.failed === 0 && total.different === 0;
  return {
    status: isStopped ? 'stopped' : 'done',
    ...total,
    complete: isAll && (await declareComplete(core, first)),
  };
}

function bySource<V>(core: MigrationCore<V>, keys: readonly string[]): ReadonlyMap<SideName, readonly string[]> {
  const groups = new Map<SideName, string[]>();
  const standing = core.known.last();
  for (const key of keys) {
    const side = sourceOf(standing, core.authority(standing.mode, key));
    groups.set(side, [...(groups.get(side) ?? []), key]);
  }
  return groups;
}

async function* batchesOf(keys: KeySource, size: number): AsyncGenerator<readonly string[]> {
  let batch = new Set<string>();
  for await (const key of keys) {
    batch.add(key);
    if (batch.size < size) continue;
    yield [...batch];
    batch = new Set();
  }
  if (batch.size > 0) yield [...batch];
}
