import { EXPIRE_OPTIONS, type ExpireOption } from './expire-time.ts';
import { syntaxError } from './reply-error.ts';

export interface SetOptions {
  readonly expiry: ExpireOption | undefined;
  readonly condition: 'NX' | 'XX' | undefined;
  readonly get: boolean;
  readonly keepTtl: boolean;
}

export interface GetOptions {
  readonly expiry: ExpireOption | undefined;
  readonly persist: boolean;
}

/** The words after `SET key value`. */
export function readSetOptions(words: readonly string[]): SetOptions {
  const { expiry, flags } = readOptions(words, ['NX', 'XX', 'GET', 'KEEPTTL']);
  if ((flags.has('NX') && flags.has('XX')) || (expiry && flags.has('KEEPTTL'))) throw syntaxError();
  return {
    expiry,
    condition: flags.has('NX') ? 'NX' : flags.has('XX') ? 'XX' : undefined,
    get: flags.has('GET'),
    keepTtl: flags.has('KEEPTTL'),
  };
}

/** The words after `GETEX key`. */
export function readGetOptions(words: readonly string[]): GetOptions {
  const { expiry, flags } = readOptions(words, ['PERSIST']);
  if (expiry && flags.has('PERSIST')) throw syntaxError();
  return { expiry, persist: flags.has('PERSIST') };
}

function readOptions(words: readonly string[], known: readonly string[]) {
  const flags = new Set<string>();
  let expiry: ExpireOption | undefined;
  let kind: string | undefined;
  for (let index = 0; index < words.length; index += 1) {
    const name = words[index]?.toUpperCase() ?? '';
    const span = EXPIRE_OPTIONS.get(name);
    const text = words[index + 1];
    if (known.includes(name)) flags.add(name);
    else if (span && text !== undefined && (kind ?? name) === name) {
      // The same option twice is accepted, the last one counts.
      kind = name;
      expiry = { text, ...span };
      index += 1;
    } else throw syntaxError();
  }
  return { expiry, flags };
}
