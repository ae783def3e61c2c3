import { base62OfUint32, randomBase62 } from '../client/crypto.ts';
import { ConfigError } from '../errors.ts';

/**
 * `<prefix>_<env>_<32 base62><6 base62 CRC-32>`, as GitHub's tokens: recognisable to secret scanners, and a mistyped or
 * made-up key is refused without asking anybody. The checksum keeps garbage out; it is no security.
 */
export interface KeyFormat {
  generate(): string;
  /** Whether `text` can be a key at all. Costs no I/O and reads at most {@link MAX_KEY_LENGTH} characters. */
  accepts(text: string): boolean;
}

export const MAX_KEY_LENGTH = 128;

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
  };
}

/** What may be shown of a key: its prefix and its last four characters. */
export function displayOf(key: string): string {
  const end = key.indexOf('_', key.indexOf('_') + 1);
  return `${key.slice(0, end + 1)}…${key.slice(-4)}`;
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
