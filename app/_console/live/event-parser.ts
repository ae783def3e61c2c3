/** One event of a stream of server-sent events. */
export interface ServerEvent {
  /** @default 'message' */
  readonly event: string;
  readonly data: string;
}

export interface EventParser {
  /**
   * The events that end with this piece of text, whatever its boundaries.
   *
   * @throws RangeError for an event that is longer than an event may be
   */
  push(text: string): readonly ServerEvent[];
}

/** Five minutes of looks are far less. */
const MAX_CHARS = 32 * 1024 * 1024;

/**
 * Reads a stream of server-sent events as the HTML standard says, ids and retry times apart, which the console has no use
 * for. EventSource would do it, and cannot send a header.
 */
export function createEventParser({ maxChars = MAX_CHARS }: { readonly maxChars?: number } = {}): EventParser {
  let rest = '';
  let isBeginning = true;
  let endedWithCr = false;
  let event = '';
  let data: string[] = [];
  let size = 0;

  const readLine = (line: string): ServerEvent | undefined => {
    if (line === '') return dispatched();
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') event = value;
    else if (field === 'data') {
      data.push(value);
      size += value.length;
    }
    return undefined;
  };

  const dispatched = (): ServerEvent | undefined => {
    const complete = data.length === 0 ? undefined : { event: event || 'message', data: data.join('\n') };
    event = '';
    data = [];
    size = 0;
    return complete;
  };

  return {
    push(text) {
      if (text === '') return [];
      // The other half of the end of a line that is over already; or the mark at the very beginning.
      const skipped = (endedWithCr && text.startsWith('\n')) || (isBeginning && text.startsWith('\ufeff'));
      isBeginning = false;
      endedWithCr = text.endsWith('\r');
      const lines = (rest + (skipped ? text.slice(1) : text)).split(/\r\n|\r|\n/);
      rest = lines.pop() ?? '';
      const events = lines.map(readLine).filter((complete) => complete !== undefined);
      if (rest.length + size > maxChars) throw new RangeError(`an event is longer than ${maxChars} characters`);
      return events;
    },
  };
}
