import { byteLength, compareText } from './text-bytes.ts';
import { elementBytes, type Scored, type SortedSetValue } from './values.ts';

/** Adds the member or moves it to its new score. */
export function setScore(set: SortedSetValue, member: string, score: number): void {
  removeMember(set, member);
  set.bytes += 2 * elementBytes(member);
  set.isLarge ||= set.scores.size >= 128 || byteLength(member) > 64;
  // Small sets of Redis forget the sign of zero.
  const item = { member, score: score === 0 && !set.isLarge ? 0 : score };
  set.scores.set(member, item.score);
  set.ranked.splice(rankOf(set, item), 0, item);
}

export function removeMember(set: SortedSetValue, member: string): boolean {
  const score = set.scores.get(member);
  if (score === undefined) return false;
  set.scores.delete(member);
  set.ranked.splice(rankOf(set, { member, score }), 1);
  set.bytes -= 2 * elementBytes(member);
  return true;
}

/** Removes the members from rank `from` up to `end`, excluded, and returns them. */
export function removeRanks(set: SortedSetValue, from: number, end: number): readonly Scored[] {
  const removed = set.ranked.splice(from, Math.max(0, end - from));
  for (const { member } of removed) {
    set.scores.delete(member);
    set.bytes -= 2 * elementBytes(member);
  }
  return removed;
}

/** Position of the item, or where it belongs. */
export function rankOf({ ranked }: SortedSetValue, { member, score }: Scored): number {
  return firstRank(ranked, (other) =>
    other.score === score ? compareText(other.member, member) >= 0 : other.score > score,
  );
}

/** The first rank for which `reached` holds; it must hold for all that follow. */
export function firstRank(ranked: readonly Scored[], reached: (item: Scored) => boolean): number {
  let low = 0;
  let high = ranked.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = ranked[middle];
    if (item === undefined || reached(item)) high = middle;
    else low = middle + 1;
  }
  return low;
}
