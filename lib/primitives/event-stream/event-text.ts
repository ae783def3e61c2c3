import { ConfigError } from '../../errors.ts';

/** An event as JSON, and the bytes of that. */
export interface EventText {
  readonly text: string;
  readonly bytes: number;
}

const encoder = new TextEncoder();

/** @throws ConfigError for an event that has no JSON form, is too large, or is nested too deep */
export function eventText(event: unknown, maxBytes: number): EventText {
  const text = jsonOf(event);
  if (text === undefined) throw new ConfigError('event', 'must have a JSON form');
  const bytes = encoder.encode(text).byteLength;
  if (bytes > maxBytes) throw new ConfigError('event', `must have at most ${maxBytes} bytes as JSON`);
  if (!isShallow(text)) throw new ConfigError('event', `must be nested at most ${MAX_DEPTH} levels deep`);
  return { text, bytes };
}

/** Databases, and JSON.stringify on a deep stack, give up on what is nested too deep: nobody could drain it. */
const MAX_DEPTH = 64;

/** In one pass, whatever the text is: others may have written it. */
export function isShallow(text: string): boolean {
  let depth = 0;
  let isQuoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === '"') isQuoted = !isQuoted;
    else if (isQuoted) index += char === '\\' ? 1 : 0;
    else if (char === '[' || char === '{') depth += 1;
    else if (char === ']' || char === '}') depth -= 1;
    if (depth > MAX_DEPTH) return false;
  }
  return true;
}

function jsonOf(event: unknown): string | undefined {
  try {
    return JSON.stringify(event);
  } catch {
    // Circular, a bigint, too deep.
    return undefined;
  }
}
