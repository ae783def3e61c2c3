import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock } from '../../lib/clock.ts';
import type { Store, StoreSubscription, SubscriptionState } from '../../lib/store/store.ts';
import { Refusal } from './refusal.ts';

export interface EventStreams {
  /**
   * Answers with the messages of the channels, as server-sent events, until either side leaves.
   *
   * @throws Refusal 503 when they cannot be heard, 405
   */
  serve(channels: readonly string[], request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Ends all answers. */
  close(): void;
}

const MAX_STREAMS = 256;
/** What a client has not taken yet. More is a client that does not read: it is left. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** So that neither side, nor a proxy between them, takes a quiet channel for a dead one. */
const KEEP_ALIVE_MS = 15_000;

/** The channels in a path such as `/subscribe/news/sports`; `undefined` where it asks for something else. */
export function channelsIn(target: string): readonly string[] | undefined {
  const [, name = '', ...channels] = target.replace(/\?.*/s, '').replace(/\/$/, '').split('/');
  if (name.toLowerCase() !== 'subscribe' || channels.length === 0) return undefined;
  try {
    return channels.map(decodeURIComponent);
  } catch {
    throw new Refusal(400, 'ERR malformed percent-encoding');
  }
}

export function createEventStreams(store: Store): EventStreams {
  const open = new Set<ServerResponse>();
  let closed = false;

  return {
    serve: async (channels, request, response) => {
      const { subscribe } = store;
      if (request.method !== 'GET' && request.method !== 'POST') {
        throw new Refusal(405, 'ERR method not allowed', 'GET, POST');
      }
      if (subscribe === undefined) throw new Refusal(503, 'ERR the store behind this endpoint cannot subscribe');
      if (closed || open.size >= MAX_STREAMS) throw new Refusal(503, 'ERR too many subscribers');
      open.add(response);
      let subscription: StoreSubscription | undefined;
      response.on('close', () => {
        open.delete(response);
        void subscription?.close();
      });
      await new Promise<void>((resolve, reject) => {
        subscription = subscribe(channels, {
          message: (channel, text) => write(response, eventOf(`message,${channel},${text}`)),
          state: (state) => {
            if (state.state === 'connected' && !response.headersSent) {
              begin(channels, request, response);
              resolve();
            } else if (state.state !== 'connected') {
              // Whoever hears us has to know that he may have missed something: his connection breaks off too.
              void subscription?.close();
              if (response.headersSent) response.end();
              else reject(refusalFor(state));
            }
          },
        });
      }).catch((reason: unknown) => {
        open.delete(response);
        throw reason instanceof Refusal
          ? reason
          : new Refusal(503, 'ERR the store behind this endpoint is unavailable');
      });
    },
    close: () => {
      closed = true;
      for (const response of open) response.end();
    },
  };
}

function refusalFor({ state }: SubscriptionState): Refusal {
  return new Refusal(503, `ERR the store behind this endpoint is ${state === 'closed' ? 'closed' : 'unavailable'}`);
}

function begin(channels: readonly string[], request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  channels.forEach((channel, index) => {
    write(response, eventOf(`subscribe,${channel},${index + 1}`));
  });
  const keepAlive = (): void => {
    stopClock = systemClock.after(KEEP_ALIVE_MS, () => {
      write(response, ': keep-alive\n\n');
      keepAlive();
    });
  };
  let stopClock = (): void => undefined;
  keepAlive();
  response.on('close', () => stopClock());
}

/** A line break within is a further line of the same event. */
function eventOf(data: string): string {
  return `data: ${data.replace(/\r\n|\r|\n/g, '\ndata: ')}\n\n`;
}

function write(response: ServerResponse, text: string): void {
  if (response.writableEnded || response.destroyed) return;
  response.write(text);
  if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
}
