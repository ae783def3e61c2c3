import { StoreError } from '../errors.ts';

const MAX_LINE = 1024 * 1024;

/**
 * The `data:` lines of an answer of server-sent events, wherever its chunks are cut. Each is one by itself, as for
 * `@upstash/redis`.
 *
 * @returns what takes the next chunk, and tells of every line that it completes. @throws StoreError for a line of more than
 *   1 MiB
 */
export function eventLines(told: (data: string) => void): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  let begun = '';
  return (chunk) => {
    const [first = '', ...others] = decoder.decode(chunk, { stream: true }).split('\n');
    begun += first;
    for (const next of others) {
      tell(begun);
      begun = next;
    }
    if (begun.length > MAX_LINE) throw tooLong();
  };

  function tell(line: string): void {
    if (line.length > MAX_LINE) throw tooLong();
    const data = /^data: ?(.*?)\r?$/s.exec(line)?.[1];
    if (data !== undefined) told(data);
  }
}

function tooLong(): StoreError {
  return new StoreError('protocol', 'The endpoint sends a line without end', { mayHaveRun: false });
}
