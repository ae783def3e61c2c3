import { readJson } from '../../client/json.ts';
import { ConfigError } from '../../errors.ts';

/** @throws ConfigError for data without a JSON form, or with too many bytes. */
export function dataText(data: unknown, maxBytes: number): string {
  const text = jsonOf(data);
  if (text === undefined) throw new ConfigError('data', 'must have a JSON form');
  // A letter of UTF-16 has at most three bytes in UTF-8.
  const isTooLong = text.length > maxBytes || (text.length * 3 > maxBytes && encoder.encode(text).length > maxBytes);
  if (isTooLong) throw new ConfigError('data', `must have a JSON form of at most ${maxBytes} bytes`);
  return text;
}

export function ownerText(userId: string | undefined): string {
  return JSON.stringify(userId ?? null);
}

/** Whose a session is; `undefined` for what was not written by {@link ownerText}. */
export function readOwner(text: string | undefined): { readonly userId: string | undefined } | undefined {
  const owner = readJson(text);
  if (owner === null) return { userId: undefined };
  return typeof owner === 'string' ? { userId: owner } : undefined;
}

const encoder = new TextEncoder();

function jsonOf(data: unknown): string | undefined {
  try {
    return JSON.stringify(data);
  } catch {
    // For a cycle the error names properties.
    return undefined;
  }
}
