import { createTagMarks, type Verdict } from './tag-marks.ts';

/** Revalidations of this process that Redis has not confirmed: in force here from the first moment. */
export interface RevalidationJournal {
  readonly size: number;
  add(members: readonly string[]): void;
  /** What is to be written and is not under way; `undefined` where there is nothing. */
  take(): PendingRevalidations | undefined;
  /**
   * What becomes of an entry of this process that was made at `since`; without it, of one that Redis has, which is older
   * than what Redis has not heard of.
   */
  judge(names: readonly string[], since?: number): Verdict;
}

export interface PendingRevalidations {
  /** There were too many to keep: everything is to end. */
  readonly all: boolean;
  readonly members: readonly string[];
  /** Whether Redis has taken them. If not they are handed out again. */
  settle(written: boolean): void;
}

/** @param now the clock of the process's own entries */
export function createRevalidationJournal(maxTags: number, now: () => number): RevalidationJournal {
  const pending = createTagMarks();
  /** When everything was revalidated here, which Redis does not know. */
  let allAt: number | undefined;
  const underWay = new Set<string>();

  return {
    get size() {
      return pending.size + (allAt === undefined ? 0 : 1);
    },
    add(members) {
      for (const member of members) pending.put(member, now());
      // One that is under way with an earlier instant is to be written again.
      for (const member of members) underWay.delete(member);
      if (pending.size <= maxTags) return;
      pending.clear();
      underWay.clear();
      allAt = now();
    },
    take() {
      const all = allAt;
      const taken = pending.members().filter(([member]) => !underWay.has(member));
      if (all === undefined && taken.length === 0) return undefined;
      for (const [member] of taken) underWay.add(member);
      return {
        all: all !== undefined,
        members: taken.map(([member]) => member),
        settle(written) {
          if (written && allAt === all) allAt = undefined;
          for (const [member, at] of taken) {
            underWay.delete(member);
            if (written) pending.delete(member, at);
          }
        },
      };
    },
    judge(names, since = Number.NEGATIVE_INFINITY) {
      if (allAt !== undefined && allAt >= since) return 'expired';
      return pending.judge(names, (at) => at < since, now());
    },
  };
}
