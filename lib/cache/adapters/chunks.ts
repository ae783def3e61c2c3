const MAX_ITEMS = 256;
const MAX_SIZE = 524_288;

/**
 * Works through `items` in portions of at most 256, and of about 512 Ki UTF-16 units, one after the other: a request has
 * bounds, at Upstash 10 MB.
 */
export async function inChunks<T, R>(
  items: readonly T[],
  sizeOf: (item: T) => number,
  work: (chunk: readonly T[]) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  let chunk: T[] = [];
  let size = 0;
  for (const item of items) {
    const itemSize = sizeOf(item);
    if (chunk.length >= MAX_ITEMS || (chunk.length > 0 && size + itemSize > MAX_SIZE)) {
      results.push(await work(chunk));
      chunk = [];
      size = 0;
    }
    chunk.push(item);
    size += itemSize;
  }
  if (chunk.length > 0) results.push(await work(chunk));
  return results;
}
