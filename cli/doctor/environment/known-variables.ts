/** Variables that hold a secret as a whole. */
const SECRETS: readonly string[] = [
  'KV_REST_API_TOKEN',
  'KV_REST_API_READ_ONLY_TOKEN',
  'UPSTASH_REDIS_REST_TOKEN',
  'REDIS_PASSWORD',
  'BREAKWATER_KEY_PEPPER',
  'BREAKWATER_KEY_PEPPER_PREVIOUS',
  'BREAKWATER_IDENTITY_SECRET',
  'BREAKWATER_CODE_PEPPER',
  'BREAKWATER_SESSION_PEPPER',
  'BREAKWATER_API_KEY',
  'BREAKWATER_METRICS_TOKEN',
  'BREAKWATER_DEMO_TOKEN',
  'BREAKWATER_DEMO_SECRET',
  'CRON_SECRET',
];

/** URLs that may have a password in them. */
const URLS: readonly string[] = ['REDIS_URL', 'DATABASE_URL'];

/** Every variable that Breakwater reads. A test compares it with the sources. */
export const KNOWN_VARIABLES: readonly string[] = [
  ...SECRETS,
  ...URLS,
  'KV_REST_API_URL',
  'UPSTASH_REDIS_REST_URL',
  'REDIS_CLUSTER_NODES',
  'REDIS_SENTINELS',
  'REDIS_SENTINEL_NAME',
  'REDIS_USERNAME',
  'KV_STORE',
  'BREAKWATER_KEY_PREFIX',
  'BREAKWATER_KEY_ENV',
  'BREAKWATER_STATIC_KEYS',
  'BREAKWATER_ALLOW',
  'BREAKWATER_DENY',
  'BREAKWATER_NAMESPACE',
  'CLIENT_IP_SOURCE',
  'TRUSTED_PROXIES',
  'KV_REQUEST_TIMEOUT_MS',
  'KV_CIRCUIT_OPEN_MS',
  'KV_PLAN_COMMANDS_PER_DAY',
  'KV_PLAN_MAX_BYTES',
  'BREAKWATER_CONSOLE',
  'BREAKWATER_CONSOLE_ORIGIN',
  'BREAKWATER_DEMO_CONTROL',
  'ENABLE_REDIS_CACHE',
];

/** Set by the demo for the application that it starts. */
export const DEMO_VARIABLES: readonly string[] = [
  'BREAKWATER_DEMO_TOKEN',
  'BREAKWATER_DEMO_CONTROL',
  'BREAKWATER_DEMO_SECRET',
];

/** What others call where their Redis is, and what it is called here. */
export const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['KV_URL', 'REDIS_URL'],
  ['UPSTASH_REDIS_URL', 'REDIS_URL, or UPSTASH_REDIS_REST_URL for the REST endpoint'],
  ['REDIS_TLS_URL', 'REDIS_URL'],
  ['REDISCLOUD_URL', 'REDIS_URL'],
  ['REDIS_HOST', 'REDIS_URL, as redis://host:port'],
  ['REDIS_REST_URL', 'KV_REST_API_URL'],
  ['REDIS_REST_TOKEN', 'KV_REST_API_TOKEN'],
  ['KV_REST_URL', 'KV_REST_API_URL'],
  ['KV_REST_TOKEN', 'KV_REST_API_TOKEN'],
  ['UPSTASH_REDIS_TOKEN', 'UPSTASH_REDIS_REST_TOKEN'],
  ['UPSTASH_REST_URL', 'UPSTASH_REDIS_REST_URL'],
  ['UPSTASH_REST_TOKEN', 'UPSTASH_REDIS_REST_TOKEN'],
]);

/** What names a Redis: one that is set wrongly, and nobody is asked. */
export const STORE_VARIABLES: ReadonlySet<string> = new Set([
  'KV_STORE',
  'KV_REST_API_URL',
  'KV_REST_API_TOKEN',
  'UPSTASH_REDIS_REST_URL',
  'UPSTASH_REDIS_REST_TOKEN',
  'REDIS_URL',
  'REDIS_CLUSTER_NODES',
  'REDIS_SENTINELS',
  'REDIS_SENTINEL_NAME',
  'REDIS_USERNAME',
  'REDIS_PASSWORD',
]);

/** The secrets in the value of a variable: none, in most; the password alone of a URL. */
export function secretsIn(name: string, value: string | undefined): readonly string[] {
  const text = value?.trim() ?? '';
  if (text === '') return [];
  if (SECRETS.includes(name)) return [text, ...(name === 'BREAKWATER_KEY_PEPPER' ? [text.replace(/^\w+:/, '')] : [])];
  return URLS.includes(name) ? passwordOf(text) : [];
}

function passwordOf(text: string): readonly string[] {
  const [, written = ''] = /^[a-z]+:\/\/[^@/]*?:([^@/]*)@/.exec(text) ?? [];
  return written === '' ? [] : [written];
}
