import { parseBound } from './numbers.ts';
import { firstRank } from './ranking.ts';
import { ReplyError } from './reply-error.ts';
import { compareText } from './text-bytes.ts';
import type { Scored } from './values.ts';

/** Ranks from `from` up to `end`, excluded; empty where `from >= end`. */
export interface RankSpan {
  readonly from: number;
  readonly end: number;
}

export type Bounds = (ranked: readonly Scored[]) => RankSpan;

/** `1`, `(1`, `-inf`, `+inf`. */
export function scoreBounds(min: string, max: string): Bounds {
  const low = readScoreEnd(min);
  const high = readScoreEnd(max);
  return (ranked) => ({
    from: firstRank(ranked, ({ score }) => (low.excluded ? score > low.score : score >= low.score)),
    end: firstRank(ranked, ({ score }) => (high.excluded ? score >= high.score : score > high.score)),
  });
}

function readScoreEnd(text: string): { readonly score: number; readonly excluded: boolean } {
  const excluded = text.startsWith('(');
  const score = parseBound(excluded ? text.slice(1) : text);
  if (score === undefined) throw new ReplyError('ERR min or max is not a float');
  return { score, excluded };
}

/**
 * `-`, `+`, `[member`, `(member`: meant for members of one score. With different scores the order is not that of
 * members; the walks here answer what Redis answers for small sets.
 */
export function memberBounds(min: string, max: string, fromTop = false): Bounds {
  const low = readMemberEnd(min);
  const high = readMemberEnd(max);
  const reaches = ({ member }: Scored) => aboveEnd(member, low, !low.excluded);
  const within = ({ member }: Scored) => !aboveEnd(member, high, high.excluded);
  return (ranked) => {
    const [first] = ranked;
    const last = ranked.at(-1);
    if (!first || !last || !within(first) || !reaches(last)) return { from: 0, end: 0 };
    let from = fromTop ? ranked.findLastIndex(within) : ranked.findIndex(reaches);
    let end = fromTop ? from + 1 : from;
    if (fromTop) while (from >= 0 && holds(ranked[from], reaches)) from -= 1;
    else while (holds(ranked[end], within)) end += 1;
    return { from: fromTop ? from + 1 : from, end };
  };
}

function holds(item: Scored | undefined, test: (item: Scored) => boolean): boolean {
  return item !== undefined && test(item);
}

interface MemberEnd {
  /** −1 and 1 stand below and above all members. */
  readonly extreme: -1 | 0 | 1;
  readonly member: string;
  readonly excluded: boolean;
}

function aboveEnd(member: string, end: MemberEnd, orEqual: boolean): boolean {
  if (end.extreme !== 0) return end.extreme < 0;
  const order = compareText(member, end.member);
  return orEqual ? order >= 0 : order > 0;
}

function readMemberEnd(text: string): MemberEnd {
  if (text === '-' || text === '+') return { extreme: text === '-' ? -1 : 1, member: '', excluded: false };
  if (!text.startsWith('(') && !text.startsWith('[')) {
    throw new ReplyError('ERR min or max not valid string range item');
  }
  return { extreme: 0, member: text.slice(1), excluded: text.startsWith('(') };
}
