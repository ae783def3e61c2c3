import { createLru } from '../client/lru.ts';
import { type Clock, type Instant, instant } from '../clock.ts';
import type { EntryHead } from './entry.ts';

/** An entry as this process keeps it. */
export interface Copy {
  readonly head: EntryHead;
  /** The codec's text, so that each caller has a value of its own; `undefined` where there is no such thing. */
  readonly text: string | undefined;
  /** When Redis was asked for it, or it was put there from here. */
  readonly verifiedAt: Instant;
  /** When it was put here. */
  readonly keptAt: Instant;
}

/** Entries in this process, bounded by bytes. */
export interface MemoryTier {
  get(key: string): Copy | undefined;
  set(key: string, copy: Omit<Copy, 'keptAt'>): void;
  delete(key: string): void;
  clear(): void;
  readonly size: number;
  readonly bytes: number;
}

/** Of the objects around the texts, measured with `npm run bench -- cache-memory`. */
const OVERHEAD_BYTES = 400;

export function createMemoryTier(maxBytes: number, clock: Clock): MemoryTier {
  const copies = createLru<Copy>(maxBytes, bytesOf);
  return {
    get: copies.get,
    set(key, { head, text, verifiedAt }) {
      copies.set(key, { head, text, verifiedAt, keptAt: instant(clock) });
    },
    delete: copies.delete,
    clear: copies.clear,
    get size() {
      return copies.size;
    },
    get bytes() {
      return copies.weight;
    },
  };
}

/** At most: texts of Latin letters take one byte for each. */
function bytesOf(key: string, { head, text = '' }: Copy): number {
  return 2 * (key.length + text.length) + OVERHEAD_BYTES + 100 * head.tags.length;
}
