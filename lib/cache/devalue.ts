import { parse, stringify } from 'devalue';
import type { Codec } from './payload/codec.ts';

/**
 * For values that JSON does not know: `Date`, `Map`, `Set`, `BigInt`, `RegExp`, `URL`, typed arrays, `undefined`, and
 * objects that refer to each other or to themselves. Needs the package `devalue`. Functions, symbols, promises and
 * instances of classes have no text: a value with one of them in it is handed out and not stored.
 *
 * @example
 * ```ts
 * const cache = createCache<Map<string, Date>>({ kv, namespace: 'seen', ttlMs: 60_000, codec: devalueCodec() });
 * ```
 */
export function devalueCodec<T>(): Codec<T> {
  return {
    mark: 'd',
    encode: (value) => stringify(value),
    decode: (text): T => parse(text),
  };
}
