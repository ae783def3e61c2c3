import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Command, Reply } from '../../lib/store/store.ts';

/** RESP2 without a client in between: what Redis says, as it says it. */
export interface Resp2Connection {
  /** One pipeline at a time. */
  send(commands: readonly Command[]): Promise<readonly Reply[]>;
  /** The same, as one transaction if it is `atomic`: EXEC's replies, or why there are none in place of each. */
  execute(commands: readonly Command[], options: { readonly atomic: boolean }): Promise<readonly Reply[]>;
  close(): void;
}

export async function connectResp2(port: number): Promise<Resp2Connection> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return {
    send: (commands) => exchange(socket, commands),
    async execute(commands, { atomic }) {
      if (!atomic) return exchange(socket, commands);
      const executed = (await exchange(socket, [['MULTI'], ...commands, ['EXEC']])).at(-1) ?? null;
      return Array.isArray(executed) ? executed : commands.map(() => executed);
    },
    close: () => socket.destroy(),
  };
}

function exchange(socket: Socket, commands: readonly Command[]): Promise<readonly Reply[]> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const read = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const replies = readReplies(received, commands.length);
      if (replies === undefined) return;
      socket.off('data', read).off('error', reject);
      resolve(replies);
    };
    socket.on('data', read).once('error', reject);
    socket.write(commands.map(frame).join(''));
  });
}

function frame(command: Command): string {
  const words = command.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
  return `*${words.length}\r\n${words.join('')}`;
}

/** `undefined` while something is missing. */
function readReplies(bytes: Buffer, count: number): readonly Reply[] | undefined {
  let at = 0;
  const read = (): Reply | undefined => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const kind = String.fromCharCode(bytes[at] ?? 0);
    const line = bytes.toString('utf8', at + 1, end);
    at = end + 2;
    if (kind === '-') return { error: line };
    if (kind === ':') return Number(line);
    if (kind === '+') return line;
    const size = Number(line);
    if (size < 0) return null;
    if (kind === '*') return readMany(size);
    at += size + 2;
    return at > bytes.length ? undefined : bytes.toString('utf8', at - size - 2, at - 2);
  };
  const readMany = (size: number): readonly Reply[] | undefined => {
    const items: Reply[] = [];
    while (items.length < size) {
      const item = read();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  };
  return readMany(count);
}
