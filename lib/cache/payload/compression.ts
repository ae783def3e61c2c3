/** Makes bytes fewer: raw DEFLATE (RFC 1951), so that every writer's entries are readable for every reader. */
export interface Compression {
  /** The bytes in fewer. */
  deflate(bytes: Uint8Array): Promise<Uint8Array>;
  /** @throws RangeError as soon as there would be more than `maxBytes`; anything else for damaged bytes. */
  inflate(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array>;
}
