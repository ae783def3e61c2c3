import type { PlanSettings } from './client/plan-meter.ts';
import type { SqlQuery } from './client/sql-query.ts';
import { readAccessLists, readClientIp } from './config/client-settings.ts';
import { type ConsoleSettings, readConsole } from './config/console-settings.ts';
import { type KeySettings, readKeySettings } from './config/key-settings.ts';
import { type MigrationModes, readMigrationModes } from './config/migration-settings.ts';
import {
  type RedisSettings,
  readNamespace,
  readRedis,
  readStore,
  type StoreSettings,
} from './config/store-settings.ts';
import { type Read, readCount, readMs, readSwitch } from './config/variables.ts';
import { ConfigError } from './errors.ts';
import type { AccessListOptions } from './guard/access-lists.ts';
import type { ClientIpSource } from './guard/client-ip.ts';
import { deferredStore } from './store/deferred-store.ts';
import type { Store } from './store/store.ts';
import { upstashStore } from './store/upstash.ts';

export { migrationVariable } from './config/migration-settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says, checked. Everything that has a default has it here. */
export interface Settings {
  readonly store: StoreSettings;
  readonly namespace: string;
  /** Deadline of a request to Redis. */
  readonly requestTimeoutMs: number | undefined;
  /** How long the circuit stays open. */
  readonly circuitOpenMs: number | undefined;
  /** What of commands and bytes the plan of the store allows. */
  readonly plan: PlanSettings | undefined;
  readonly keys: KeySettings;
  readonly identitySecret: string | undefined;
  /** Under which one-time codes are digested. */
  readonly codePepper: string | undefined;
  /** Under what ids of sessions are digested; without it, under plain SHA-256. */
  readonly sessionPepper: string | undefined;
  /** `undefined`: no header is believed, and where the server does not tell addresses either, all clients share one account. */
  readonly clientIp: ClientIpSource | undefined;
  readonly lists: AccessListOptions;
  /** `false` with ENABLE_REDIS_CACHE=false: limits and caches do not ask Redis. */
  readonly redisCache: boolean;
  /** A PostgreSQL, if it is one: what else applications name so is nothing to us until somebody asks for it. */
  readonly databaseUrl: string | undefined;
  /** What the platform shows that calls cron jobs, also others than ours: whether it is fit is asked where ours is called. */
  readonly cronSecret: string | undefined;
  /** What Prometheus shows where it asks for metrics. */
  readonly metricsToken: string | undefined;
  /** With which mode migrations begin, by the name of the variable. */
  readonly migrations: MigrationModes;
  readonly production: boolean;
}

/**
 * Reads the environment. Does no I/O; an empty variable is an unset one.
 *
 * @throws ConfigError naming the variable, never its value.
 */
export function readSettings(env: Environment = environment()): Settings {
  const read = (name: string) => env[name]?.trim() || undefined;
  const store = readStore(read);
  return {
    store,
    namespace: readNamespace(read('BREAKWATER_NAMESPACE'), 'cluster' in store),
    requestTimeoutMs: readMs(read, 'KV_REQUEST_TIMEOUT_MS'),
    circuitOpenMs: readMs(read, 'KV_CIRCUIT_OPEN_MS'),
    plan: readPlan(read),
    keys: readKeySettings(read),
    identitySecret: readSecret(read, 'BREAKWATER_IDENTITY_SECRET'),
    codePepper: readSecret(read, 'BREAKWATER_CODE_PEPPER'),
    sessionPepper: readSecret(read, 'BREAKWATER_SESSION_PEPPER'),
    clientIp: readClientIp(read),
    lists: readAccessLists(read),
    redisCache: readSwitch(read, 'ENABLE_REDIS_CACHE', true),
    databaseUrl: read('DATABASE_URL'),
    cronSecret: read('CRON_SECRET'),
    metricsToken: readToken(read, 'BREAKWATER_METRICS_TOKEN'),
    migrations: readMigrationModes(Object.keys(env), read),
    production: read('NODE_ENV') === 'production',
  };
}

