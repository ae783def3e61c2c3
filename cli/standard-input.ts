import { addAbortSignal, type Readable } from 'node:stream';

/** Longer than anything that is read so. */
const MAX_LENGTH = 4_096;

/**
 * The first line of `input`, or what there is of it when it ends. Reads no further, and closes `input`: what it is left
 * open for would hold the process. Rejects when `stop` fires.
 */
export async function firstLine(input: Readable, stop: AbortSignal): Promise<string> {
  let text = '';
  for await (const chunk of addAbortSignal(stop, input)) {
    text += String(chunk);
    if (text.includes('\n') || text.length > MAX_LENGTH) break;
  }
  return text.split('\n', 1)[0]?.trim() ?? '';
}
