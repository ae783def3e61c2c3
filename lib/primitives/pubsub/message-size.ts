const encoder = new TextEncoder();

/** As UTF-8. */
export function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

/** Encodes it only where its length leaves that open. */
export function isLarger(text: string, maxBytes: number): boolean {
  return text.length > maxBytes || (3 * text.length > maxBytes && bytesOf(text) > maxBytes);
}
