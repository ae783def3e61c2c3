import { createMac, type Mac } from './client/crypto.ts';
import { createKv, type KvClient } from './client/kv-client.ts';
import { registeredOpenTelemetry } from './client/opentelemetry.ts';
import type { SqlQuery } from './client/sql-query.ts';
import { openDatabase, openStore, readSettings, type Settings } from './config.ts';
import { type ClientIp, createClientIp } from './guard/client-ip.ts';
import { createIdentitySeal, type IdentitySeal } from './guard/identity.ts';
import { createMeter } from './guard/metrics/meter.ts';
import type { MetricsSnapshot } from './guard/metrics/snapshot.ts';
import { type ApiKeys, type ApiKeysOptions, createApiKeys } from './keys/api-keys.ts';
import { staticKeySource } from './keys/source/static-key-source.ts';
import { createLimiter, type Limiter } from './limit/limiter.ts';
import { createEventLog, createFailureLog, warn } from './log.ts';

/** What the well-known functions work with: one of each per process, made from the environment at first use. */
export interface Defaults {
  readonly settings: Settings;
  readonly kv: KvClient;
  readonly keys: ApiKeys<unknown>;
  readonly clientIp: ClientIp;
  /** `undefined` without a secret: then no identity is handed on, and none is accepted. */
  readonly seal: IdentitySeal | undefined;
  /** For handlers: policies of their own, which never charge a bucket of the middleware's. */
  readonly limiter: Limiter;
  /** Limits named by `defineLimits`. */
  readonly operations: Map<string, OperationLimit>;
  /** What this runtime has counted of the client and all that works on it. No I/O. */
  readonly metrics: () => MetricsSnapshot;
  /** Signs what the middleware has counted for the handlers; `undefined` without a secret, as `seal`. */
  readonly metricsMac: Mac | undefined;
  /** Writes what the functions that answer nothing but `null` or `false` failed of. */
  readonly logFailure: (operation: string, error: unknown) => void;
}

/** A named operation's limit, as the migrated systems write it. */
export interface OperationLimit {
  readonly max: number;
  readonly windowMs: number;
}

export const DEFAULT_LIMIT = 100;
export const DEFAULT_WINDOW_MS = 60_000;

/** The handlers' own: another limiter on the same Redis would share accounts under these names. */
const HANDLER_POLICIES = ['handler', 'handler-ip', 'handler-key', 'route', 'user'].map((name) => ({
  name,
  limit: DEFAULT_LIMIT,
  windowMs: DEFAULT_WINDOW_MS,
}));

/** What an application says of its keys beside the environment. */
export type ApiKeysConfiguration = Omit<ApiKeysOptions<unknown>, 'kv' | 'pepper' | 'prefix' | 'env'>;

/** Bundlers give routes copies of a module; the breaker and the local counts must be one per process all the same. */
const SLOT: unique symbol = Symbol.for('breakwater.defaults.1');
const CONFIGURATION: unique symbol = Symbol.for('breakwater.api-keys.1');
const DATABASE: unique symbol = Symbol.for('breakwater.database.1');
const home = globalThis as typeof globalThis & {
  [SLOT]?: Defaults;
  [CONFIGURATION]?: ApiKeysConfiguration;
  [DATABASE]?: SqlQuery;
};

/** @throws ConfigError naming the variable that is wrong; again at each use until it is mended. */
export function getDefaults(): Defaults {
  home[SLOT] ??= createDefaults(readSettings());
  return home[SLOT];
}

/**
 * Something of which a process has one on its default client, wherever bundlers put copies of the module that makes it.
 * Made at first use.
 */
export function onDefaultClient<T>(name: string, make: (defaults: Defaults) => T): () => T {
  const slot = Symbol.for(`breakwater.${name}.1`);
  const shelf = globalThis as typeof globalThis & {
    [slot: symbol]: WeakMap<KvClient, { readonly made: T }> | undefined;
  };
  return () => {
    const defaults = getDefaults();
    const all = shelf[slot] ?? new WeakMap<KvClient, { readonly made: T }>();
    shelf[slot] = all;
    const found = all.get(defaults.kv) ?? { made: make(defaults) };
    all.set(defaults.kv, found);
    return found.made;
  };
}

const environmentDatabase = onDefaultClient('environment-database', ({ settings }) =>
  openDatabase(settings.databaseUrl),
);

/** The PostgreSQL of this process: the one it was told, else that of DATABASE_URL. @throws ConfigError where there is none */
export function getDatabase(): SqlQuery {
  return home[DATABASE] ?? environmentDatabase();
}

/** From now on in this process. `undefined` for that of DATABASE_URL. */
export function configureDatabase(query: SqlQuery | undefined): void {
  if (query) home[DATABASE] = query;
  else Reflect.deleteProperty(home, DATABASE);
}

/** From now on in this process; also for what has been made already. What that remembered of keys is forgotten. */
export function configureKeys(configuration: ApiKeysConfiguration): void {
  home[CONFIGURATION] = configuration;
  const made = home[SLOT];
  if (made) home[SLOT] = { ...made, keys: createKeys(made.kv, made.settings) };
}

function createKeys(kv: KvClient, { keys }: Settings): ApiKeys<unknown> {
  const { pepper, prefix, env, list } = keys;
  const source = list && staticKeySource(list);
  return createApiKeys({ kv, pepper, prefix, env, source, ...home[CONFIGURATION] });
}

export function createDefaults(settings: Settings): Defaults {
  const { store, namespace, requestTimeoutMs, circuitOpenMs, identitySecret, clientIp, plan, production } = settings;
  if (production && store.kind === 'memory') {
    warn('[KV] No Redis is configured: limits, keys and caches are kept in memory, separately in each process');
  }
  if (production && !settings.keys.pepper)
    warn('[KV] BREAKWATER_KEY_PEPPER is not set: API keys are stored as plain SHA-256');
  const meter = createMeter({ plan });
  const kv = createKv({
    store: openStore(store),
    namespace,
    requestTimeoutMs,
    breaker: { timeout: circuitOpenMs },
    onEvent: createEventLog(),
    plan,
    telemetry: [meter, registeredOpenTelemetry()],
  });
  return {
    settings,
    kv,
    keys: createKeys(kv, settings),
    clientIp: createClientIp({ source: clientIp ?? 'connection' }),
    seal: identitySecret === undefined ? undefined : createIdentitySeal({ secret: identitySecret }),
    limiter: createLimiter({ kv, policies: HANDLER_POLICIES, localOnly: !settings.redisCache }),
    operations: new Map(),
    metrics: () => meter.snapshot(kv),
    metricsMac: identitySecret === undefined ? undefined : createMac(identitySecret),
    logFailure: createFailureLog(kv.clock.now),
  };
}
