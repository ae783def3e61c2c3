import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { StoreSettings } from '../../../lib/config/store-settings.ts';

export interface Place {
  readonly host: string;
  readonly port: number;
  /** Whether it is spoken to by TLS. */
  readonly secure: boolean;
}

const LOOK_MS = 1_000;

/** Where the first connection goes. */
export function placeOf(store: StoreSettings): Place | undefined {
  if (store.kind === 'memory') return undefined;
  if (store.kind === 'upstash') return placeIn(store.url, { http: 80, https: 443 });
  if ('url' in store) return placeIn(store.url, { redis: 6379, rediss: 6379 });
  const [first = ''] = 'cluster' in store ? store.cluster.nodes : store.sentinels.nodes;
  const ports = 'cluster' in store ? { redis: 6379, rediss: 6379 } : { redis: 26_379, rediss: 26_379 };
  return placeIn(/^rediss?:/.test(first) ? first : `redis://${first}`, ports);
}

function placeIn(text: string, ports: Readonly<Record<string, number>>): Place | undefined {
  const { protocol, hostname, port } = new URL(text);
  const scheme = protocol.slice(0, -1);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(port) || (ports[scheme] ?? 0), secure: scheme === 'rediss' || scheme === 'https' };
}

/**
 * Whether the other end speaks TLS where we do not, or does not where we do: one connection that tries the other way, and
 * sends a bare PING at most.
 */
export function speaksOtherWay({ host, port, secure }: Place): Promise<boolean> {
  return new Promise((resolve) => {
    // Whose certificate it is does not matter: nothing is said to it.
    const socket = secure
      ? connectPlain({ host, port }, () => socket.write('PING\r\n'))
      : connectTls({ host, port, rejectUnauthorized: false }, () => end(true));
    const end = (answer: boolean): void => {
      resolve(answer);
      socket.destroy();
    };
    socket.setTimeout(LOOK_MS, () => end(false));
    socket.once('data', (chunk: Buffer) => end(secure && /^(?:[+-][A-Z]|HTTP\/)/.test(chunk.toString('latin1'))));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}
