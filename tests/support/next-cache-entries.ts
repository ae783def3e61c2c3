import type { CacheEntry, CacheHandler } from 'next/cache.js';

/** The value of an entry, as one chunk for each text. */
export function streamOfTexts(...texts: readonly string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const text of texts) controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });
}

/** An entry as Next makes them: good for a minute, served for an hour. */
export function nextEntry(text: string, parts: Partial<CacheEntry> & Pick<CacheEntry, 'timestamp'>): CacheEntry {
  return { value: streamOfTexts(text), tags: [], stale: 30, revalidate: 60, expire: 3_600, ...parts };
}

/** What a handler has, as text. */
export async function textIn(
  handler: CacheHandler,
  key: string,
  softTags: readonly string[] = [],
): Promise<string | undefined> {
  const entry = await handler.get(key, [...softTags]);
  return entry && new Response(entry.value).text();
}
