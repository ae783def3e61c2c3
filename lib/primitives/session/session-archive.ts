/** A session that has ended, as the archive is to have it. */
export interface ArchivedSession {
  /** Each session has one, and comes under it however often it is sent. Under an id of `put` another may begin later. */
  readonly id: string;
  readonly userId: string | undefined;
  /** Unix milliseconds, by the clock of Redis. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly reason: 'destroyed' | 'expired' | 'revoked' | 'rotated';
  readonly version: number;
  /** As it was last saved. */
  readonly data: unknown;
}

/** Where sessions go when they end. */
export interface SessionArchive {
  /**
   * Resolves when all of them are safely there. They may come again, after a crash or from two processes at once: one whose
   * `id` is there already with the same `startedAt` changes nothing. Rejects, and they come again.
   * It bounds its own waiting: `end` and `sweep` wait for it.
   */
  put(sessions: readonly ArchivedSession[]): Promise<void>;
}
