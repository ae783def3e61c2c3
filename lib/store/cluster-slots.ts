const SLOTS = 16_384;
const encoder = new TextEncoder();

/** The hash slot of a key in a Redis Cluster, 0 to 16383: CRC16 (XMODEM) of the key, or of its hash tag if it has one. */
export function keySlot(key: string): number {
  const tag = hashTag(key) ?? key;
  let crc = 0;
  for (const byte of encoder.encode(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc % SLOTS;
}

/** What stands between the first `{` and the first `}` after it, unless that is nothing. */
export function hashTag(key: string): string | undefined {
  const open = key.indexOf('{');
  const close = key.indexOf('}', open + 1);
  return open === -1 || close <= open + 1 ? undefined : key.slice(open + 1, close);
}
