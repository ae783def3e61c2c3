import { inspect } from 'node:util';
import { expect } from 'vitest';
import { dispatch } from '../../cli/dispatch.ts';
import type { NextServer } from '../../cli/next-server.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { type ApiKeys, createApiKeys } from '../../lib/keys/api-keys.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import {
  type Ask,
  ask,
  environmentOf,
  newAddress,
  OPEN_MS,
  PEPPER,
  type Stack,
  startStack,
  TOKEN,
} from './next-app.ts';
import { type RestTap, startRestTap } from './rest-tap.ts';
import type { Evidence } from './secret-scanner.ts';

/** Two Next processes, the library and the command line on one Redis, and everything that they say. */
export interface HeardRun {
  readonly stack: Stack;
  readonly tap: RestTap;
  readonly servers: readonly [NextServer, NextServer];
  /** Of this process. */
  readonly ours: ApiKeys<unknown>;
  /** Keys that were issued, by a name. */
  readonly keys: Map<string, string>;
  readonly note: (place: string, content: string) => void;
  /** A request. Of one that issues a key, by a `name`, all is noted but that: it must be there, once. */
  send(name: string, call: Ask & { readonly server?: 0 | 1 }): Promise<number>;
  /** A call of the library, with its errors in all detail. */
  tell(place: string, work: Promise<unknown>): Promise<void>;
  /** `breakwater keys`. The key that it issues is the first line that it prints. */
  breakwater(args: readonly string[], more?: { readonly issues?: string; readonly line?: string }): Promise<number>;
  /** What was heard: answers, output, events, and the requests to Redis without the header that the token belongs in. */
  evidence(): readonly Evidence[];
  stop(): Promise<void>;
}

export async function startHeardRun(): Promise<HeardRun> {
  const stack = await startStack();
  const tap = await startRestTap(stack.endpoint.url);
  const env = { KV_REST_API_URL: tap.url };
  const servers = await Promise.all([stack.start(env), stack.start(env)]);
  const heard: Evidence[] = [];
  const keys = new Map<string, string>();
  const note = (place: string, content: string) => void heard.push({ place, content });
  const store = upstashStore({ url: tap.url, token: TOKEN });
  const onEvent = (event: object) => note('event', JSON.stringify(event));
  const kv = createKv({ store, slowMs: 1, breaker: { timeout: OPEN_MS }, onEvent });
  let clients = 0;

  return {
    ...{ stack, tap, servers, keys, note },
    ours: createApiKeys({ kv, pepper: PEPPER }),
    async send(name, { server = 0, ...call }) {
      clients += 1;
      const response = await ask(servers[server], { ip: newAddress(clients), ...call });
      let text = await response.text();
      if (response.ok && name !== '') {
        const { key } = JSON.parse(text) as { key: string };
        keys.set(name, key);
        expect(text.split(key)).toHaveLength(2);
        text = text.replace(key, '');
      }
      const head = `${response.status} ${response.statusText}\n${inspect([...response.headers])}`;
      note(`answer to ${call.method ?? 'GET'} ${call.path ?? ''}`, `${head}\n${text}`);
      return response.status;
    },
    async tell(place, work) {
      const outcome = await work.catch((error: unknown) => error);
      const told = isIssued(outcome) ? { ...outcome, key: '' } : outcome;
      if (isIssued(outcome)) keys.set(`${place} ${keys.size}`, outcome.key);
      note(place, `${inspect(told, { depth: 10, showHidden: true })}\n${String(told)}\n${JSON.stringify(told)}`);
    },
    async breakwater(args, { issues = '', line = '' } = {}) {
      const printed: string[] = [];
      const status = await dispatch(['keys', ...args], {
        print: (text) => printed.push(text),
        complain: (text) => note('standard error', text),
        readLine: async () => line,
        env: { ...environmentOf(stack.endpoint), ...env },
        stop: new AbortController().signal,
      });
      if (issues !== '') keys.set(issues, printed.shift() ?? '');
      note('standard output', printed.join('\n'));
      return status;
    },
    evidence() {
      const output = servers.map((server) => ({ place: 'output of Next', content: server.output() }));
      const wire = tap.exchanges.map(({ headers: { authorization, ...headers }, ...exchange }) => {
        expect(authorization).toBe(`Bearer ${TOKEN}`);
        return { place: `request to Redis ${exchange.target}`, content: JSON.stringify({ ...exchange, headers }) };
      });
      return [...heard, ...output, ...wire];
    },
    async stop() {
      await kv.close();
      await tap.close();
      await stack.stop();
    },
  };
}

function isIssued(outcome: unknown): outcome is { readonly key: string } {
  return typeof outcome === 'object' && outcome !== null && 'key' in outcome && typeof outcome.key === 'string';
}
