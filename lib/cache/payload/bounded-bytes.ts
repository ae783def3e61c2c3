export interface BoundedBytes {
  /** @throws RangeError when there would be more than the bound. */
  add(chunk: Uint8Array): void;
  whole(): Uint8Array;
}

/** Puts chunks together, up to `maxBytes`. */
export function boundedBytes(maxBytes: number): BoundedBytes {
  const chunks: Uint8Array[] = [];
  let size = 0;
  return {
    add(chunk) {
      if (size + chunk.length > maxBytes) throw new RangeError(`There are more than ${maxBytes} bytes`);
      size += chunk.length;
      chunks.push(chunk);
    },
    whole() {
      const [only] = chunks;
      if (only !== undefined && chunks.length === 1) return only;
      const bytes = new Uint8Array(size);
      let at = 0;
      for (const chunk of chunks) {
        bytes.set(chunk, at);
        at += chunk.length;
      }
      return bytes;
    },
  };
}
