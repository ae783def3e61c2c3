import type { Position } from './position.ts';
import { type Head, readHead } from './revalidation-script.ts';
import { createTagMarks, type Verdict } from './tag-marks.ts';

/** What this process knows of the log of revalidations. */
export interface TagManifest {
  /** From which instant on to ask for what has been added; `undefined` for all of it. */
  readonly from: number | undefined;
  readonly position: Position | undefined;
  /**
   * Takes in what was asked from `from` on. `gone` where there is no log, `other` where it is another than the known one,
   * and has to be read whole.
   */
  absorb(question: Question, reply: unknown): 'known' | 'gone' | 'other';
  /** A revalidation of this process's own, by the instant that Redis gave it. */
  note(members: readonly string[], at: number): void;
  /** Forgets everything: it is to be read whole. */
  forget(): void;
  judge(names: readonly string[], position: Position | undefined, now: number): Verdict;
}

export interface Question {
  /** Counts up. */
  readonly number: number;
  readonly from: number | undefined;
}

export function createTagManifest(maxTags: number): TagManifest {
  const marks = createTagMarks();
  let log: (Head & { readonly at: number; readonly since: number }) | undefined;

  const forget = () => {
    marks.clear();
    log = undefined;
  };

  return {
    get from() {
      return log?.at;
    },
    get position() {
      return log && { epoch: log.epoch, at: log.at };
    },
    absorb({ number, from }, reply) {
      const pairs = Array.isArray(reply) ? reply : [];
      const head = readHead(pairs.at(-2));
      const at = Number(pairs.at(-1));
      if (!head || !Number.isSafeInteger(at)) return 'gone';
      if (log && log.epoch !== head.epoch) {
        // An answer from before the log that is known began says nothing of it.
        if (number < log.since) return 'known';
        forget();
      }
      // Redis keeps the newest only; here the older ones pile up until it is read again.
      if (marks.size > 2 * maxTags) forget();
      if (!log && from !== undefined) return 'other';
      for (let index = 0; index < pairs.length - 2; index += 2) {
        marks.put(String(pairs[index]), Number(pairs[index + 1]));
      }
      log = {
        epoch: head.epoch,
        floor: Math.max(head.floor, log?.floor ?? 0),
        at: Math.max(at, log?.at ?? 0),
        since: log?.since ?? number,
      };
      return 'known';
    },
    note(members, at) {
      for (const member of members) marks.put(member, at);
    },
    forget,
    judge(names, position, now) {
      if (!log || !position || position.epoch !== log.epoch || position.at < log.floor) return 'expired';
      return marks.judge(names, (at) => at <= position.at, now);
    },
  };
}
