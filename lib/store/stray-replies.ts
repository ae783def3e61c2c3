/** What ioredis keeps of a command that has yet to be answered. */
interface Unanswered {
  readonly command: { readonly name: string; resolve(reply: unknown): unknown; reject(error: Error): unknown };
}

/** As much of an ioredis client as reads replies. */
export interface ReplyReader {
  readonly commandQueue: { shift(): Unanswered | undefined };
  recoverFromFatalError(cause: Error, error: Error, options: object): void;
}

interface Incoming {
  on(event: 'data', heard: () => void): unknown;
  prependListener(event: 'data', heard: () => void): unknown;
}

/**
 * Calls `end` for a reply that nobody has asked for: those that follow would be taken for the answers to other commands.
 *
 * ioredis (as of 6.0) goes on after such a reply, and where it is a null it throws on its next tick, where nobody can
 * catch it: one of them ends the process. So it never finds its queue empty while it reads.
 */
export function endOnStrayReply(client: ReplyReader, incoming: Incoming, end: () => void): void {
  const { commandQueue } = client;
  const shift = commandQueue.shift.bind(commandQueue);
  let isReading = false;
  let isOver = false;
  const endOnce = (): void => {
    if (!isOver) end();
    isOver = true;
  };
  incoming.prependListener('data', () => {
    isReading = true;
  });
  incoming.on('data', () => {
    isReading = false;
  });
  const stray: Unanswered = { command: { name: 'stray', resolve: endOnce, reject: endOnce } };
  commandQueue.shift = () => shift() ?? (isReading ? stray : undefined);
  // It would empty the queue until there is nothing left in it.
  client.recoverFromFatalError = () => {
    isReading = false;
    endOnce();
  };
}
