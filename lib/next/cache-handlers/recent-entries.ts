import { createLru } from '../../client/lru.ts';
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
export interface RecentEntries {
  get(name: string): RecentEntry | undefined;
  set(name: string, entry: RecentEntry): void;
  delete(name: string): void;
}

/** What an entry takes beside its texts, about. */
const OVERHEAD_BYTES = 256;

export function createRecentEntries(maxBytes: number): RecentEntries {
  const entries = createLru<RecentEntry>(Number.POSITIVE_INFINITY);
  let bytes = 0;

  const remove = (name: string) => {
    const entry = entries.get(name);
    if (!entry) return;
    entries.delete(name);
    bytes -= weightOf(name, entry);
  };

  return {
    get: entries.get,
    set(name, entry) {
      remove(name);
      const weight = weightOf(name, entry);
      if (weight > maxBytes) return;
      entries.set(name, entry);
      bytes += weight;
      while (bytes > maxBytes) for (const [last, gone] of entries.take(1)) bytes -= weightOf(last, gone);
    },
    delete: remove,
  };
}

/** Two bytes for a UTF-16 unit. */
function weightOf(name: string, { body, tags }: RecentEntry): number {
  return 2 * (name.length + body.length + tags.reduce((sum, tag) => sum + tag.length, 0)) + OVERHEAD_BYTES;
}