/**
 * Where a Redis by TCP is, also where the store is another, and the namespace.
 *
 * @throws ConfigError naming the variable, never its value, also when none is set.
 */
export function readQueueSettings(env: Environment = environment()): { redis: RedisSettings; namespace: string } {
  const read = (name: string) => env[name]?.trim() || undefined;
  const redis = readRedis(read);
  if (redis === undefined) {
    throw new ConfigError('REDIS_URL', 'or REDIS_CLUSTER_NODES or REDIS_SENTINELS must be set: job queues need TCP');
  }
  return { redis, namespace: readNamespace(read('BREAKWATER_NAMESPACE'), 'cluster' in redis) };
}

/** Whether there is a console, and for whom. Apart from the rest: middleware has no use for it. @throws ConfigError */
export function readConsoleSettings(env: Environment = environment()): ConsoleSettings {
  return readConsole((name) => env[name]?.trim() || undefined);
}

/** Opens the store that the settings name. Connects with the first request. @throws ConfigError on the Edge, for TCP */
export function openStore(settings: StoreSettings): Store {
  if (settings.kind === 'upstash') return upstashStore({ url: settings.url, token: settings.token });
  if (settings.kind === 'memory') {
    return deferredStore('memory', async () => (await import('./store/memory/memory-store.ts')).memoryStore());
  }
  const { kind, ...where } = settings;
  // Bundlers for the Edge put the runtime's name here and drop the branch, and with it the Node modules behind it.
  if (process.env.NEXT_RUNTIME !== 'edge') {
    return deferredStore(kind, async () => (await import('./store/redis.ts')).redisStore(where));
  }
  const variable = 'url' in where ? 'REDIS_URL' : 'cluster' in where ? 'REDIS_CLUSTER_NODES' : 'REDIS_SENTINELS';
  throw new ConfigError(variable, 'needs the Node runtime; on the Edge set KV_REST_API_URL and KV_REST_API_TOKEN');
}

/** Opens the database of DATABASE_URL. Connects with the first statement. @throws ConfigError */
export function openDatabase(url: string | undefined): SqlQuery {
  if (url === undefined || !/^postgres(?:ql)?:\/\/./.test(url)) {
    throw new ConfigError('DATABASE_URL', 'must be set to postgres://…, or a database be given to configureAnalytics');
  }
  // As for the store: no Node modules at the Edge.
  if (process.env.NEXT_RUNTIME !== 'edge') {
    let opened: Promise<SqlQuery> | undefined;
    const open = async () => (await import('./client/postgres-query.ts')).postgresQuery({ url });
    return async (text, params, options) => {
      opened ??= open();
      return (await opened)(text, params, options);
    };
  }
  throw new ConfigError('DATABASE_URL', 'needs the Node runtime');
}

function readPlan(read: Read): PlanSettings | undefined {
  const commandsPerDay = readCount(read, 'KV_PLAN_COMMANDS_PER_DAY');
  const maxBytes = readCount(read, 'KV_PLAN_MAX_BYTES');
  return commandsPerDay === undefined && maxBytes === undefined ? undefined : { commandsPerDay, maxBytes };
}

function readSecret(read: Read, name: string): string | undefined {
  const secret = read(name);
  if (secret !== undefined && secret.length < 32) {
    throw new ConfigError(name, 'must have at least 32 characters');
  }
  return secret;
}

/** What somebody shows in a header, which carries no more, and nothing else. */
function readToken(read: Read, name: string): string | undefined {
  const token = readSecret(read, name);
  if (token !== undefined && !/^[ -~]{1,1024}$/.test(token)) {
    throw new ConfigError(name, 'must be ASCII of at most 1024 bytes');
  }
  return token;
}

/** Some Edge runtimes have no `process`. */
function environment(): Environment {
  return typeof process === 'undefined' ? {} : process.env;
}
