/** How values become text and back. */
export interface Codec<T> {
  /** One lower-case letter that marks its entries: an entry with another mark is a miss. `j` is JSON. */
  readonly mark: string;
  /** The text of a value, `undefined` for a value that has none: it is not stored. What it throws counts as that. */
  encode(value: T): string | undefined;
  /** What it throws makes the entry a miss. */
  decode(text: string): T;
}

/** JSON as it is: a `Date` comes back as text, what JSON leaves out is lost. */
export function jsonCodec<T>(): Codec<T> {
  return {
    mark: 'j',
    encode: (value) => JSON.stringify(value),
    decode: (text) => JSON.parse(text) as T,
  };
}
