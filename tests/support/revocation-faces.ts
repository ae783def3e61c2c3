/**
 * Ways of asking: for the key alone; through the guard on a route without limits, on one whose limits take a request each
 * time, and on one with permits in advance.
 */
export const FACES = ['validate', 'open', 'limited', 'leased'] as const;
/** Those which ask Redis only when they have no fresh answer. */
export const SELDOM: readonly ['validate', 'open'] = ['validate', 'open'];
export type Face = (typeof FACES)[number];

/** One validation. Instants are milliseconds of the machine's monotonic clock, which all processes share. */
export interface Sighting {
  /** Which of the keys that are watched. */
  readonly key: number;
  readonly face: Face;
  readonly begunAt: number;
  readonly endedAt: number;
  readonly isValid: boolean;
}

export interface Revoked {
  readonly begunAt: number;
  /** When it was on record, where that is known; else as below. */
  readonly committedAt: number;
  readonly returnedAt: number;
  readonly propagated: boolean;
}
