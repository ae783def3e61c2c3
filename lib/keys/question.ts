import { boundPart } from '../client/redis-keys.ts';
import type { Instant } from '../clock.ts';
import type { KeyDigest } from './digest.ts';
import type { Validation } from './validation.ts';

/** A key that somebody has sent. */
export interface Question {
  /** Under each pepper. The first names the key in this process's memory and in accounts. */
  readonly digests: readonly [KeyDigest, ...KeyDigest[]];
  /** Whose misses are counted; `undefined` where nobody vouches for an address. */
  readonly client: string | undefined;
  /** Told of work that goes on behind the answer, and never rejects: platforms end with the answer. @default nobody */
  readonly onBackground?: ((work: Promise<unknown>) => void) | undefined;
}

/**
 * What is asked about the digests of a key. `client` may be any text, and names a counter in Redis: it is bounded, and an
 * empty one is nobody's.
 */
export async function questionOf(
  digests: Question['digests'],
  client: string | undefined,
  onBackground?: Question['onBackground'],
): Promise<Question> {
  return { digests, client: client ? await boundPart(client) : undefined, onBackground };
}

/** Redis has nothing on it: the source has to be asked. */
export interface Ask {
  readonly status: 'ASK';
  /** Where looking for it was counted as a miss; `undefined` for a key that has been found before. */
  readonly missed: 'store' | 'here' | 'nowhere' | undefined;
  /** When Redis said so, by its clock and by ours; `undefined` when it did not. */
  readonly saidAt: { readonly redisMs: number; readonly here: Instant } | undefined;
}

export type Finding<Config> = Validation<Config> | Ask;

/** What the source said, for the entry of one digest. */
export interface Fill {
  readonly text: string;
  /** When the entry ends, in milliseconds of the clock of Redis. */
  readonly endsAt: number;
  /** Which digest, from 1; negative when looking for it was counted as a miss in Redis. */
  readonly place: number;
}

export interface Consultation<Config> {
  readonly validation: Validation<Config>;
  /** What Redis is to hear of it. */
  readonly fill: Fill | undefined;
}
