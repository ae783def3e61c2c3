import { createKv } from '../../lib/client/kv-client.ts';
import { type Defaults, getDefaults } from '../../lib/default-client.ts';
import { IDENTITY_HEADER } from '../../lib/guard/identity.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import type { ApiKeySource } from '../../lib/keys/source/source.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { watchedStore } from './watched-store.ts';

export interface Call {
  readonly method?: string;
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The id of the acting key. @default that of the administrator */
  readonly as?: string | undefined;
  /** @default ['admin'] */
  readonly scopes?: readonly string[];
}

/** The default client over a memory store that can be watched and taken away, and an administrator's key in it. */
export async function manageKeys(source?: ApiKeySource) {
  const clock = manualClock();
  const store = watchedStore(memoryStore({ clock }));
  const kv = createKv({ store, clock, breaker: { failureThreshold: 1_000 } });
  const keys = createApiKeys({ kv, source });
  const defaults: Defaults = { ...getDefaults(), kv, keys };
  Object.assign(globalThis, { [Symbol.for('breakwater.defaults.1')]: defaults });
  const admin = source ? undefined : await keys.create({ owner: 'root', scopes: ['admin'] });
  const id = admin?.record.id ?? 'key_0000000000000000';

  /** A request as the guard hands it on. */
  const handedOn = async (path: string, { method = 'GET', body, headers = {}, as = id, scopes = ['admin'] }: Call) => {
    const json = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const request = new Request(`https://example.test${path}`, {
      method,
      headers: { ...type, ...headers },
      ...(json === undefined ? {} : { body: json }),
    });
    const sealed = await defaults.seal?.seal({ id: as, owner: 'root', scopes }, request);
    request.headers.set(IDENTITY_HEADER, sealed ?? '');
    return request;
  };

  return { clock, store, kv, keys, id, handedOn };
}
