/** What a revalidation leaves of entries made before it: nothing, or something to serve while a newer one is made. */
export type Verdict = 'fresh' | 'stale' | 'expired';

/** When tags were revalidated last, on one scale of time. */
export interface TagMarks {
  readonly size: number;
  /** An earlier instant than the known one changes nothing. */
  put(member: string, at: number): void;
  /** What becomes of an entry with these tags that was made without knowing of some revalidations. */
  judge(names: readonly string[], knew: (at: number) => boolean, now: number): Verdict;
  delete(member: string, at: number): void;
  members(): readonly (readonly [member: string, at: number])[];
  clear(): void;
}

/**
 * What stands for a revalidation of the tag in the log: `x` ends entries at once; `s` leaves them to be served while newer
 * ones are made, for so many seconds, or, without a number, until they end by themselves.
 *
 * @param expireSeconds `undefined` for at once, Infinity for until they end
 */
export function memberOf(name: string, expireSeconds: number | undefined): string {
  if (expireSeconds === undefined || expireSeconds <= 0) return `x:${name}`;
  return `s${expireSeconds < MAX_SECONDS ? Math.ceil(expireSeconds) : ''}:${name}`;
}

/** A hundred years. */
const MAX_SECONDS = 3_155_760_000;
const MEMBER = /^(?:x|s(\d*)):(.*)$/s;

export function createTagMarks(): TagMarks {
  /** By tag, then by member: the same tag may have been revalidated in several ways. */
  const marks = new Map<string, Map<string, number>>();
  let size = 0;

  const nameOf = (member: string) => MEMBER.exec(member)?.[2];

  return {
    get size() {
      return size;
    },
    put(member, at) {
      const name = nameOf(member);
      if (name === undefined) return;
      const ofName = marks.get(name) ?? new Map<string, number>();
      marks.set(name, ofName);
      const known = ofName.get(member);
      if (known === undefined) size += 1;
      if (known === undefined || known < at) ofName.set(member, at);
    },
    judge(names, knew, now) {
      let verdict: Verdict = 'fresh';
      for (const name of names) {
        for (const [member, at] of marks.get(name) ?? []) {
          if (knew(at)) continue;
          if (now >= at + graceMsOf(member)) return 'expired';
          verdict = 'stale';
        }
      }
      return verdict;
    },
    delete(member, at) {
      const name = nameOf(member) ?? '';
      const ofName = marks.get(name);
      if (ofName?.get(member) !== at) return;
      ofName.delete(member);
      size -= 1;
      if (ofName.size === 0) marks.delete(name);
    },
    members: () => [...marks.values()].flatMap((ofName) => [...ofName]),
    clear() {
      marks.clear();
      size = 0;
    },
  };
}

/** For how long entries are served after it. */
function graceMsOf(member: string): number {
  if (member.startsWith('x')) return Number.NEGATIVE_INFINITY;
  const [, seconds] = MEMBER.exec(member) ?? [];
  return seconds ? Number(seconds) * 1_000 : Number.POSITIVE_INFINITY;
}
