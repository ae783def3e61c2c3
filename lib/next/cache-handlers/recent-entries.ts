import { createLru, type Lru } from '../../client/lru.ts';
import type { Position } from './position.ts';

/** An entry that this process has read or made, for when Redis is away. */
export interface RecentEntry {
  readonly tags: readonly string[];
  readonly position: Position | undefined;
  readonly body: string;
  /** When it was made, or read, by the clock of this process. */
  readonly since: number;
}

/** So many bytes of them, about: what was unused for longest goes first. */
export function createRecentEntries(maxBytes: number): Lru<RecentEntry> {
  return createLru(maxBytes, weightOf);
}

/** What an entry takes beside its texts, about. */
const OVERHEAD_BYTES = 256;

/** Two bytes for a UTF-16 unit. */
function weightOf(name: string, { body, tags }: RecentEntry): number {
  return 2 * (name.length + body.length + tags.reduce((sum, tag) => sum + tag.length, 0)) + OVERHEAD_BYTES;
}
