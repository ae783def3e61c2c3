import { base62OfUint32, randomBase62 } from '../client/crypto.ts';
import { ConfigError } from '../errors.ts';

/**
 * How keys look. Ours are `<prefix>_<env>_<32 base62><6 base62 CRC-32>`, as GitHub's tokens: recognisable to secret
 * scanners, and a mistyped or made-up key is refused without asking anybody. The checksum keeps garbage out; it is no
 * security.
 */
export interface KeyFormat {
  /** A new key of this format, unlike any other. */
  generate(): string;
  /** Whether `text`, of at most `MAX_KEY_LENGTH` characters, can be a key at all. No I/O. */
  accepts(text: string): boolean;
  /** What may be shown of a key. @default its last four characters */
  readonly display?: ((key: string) => string) | undefined;
}

/** Nothing longer is taken for a key, whatever a format of one's own would accept. */
export const MAX_KEY_LENGTH = 512;

const RANDOM_LENGTH = 32;
const CHECKSUM_LENGTH = 6;
const LABEL = /^[a-z][a-z0-9]{0,15}$/;

/** @throws ConfigError naming the option. */
export function createKeyFormat(prefix: string, env: string): KeyFormat {
  if (!LABEL.test(prefix)) throw new ConfigError('prefix', 'must be 1 to 16 lower-case letters and digits');
  if (!LABEL.test(env)) throw new ConfigError('env', 'must be 1 to 16 lower-case letters and digits');
  const head = `${prefix}_${env}_`;
  const length = head.length + RANDOM_LENGTH + CHECKSUM_LENGTH;
  return {
    generate() {
      const body = head + randomBase62(RANDOM_LENGTH);
      return body + checksum(body);
    },
    accepts(text) {
      if (text.length !== length || !text.startsWith(head)) return false;
      const body = text.slice(0, -CHECKSUM_LENGTH);
      return isBase62(text.slice(head.length)) && checksum(body) === text.slice(-CHECKSUM_LENGTH);
    },
    display: (key) => `${head}…${key.slice(-4)}`,
  };
}

/** What may be shown of a key. */
export function displayOf(key: string, { display }: KeyFormat): string {
  return display?.(key) ?? `…${key.slice(-4)}`;
}

/** Looks ahead only, from each character anew: letters before a key, as in the JSON of a line break, are no part of its prefix. */
const KEY = /(?=(([a-z][a-z0-9]{0,15})_([a-z][a-z0-9]{0,15})_[0-9A-Za-z]{38}))/g;

/** Whether a key of this form stands in `text`, whatever its prefix. What merely looks like one has another checksum. */
export function holdsKey(text: string): boolean {
  for (const [, found = '', prefix = '', env = ''] of text.matchAll(KEY)) {
    if (createKeyFormat(prefix, env).accepts(found)) return true;
  }
  return false;
}

function isBase62(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    const digit = code >= 48 && code <= 57;
    const letter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
    if (!digit && !letter) return false;
  }
  return true;
}

/** CRC-32 (ISO-HDLC, as in zip) of an ASCII text, in base62. */
function checksum(text: string): string {
  let crc = 0xffffffff;
  for (let index = 0; index < text.length; index += 1) {
    crc ^= text.charCodeAt(index);
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return base62OfUint32(~crc >>> 0);
}
