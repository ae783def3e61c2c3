/** What must be nowhere. */
export interface Secret {
  /** What a leak is reported by. */
  readonly name: string;
  /** ASCII. */
  readonly text: string;
}

export interface Leak {
  readonly secret: string;
  /** How it is written there. */
  readonly form: string;
  readonly place: string;
}

/** What is said, stored or sent, and where that was. */
export interface Evidence {
  readonly place: string;
  readonly content: string | Uint8Array;
}

/** Finds secrets as they are, in base64 and base64url at any offset, in hex, in UTF-16, and behind escapes of URLs, JSON and HTML. */
export type SecretScanner = (evidence: readonly Evidence[]) => readonly Leak[];

interface Needle {
  readonly secret: string;
  readonly form: string;
  readonly bytes: string;
  /** Whether letters stand for themselves in either case. */
  readonly anyCase: boolean;
}

export function createSecretScanner(secrets: readonly Secret[]): SecretScanner {
  const needles = secrets.flatMap(needlesOf);
  return (evidence) =>
    evidence.flatMap(({ place, content }) => {
      const bytes = Buffer.from(content).toString('latin1');
      const plain = unescaped(bytes);
      const views = plain === bytes ? [bytes] : [bytes, plain];
      return views.flatMap((view, index) => {
        const lower = view.toLowerCase();
        const found = needles.filter((needle) => (needle.anyCase ? lower : view).includes(needle.bytes));
        return found.map(({ secret, form }) => ({ secret, form: index === 0 ? form : `${form}, escaped`, place }));
      });
    });
}

const PART = 11;
/** May be shown, as may all that stands before the random part. */
const SHOWN = 4;

/** Parts of the random part of a key: any 22 characters of it that follow each other have one of them whole. */
export function partsOfKey(name: string, key: string): readonly Secret[] {
  const random = key.slice(key.lastIndexOf('_') + 1, -SHOWN);
  const count = Math.floor(random.length / PART);
  return Array.from({ length: count }, (_, part) => ({
    name: `${name}, part ${part + 1}`,
    text: random.slice(part * PART, part === count - 1 ? undefined : (part + 1) * PART),
  }));
}

/** `text` in every way that the scanner knows. */
export function waysToWrite(text: string): readonly (readonly [form: string, written: string])[] {
  const each = (write: (code: number) => string) => [...Buffer.from(text)].map(write).join('');
  const hex = (code: number) => code.toString(16).padStart(2, '0');
  return [
    ['as it is', text],
    ['in capitals', text.toUpperCase()],
    ...['', 'x', 'xy'].flatMap((before): [string, string][] => [
      [`in base64 after ${before.length} bytes`, Buffer.from(`${before}${text}z`).toString('base64')],
      [`in base64url after ${before.length} bytes`, Buffer.from(`${before}${text}z`).toString('base64url')],
    ]),
    ['in hex', each(hex)],
    ['in upper-case hex', each(hex).toUpperCase()],
    ['in UTF-16', Buffer.from(text, 'utf16le').toString('latin1')],
    ['for a URL', each((code) => `%${hex(code)}`)],
    ['for a URL, half of it', each((code) => (code % 2 ? `%${hex(code).toUpperCase()}` : String.fromCharCode(code)))],
    ['for JSON', each((code) => `\\u00${hex(code)}`)],
    ['for HTML', each((code) => `&#${code};`)],
    ['as Redis logs it', each((code) => `\\x${hex(code)}`)],
    ['in base64 for a URL', encodeURIComponent(Buffer.from(text).toString('base64'))],
  ];
}

function needlesOf({ name: secret, text }: Secret): readonly Needle[] {
  const bytes = Buffer.from(text);
  const needle = (form: string, written: string, anyCase = false): Needle => ({
    ...{ secret, form, anyCase, bytes: anyCase ? written.toLowerCase() : written },
  });
  return [
    needle('as it is', text, true),
    needle('hex', bytes.toString('hex'), true),
    needle('UTF-16', Buffer.from(text, 'utf16le').toString('latin1'), true),
    ...[0, 1, 2].flatMap((offset) => [
      needle('base64', alignedBase64(bytes, offset, 'base64')),
      needle('base64url', alignedBase64(bytes, offset, 'base64url')),
    ]),
  ];
}

/** The characters of base64 that `bytes` alone decide when so many others stand before them. */
function alignedBase64(bytes: Buffer, offset: number, alphabet: 'base64' | 'base64url'): string {
  const written = Buffer.concat([Buffer.alloc(offset), bytes]).toString(alphabet);
  return written.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

/** What is quoted in JSON has its own backslashes twice. */
function unescaped(text: string): string {
  return text.replace(
    /%([0-9a-f]{2})|\\+u00([0-9a-f]{2})|\\+x([0-9a-f]{2})|&#x([0-9a-f]{2});|&#(\d{2,3});/gi,
    (_, ...groups: (string | undefined)[]) => {
      const decimal = groups[4];
      const code = decimal === undefined ? Number.parseInt(groups.find(Boolean) ?? '0', 16) : Number(decimal);
      return String.fromCharCode(code);
    },
  );
}
