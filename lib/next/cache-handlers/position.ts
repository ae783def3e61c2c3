/** How far in a log of revalidations an entry knows: what was revalidated later ends it, another log does too. */
export interface Position {
  readonly epoch: string;
  /** The instant of the last revalidation that is known, by the clock of Redis. */
  readonly at: number;
}

/** What this process knew when, by its own clock, which no other ever sees. */
export interface PositionHistory {
  /** From now on. */
  note(position: Position): void;
  /**
   * What was known when something began that was made from then on. `undefined` where that was nothing, or is too long ago
   * to say: what was made then cannot be told from what has been revalidated since.
   */
  at(instant: number): Position | undefined;
}

const MAX_NOTES = 256;

/** @param now the clock of the instants that will be asked for */
export function createPositionHistory(now: () => number): PositionHistory {
  const notes: { readonly position: Position; readonly since: number }[] = [];
  return {
    note(position) {
      const last = notes.at(-1)?.position;
      if (last?.epoch === position.epoch && last.at >= position.at) return;
      notes.push({ position, since: now() });
      if (notes.length > MAX_NOTES) notes.shift();
    },
    at: (instant) => notes.findLast(({ since }) => since <= instant)?.position,
  };
}
