const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Which of so many shards a text belongs to, the same in every process: FNV-1a over its UTF-16 units. No secret. */
export function shardOf(text: string, shards: number): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  }
  // The low bits of FNV-1a alone would depend on the low bits of the text alone.
  return ((hash ^ (hash >>> 16)) >>> 0) % shards;
}
