import { wholeNumber } from '../../client/whole-number.ts';
import { ConfigError } from '../../errors.ts';
import type { SessionsOptions } from './session-options.ts';

/** Options with their defaults, checked. */
export interface SessionSettings {
  readonly idleMs: number;
  /** 0 for no absolute end. */
  readonly absoluteMs: number;
  readonly touchOnRead: boolean;
  readonly maxPerUser: number;
  readonly maxBytes: number;
  readonly tombstoneMs: number;
  /** How long what is over stays for the archive; 0 without one. */
  readonly keepMs: number;
}

/** Ten years: what is longer is a slip, and Redis counts in 64 bits. */
export const LONGEST_MS = 315_360_000_000;
const MAX_BYTES = 16_777_216;
const MAX_PER_USER = 1_000;
const DAY_MS = 86_400_000;

/** @throws ConfigError naming the option */
export function sessionSettings(options: Omit<SessionsOptions, 'kv'>): SessionSettings {
  const { name = 'default', idleMs = DAY_MS, absoluteMs = 30 * DAY_MS, touchOnRead = true, archive, pepper } = options;
  const { maxPerUser = 100, maxBytes = 65_536, tombstoneMs = 300_000, archiveWithinMs = 7 * DAY_MS } = options;
  if (!/^[\w-]{1,64}$/.test(name)) {
    throw new ConfigError('name', 'must be 1 to 64 letters, digits, dashes and underscores');
  }
  if (pepper !== undefined && pepper.length < 16) throw new ConfigError('pepper', 'must have at least 16 characters');
  wholeNumber('archiveWithinMs', archiveWithinMs, 1_000, LONGEST_MS);
  return {
    idleMs: wholeNumber('idleMs', idleMs, 1, LONGEST_MS),
    absoluteMs: absoluteMs === false ? 0 : wholeNumber('absoluteMs', absoluteMs, 1, LONGEST_MS),
    touchOnRead,
    maxPerUser: wholeNumber('maxPerUser', maxPerUser, 0, MAX_PER_USER),
    maxBytes: wholeNumber('maxBytes', maxBytes, 1, MAX_BYTES),
    tombstoneMs: wholeNumber('tombstoneMs', tombstoneMs, 1, LONGEST_MS),
    keepMs: archive === undefined ? 0 : archiveWithinMs,
  };
}
