/** Few enough to be the arguments of one call. */
const CODES_AT_ONCE = 8_192;

export function base64Encode(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += CODES_AT_ONCE) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CODES_AT_ONCE));
  }
  return btoa(binary);
}

/** The bytes behind `encoded`, or `undefined` when it is not base64. */
export function base64Decode(encoded: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}
