import { describe, expect, it, vi } from 'vitest';
import { openDatabase, openStore, readSettings } from '../lib/config.ts';
import { ConfigError } from '../lib/errors.ts';

const REST = { KV_REST_API_URL: 'https://one.example', KV_REST_API_TOKEN: 'token-one' };
const UPSTASH = { UPSTASH_REDIS_REST_URL: 'https://two.example', UPSTASH_REDIS_REST_TOKEN: 'token-two' };
const TCP = { REDIS_URL: 'redis://user:pass@three.example:6380/2' };
const CLUSTER = {
  REDIS_CLUSTER_NODES: 'four.example:7000, redis://five.example',
  BREAKWATER_NAMESPACE: '{app}:',
};
const SENTINELS = { REDIS_SENTINELS: 'six.example,[::1]:26380', REDIS_SENTINEL_NAME: 'main' };
const PEPPER = { BREAKWATER_KEY_PEPPER: `k1:${'x'.repeat(16)}` };
const older = (number: number) => `k${number}:${'o'.repeat(16)}`;
const CREDENTIALS = { REDIS_USERNAME: 'ann', REDIS_PASSWORD: 'p@ss' };

const storeOf = (env: Readonly<Record<string, string>>) => readSettings(env).store;

function refusal(env: Readonly<Record<string, string>>): ConfigError {
  try {
    readSettings(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('an empty environment', () => {
  it('means memory, no secrets, nobody trusted, and defaults for the rest', () => {
    const nothing = {
      store: { kind: 'memory' },
      namespace: '',
      requestTimeoutMs: undefined,
      circuitOpenMs: undefined,
      plan: undefined,
      keys: { prefix: undefined, env: undefined, pepper: undefined, list: undefined },
      identitySecret: undefined,
      codePepper: undefined,
      sessionPepper: undefined,
      databaseUrl: undefined,
      cronSecret: undefined,
      metricsToken: undefined,
      clientIp: undefined,
      lists: { allow: [], deny: [] },
      redisCache: true,
      production: false,
    };
    expect(readSettings({})).toMatchObject(nothing);
    const names = [
      ...['KV_STORE', ...Object.keys({ ...REST, ...UPSTASH, ...TCP }), 'BREAKWATER_NAMESPACE', 'BREAKWATER_KEY_PEPPER'],
      ...Object.keys({ ...CLUSTER, ...SENTINELS, ...CREDENTIALS }),
      ...['BREAKWATER_IDENTITY_SECRET', 'KV_REQUEST_TIMEOUT_MS', 'KV_CIRCUIT_OPEN_MS', 'ENABLE_REDIS_CACHE'],
      ...['CLIENT_IP_SOURCE', 'TRUSTED_PROXIES', 'VERCEL', 'CF_PAGES', 'NODE_ENV'],
      ...['BREAKWATER_ALLOW', 'BREAKWATER_DENY', 'BREAKWATER_CODE_PEPPER', 'BREAKWATER_SESSION_PEPPER'],
      ...['BREAKWATER_ALLOW', 'BREAKWATER_DENY', 'BREAKWATER_CODE_PEPPER'],
      ...['DATABASE_URL', 'CRON_SECRET', 'BREAKWATER_METRICS_TOKEN'],
      ...['KV_PLAN_COMMANDS_PER_DAY', 'KV_PLAN_MAX_BYTES'],
      ...['BREAKWATER_KEY_PREFIX', 'BREAKWATER_KEY_ENV', 'BREAKWATER_KEY_PEPPER_PREVIOUS'],
    ];
    for (const empty of ['', ' ', '\t\n']) {
      expect(readSettings(Object.fromEntries(names.map((name) => [name, empty])))).toMatchObject(nothing);
    }
  });
});

describe('the store', () => {
  it.each([
    [
      'the pair of Vercel first',
      { ...REST, ...UPSTASH, ...TCP },
      { kind: 'upstash', url: 'https://one.example', token: 'token-one' },
    ],
    [
      'then that of Upstash',
      { ...UPSTASH, ...TCP },
      { kind: 'upstash', url: 'https://two.example', token: 'token-two' },
    ],
    ['then a TCP address', { ...TCP, ...CLUSTER, ...SENTINELS }, { kind: 'redis', url: TCP.REDIS_URL }],
    [
      'then a Cluster, with credentials',
      { ...CLUSTER, ...SENTINELS, ...CREDENTIALS },
      {
        kind: 'redis',
        cluster: { nodes: ['four.example:7000', 'redis://five.example'], username: 'ann', password: 'p@ss' },
      },
    ],
    [
      'then what sentinels watch',
      { ...SENTINELS, REDIS_PASSWORD: 'p@ss' },
      {
        kind: 'redis',
        sentinels: { nodes: ['six.example', '[::1]:26380'], name: 'main', username: undefined, password: 'p@ss' },
      },
    ],
    [
      'a Cluster where TCP is forced',
      { ...REST, ...CLUSTER, KV_STORE: 'redis' },
      {
        kind: 'redis',
        cluster: { nodes: ['four.example:7000', 'redis://five.example'], username: undefined, password: undefined },
      },
    ],
    ['memory where it is forced', { ...REST, ...UPSTASH, ...TCP, KV_STORE: 'memory' }, { kind: 'memory' }],
    ['TCP where it is forced', { ...REST, ...TCP, KV_STORE: 'redis' }, { kind: 'redis', url: TCP.REDIS_URL }],
    [
      'REST where it is forced',
      { ...UPSTASH, ...TCP, KV_STORE: 'upstash' },
      { kind: 'upstash', url: 'https://two.example', token: 'token-two' },
    ],
    ['without the white space around its address', { REDIS_URL: ' redis://h \n' }, { kind: 'redis', url: 'redis://h' }],
    ['over TLS', { REDIS_URL: 'rediss://h' }, { kind: 'redis', url: 'rediss://h' }],
    [
      'over plain HTTP, for a local endpoint',
      { ...REST, KV_REST_API_URL: 'http://localhost:8079' },
      { kind: 'upstash', url: 'http://localhost:8079', token: 'token-one' },
    ],
  ] as const)('is %s', (_, env, store) => {
    expect(storeOf(env)).toEqual(store);
  });

  it.each([
    ['KV_REST_API_TOKEN', { KV_REST_API_URL: 'https://one.example' }],
    ['KV_REST_API_URL', { KV_REST_API_TOKEN: 'token-one' }],
    ['UPSTASH_REDIS_REST_TOKEN', { UPSTASH_REDIS_REST_URL: 'https://two.example' }],
    ['UPSTASH_REDIS_REST_URL', { UPSTASH_REDIS_REST_TOKEN: 'token-two' }],
    ['UPSTASH_REDIS_REST_TOKEN', { ...REST, UPSTASH_REDIS_REST_URL: 'https://two.example' }],
    ['KV_REST_API_TOKEN', { ...TCP, KV_REST_API_URL: 'https://one.example' }],
    ['KV_REST_API_TOKEN', { KV_STORE: 'memory', KV_REST_API_URL: 'https://one.example' }],
    ['KV_REST_API_TOKEN', { KV_REST_API_URL: 'https://one.example', KV_REST_API_TOKEN: ' ' }],
    ['BREAKWATER_KEY_PEPPER', { BREAKWATER_KEY_PEPPER_PREVIOUS: 'plain' }],
    ['BREAKWATER_KEY_PEPPER', { BREAKWATER_KEY_PEPPER: ' ', BREAKWATER_KEY_PEPPER_PREVIOUS: older(2) }],
    ['REDIS_SENTINEL_NAME', { REDIS_SENTINELS: 'six.example' }],
    ['REDIS_SENTINELS', { REDIS_SENTINEL_NAME: 'main' }],
    ['REDIS_SENTINEL_NAME', { ...TCP, REDIS_SENTINELS: 'six.example' }],
    ['REDIS_USERNAME', { ...CLUSTER, REDIS_USERNAME: 'ann' }],
  ])('is refused with a word about %s where half of a pair is set', (setting, env) => {
    expect(refusal(env as Record<string, string>)).toMatchObject({ setting, code: 'CONFIG' });
    expect(refusal(env as Record<string, string>).message).toContain('must be set together with');
  });

  it.each([
    ['KV_REST_API_URL', 'upstash', TCP],
    ['REDIS_URL', 'redis', REST],
    ['KV_STORE', 'secret-value', {}],
    ['KV_STORE', 'MEMORY', {}],
  ] as const)('is refused for %s where KV_STORE is %s without what that needs', (setting, forced, env) => {
    expect(refusal({ ...env, KV_STORE: forced })).toMatchObject({ setting });
  });

  it('takes the read-only token, which Vercel sets beside the other, for nothing: one that may not write is of no use', () => {
    const KV_REST_API_READ_ONLY_TOKEN = 'token-that-reads';
    expect(readSettings({ ...REST, KV_REST_API_READ_ONLY_TOKEN })).toEqual(readSettings(REST));
    const { KV_REST_API_URL } = REST;
    expect(refusal({ KV_REST_API_URL, KV_REST_API_READ_ONLY_TOKEN }).setting).toBe('KV_REST_API_TOKEN');
  });

  it('names both variables of the pair that KV_STORE asks for', () => {
    expect(refusal({ KV_STORE: 'upstash' }).message).toBe(
      'KV_REST_API_URL and KV_REST_API_TOKEN must be set when KV_STORE is upstash',
    );
  });
});

describe('what is malformed', () => {
  const SECRET = 's3cr3t';
  const cases: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ...[
      SECRET,
      `ftp://${SECRET}`,
      `${SECRET}.example`,
      `https://user:${SECRET}@h`,
      `https://h/?token=${SECRET}`,
      `https://h/#${SECRET}`,
      'https://',
      `redis://${SECRET}`,
    ].flatMap((url) => [
      ['KV_REST_API_URL', { ...REST, KV_REST_API_URL: url }] as const,
      ['UPSTASH_REDIS_REST_URL', { ...UPSTASH, UPSTASH_REDIS_REST_URL: url }] as const,
      // Also where another one would be used.
      ['UPSTASH_REDIS_REST_URL', { ...REST, ...UPSTASH, UPSTASH_REDIS_REST_URL: url }] as const,
    ]),
    ...[`${SECRET} ${SECRET}`, `${SECRET}\n${SECRET}`, `${SECRET}-ü`, `${SECRET}\0`].flatMap((token) => [
      ['KV_REST_API_TOKEN', { ...REST, KV_REST_API_TOKEN: token }] as const,
      ['UPSTASH_REDIS_REST_TOKEN', { ...UPSTASH, UPSTASH_REDIS_REST_TOKEN: token }] as const,
    ]),
    ...[
      SECRET,
      `http://${SECRET}`,
      `redis:///${SECRET}`,
      `redis://h/${SECRET}`,
      `redis://:${SECRET}%@h`,
      `redis://h?${SECRET}`,
      'redis:',
      `redis://h:${SECRET}`,
    ].map((url) => ['REDIS_URL', { REDIS_URL: url }] as const),
    ...[
      ...[`http://${SECRET}`, `${SECRET}:port`, `${SECRET}:99999`, `${SECRET}:0`, `user:${SECRET}@h:1`, `h/${SECRET}`],
      ...[`h:1,redis://:${SECRET}@h:1`, `h:1,rediss://${SECRET}:2`, `h?${SECRET}`, ',', `h:1;${SECRET}:2`],
    ].flatMap((nodes) => [
      ['REDIS_CLUSTER_NODES', { REDIS_CLUSTER_NODES: nodes }] as const,
      ['REDIS_CLUSTER_NODES', { ...TCP, REDIS_CLUSTER_NODES: nodes }] as const,
      ['REDIS_SENTINELS', { ...SENTINELS, REDIS_SENTINELS: nodes }] as const,
    ]),
    ...[`a${SECRET}!`, 'a b', 'x'.repeat(65), '{a', 'a}', '{}', '{a}{b}', '{a{b}}'].map(
      (text) => ['BREAKWATER_NAMESPACE', { BREAKWATER_NAMESPACE: text }] as const,
    ),
    ...['0', '-1', '1.5', '1e3', '01', '0x10', '1000000000', SECRET].flatMap((text) => [
      ['KV_REQUEST_TIMEOUT_MS', { KV_REQUEST_TIMEOUT_MS: text }] as const,
      ['KV_CIRCUIT_OPEN_MS', { KV_CIRCUIT_OPEN_MS: text }] as const,
    ]),
    ...['0', '-1', '1.5', '1e3', '01', '1000000000000000', SECRET].flatMap((text) => [
      ['KV_PLAN_COMMANDS_PER_DAY', { KV_PLAN_COMMANDS_PER_DAY: text }] as const,
      ['KV_PLAN_MAX_BYTES', { KV_PLAN_MAX_BYTES: text }] as const,
    ]),
    ...[
      SECRET,
      `k1:${SECRET}`,
      `k1:${'x'.repeat(15)}`,
      `:${'x'.repeat(20)}`,
      `k_1:${'x'.repeat(20)}`,
      `${'k'.repeat(17)}:${'x'.repeat(20)}`,
      `plain:${SECRET}${'x'.repeat(20)}`,
      'plain',
    ].map((text) => ['BREAKWATER_KEY_PEPPER', { BREAKWATER_KEY_PEPPER: text }] as const),
    ...[
      SECRET,
      `k2:${SECRET}`,
      `k2:${'x'.repeat(15)}`,
      `plain:${SECRET}${'x'.repeat(20)}`,
      'PLAIN',
      `plain ${SECRET}`,
      `k2:${'x'.repeat(16)},k3:${SECRET}${'x'.repeat(16)} k4`,
      `k2:${'x'.repeat(16)} ${SECRET}`,
      // The one of new keys again, one of them twice, and one too many.
      `${PEPPER.BREAKWATER_KEY_PEPPER}`,
      `k1:${SECRET}${'y'.repeat(16)}`,
      'plain plain',
      `k2:${SECRET}${'x'.repeat(16)} k2:${SECRET}${'y'.repeat(16)}`,
      `${older(2)} ${older(3)} ${older(4)} ${older(5)}`,
      `${older(2)} ${older(3)} ${older(4)} plain`,
    ].map((text) => ['BREAKWATER_KEY_PEPPER_PREVIOUS', { ...PEPPER, BREAKWATER_KEY_PEPPER_PREVIOUS: text }] as const),
    ...['A', '1a', 'a_b', 'a-b', 'a b', 'x'.repeat(17), `${SECRET}!`, 'ü'].flatMap((text) => [
      ['BREAKWATER_KEY_PREFIX', { BREAKWATER_KEY_PREFIX: text }] as const,
      ['BREAKWATER_KEY_ENV', { BREAKWATER_KEY_ENV: text }] as const,
      // The one of them that is wrong.
      ['BREAKWATER_KEY_ENV', { BREAKWATER_KEY_PREFIX: 'acme', BREAKWATER_KEY_ENV: text }] as const,
    ]),
    ...[SECRET, 'x'.repeat(31)].flatMap((text) => [
      ['BREAKWATER_IDENTITY_SECRET', { BREAKWATER_IDENTITY_SECRET: text }] as const,
      ['BREAKWATER_CODE_PEPPER', { BREAKWATER_CODE_PEPPER: text }] as const,
      ['BREAKWATER_SESSION_PEPPER', { BREAKWATER_SESSION_PEPPER: text }] as const,
      ['BREAKWATER_METRICS_TOKEN', { BREAKWATER_METRICS_TOKEN: text }] as const,
    ]),
    // Nobody could show it.
    ...['ü'.repeat(32), `${'x'.repeat(20)}\t${'x'.repeat(20)}`, 'x'.repeat(1_025)].map(
      (text) => ['BREAKWATER_METRICS_TOKEN', { BREAKWATER_METRICS_TOKEN: text }] as const,
    ),
    ...['1', '0', 'yes', 'off', SECRET].map((text) => ['ENABLE_REDIS_CACHE', { ENABLE_REDIS_CACHE: text }] as const),
    ...['x-forwarded-for', 'VERCEL', SECRET].map((text) => ['CLIENT_IP_SOURCE', { CLIENT_IP_SOURCE: text }] as const),
    ...[SECRET, '10.0.0.0/33', '10.0.0.0/8,nonsense', '10.0.0.0/8 10.1.0.0/16', ',', ' , ,'].map(
      (text) => ['TRUSTED_PROXIES', { TRUSTED_PROXIES: text }] as const,
    ),
    ...[SECRET, '10.0.0.0/33', '10.0.0.0/8,nonsense', 'key_short', `key_${'x'.repeat(15)}!`, '::ffff:0:0/95'].flatMap(
      (text) => [
        ['BREAKWATER_ALLOW', { BREAKWATER_ALLOW: text }] as const,
        ['BREAKWATER_DENY', { BREAKWATER_DENY: text }] as const,
      ],
    ),
  ];

  it.each(cases)('in %s is refused: %j', (setting, env) => {
    const error = refusal(env);
    expect(error).toMatchObject({ code: 'CONFIG', setting });
    expect(error.message.startsWith(`${setting} must`)).toBe(true);
    expect(`${error.message} ${error.stack?.split('\n')[0]} ${String(error.cause)}`).not.toContain(SECRET);
  });
});

describe('what is well-formed', () => {
  it.each([
    [{ BREAKWATER_NAMESPACE: 'app_1:a-b' }, { namespace: 'app_1:a-b' }],
    [{ BREAKWATER_NAMESPACE: 'x:{app}:y' }, { namespace: 'x:{app}:y' }],
    [{ BREAKWATER_NAMESPACE: 'x'.repeat(64) }, { namespace: 'x'.repeat(64) }],
    [
      { KV_REQUEST_TIMEOUT_MS: '1', KV_CIRCUIT_OPEN_MS: '999999999' },
      { requestTimeoutMs: 1, circuitOpenMs: 999_999_999 },
    ],
    [{ KV_PLAN_COMMANDS_PER_DAY: '10000' }, { plan: { commandsPerDay: 10_000, maxBytes: undefined } }],
    [{ KV_PLAN_MAX_BYTES: '999999999999999' }, { plan: { maxBytes: 999_999_999_999_999 } }],
    [{ BREAKWATER_KEY_PEPPER: `k1:${'x'.repeat(16)}` }, { keys: { pepper: [{ kid: 'k1', secret: 'x'.repeat(16) }] } }],
    [{ BREAKWATER_KEY_PEPPER: `K:${':'.repeat(16)}` }, { keys: { pepper: [{ kid: 'K', secret: ':'.repeat(16) }] } }],
    [
      { ...PEPPER, BREAKWATER_KEY_PEPPER_PREVIOUS: ` \n${older(2)}\t\n ${older(3)} plain\n` },
      {
        keys: {
          pepper: [
            { kid: 'k1', secret: 'x'.repeat(16) },
            { kid: 'k2', secret: 'o'.repeat(16) },
            { kid: 'k3', secret: 'o'.repeat(16) },
            'plain',
          ],
        },
      },
    ],
    [
      { ...PEPPER, BREAKWATER_KEY_PEPPER_PREVIOUS: 'plain' },
      { keys: { pepper: [{ kid: 'k1', secret: 'x'.repeat(16) }, 'plain'] } },
    ],
    [{ BREAKWATER_KEY_PREFIX: ' acme ', BREAKWATER_KEY_ENV: 't1' }, { keys: { prefix: 'acme', env: 't1' } }],
    [{ BREAKWATER_KEY_PREFIX: 'x'.repeat(16) }, { keys: { prefix: 'x'.repeat(16), env: undefined } }],
    [{ BREAKWATER_KEY_ENV: 'a' }, { keys: { prefix: undefined, env: 'a' } }],
    [{ CRON_SECRET: 'short' }, { cronSecret: 'short' }],
    [{ DATABASE_URL: 'file:./dev.db' }, { databaseUrl: 'file:./dev.db' }],
    [{ BREAKWATER_IDENTITY_SECRET: 'x'.repeat(32) }, { identitySecret: 'x'.repeat(32) }],
    [{ BREAKWATER_CODE_PEPPER: 'x'.repeat(32) }, { codePepper: 'x'.repeat(32) }],
    [{ BREAKWATER_METRICS_TOKEN: 'x'.repeat(1_024) }, { metricsToken: 'x'.repeat(1_024) }],
    [{ BREAKWATER_SESSION_PEPPER: 'x'.repeat(32) }, { sessionPepper: 'x'.repeat(32) }],
    [{ ENABLE_REDIS_CACHE: 'false' }, { redisCache: false }],
    [{ ENABLE_REDIS_CACHE: ' FALSE ' }, { redisCache: false }],
    [{ ENABLE_REDIS_CACHE: 'True' }, { redisCache: true }],
    [{ NODE_ENV: 'production' }, { production: true }],
    [{ NODE_ENV: 'Production' }, { production: false }],
    [{ VERCEL: '1' }, { clientIp: 'vercel' }],
    [{ CF_PAGES: '1' }, { clientIp: 'cloudflare' }],
    [{ VERCEL: '1', CF_PAGES: '1' }, { clientIp: 'vercel' }],
    [{ VERCEL: '1', CLIENT_IP_SOURCE: 'cloudflare' }, { clientIp: 'cloudflare' }],
    [{ VERCEL: '1', CLIENT_IP_SOURCE: 'connection' }, { clientIp: 'connection' }],
    [{ VERCEL: '1', TRUSTED_PROXIES: '10.0.0.0/8' }, { clientIp: { trustedProxies: ['10.0.0.0/8'] } }],
    [
      { TRUSTED_PROXIES: ' 10.0.0.0/8 , 2001:db8::/32, ' },
      { clientIp: { trustedProxies: ['10.0.0.0/8', '2001:db8::/32'] } },
    ],
    [
      { BREAKWATER_ALLOW: ' 10.0.0.0/8 , ', BREAKWATER_DENY: '2001:db8::1,key_AbCdEf0123456789' },
      { lists: { allow: ['10.0.0.0/8'], deny: ['2001:db8::1', 'key_AbCdEf0123456789'] } },
    ],
    [{ CLIENT_IP_SOURCE: 'proxy' }, { clientIp: { trustedProxies: [] } }],
  ])('in %j is read as %j', (env, settings) => {
    expect(readSettings(env as Record<string, string>)).toMatchObject(settings);
  });

  it('is not changed', () => {
    const env = Object.freeze({ ...REST, NODE_ENV: 'test' });
    readSettings(env);
    expect(env).toEqual({ ...REST, NODE_ENV: 'test' });
  });
});

describe('opening a store', () => {
  it.each([
    [{ kind: 'memory' }, 'memory'],
    [{ kind: 'upstash', url: 'https://one.example', token: 'token-one' }, 'upstash'],
    [{ kind: 'redis', url: 'redis://localhost:1' }, 'redis'],
    [{ kind: 'redis', cluster: { nodes: ['localhost:1'] } }, 'redis'],
    [{ kind: 'redis', sentinels: { nodes: ['localhost:1'], name: 'main' } }, 'redis'],
  ] as const)('of the settings %j gives one of that kind, without asking anybody', async (settings, kind) => {
    const store = openStore(settings);
    expect(store.kind).toBe(kind);
    await store.close();
  });

  it.each([
    ['REDIS_URL', TCP],
    ['REDIS_CLUSTER_NODES', CLUSTER],
    ['REDIS_SENTINELS', SENTINELS],
  ])('on the Edge says that %s needs Node, and what to set instead', (setting, env) => {
    vi.stubEnv('NEXT_RUNTIME', 'edge');
    try {
      const advice = `${setting} needs the Node runtime; on the Edge set KV_REST_API_URL and KV_REST_API_TOKEN`;
      expect(() => openStore(storeOf(env))).toThrow(new ConfigError(setting, advice.slice(setting.length + 1)));
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('in memory works at once', async () => {
    const store = openStore({ kind: 'memory' });
    expect(
      await store.execute([
        ['SET', 'a', 1],
        ['GET', 'a'],
      ]),
    ).toEqual(['OK', '1']);
  });
});

describe('a Cluster', () => {
  it('wants a hash tag in the namespace: one request of the guard keeps its keys in one slot', () => {
    const { REDIS_CLUSTER_NODES } = CLUSTER;
    expect(refusal({ REDIS_CLUSTER_NODES }).setting).toBe('BREAKWATER_NAMESPACE');
    expect(refusal({ REDIS_CLUSTER_NODES, BREAKWATER_NAMESPACE: 'app:' }).setting).toBe('BREAKWATER_NAMESPACE');
    expect(readSettings(CLUSTER).namespace).toBe('{app}:');
  });
});

describe('the database', () => {
  it.each([undefined, '', 'mysql://localhost/app', 'file:./dev.db', 'postgres://'])('is none by %j', (url) => {
    expect(() => openDatabase(url)).toThrow(
      new ConfigError('DATABASE_URL', 'must be set to postgres://…, or a database be given to configureAnalytics'),
    );
  });

  it('is none at the edge, where nothing connects to it', () => {
    vi.stubEnv('NEXT_RUNTIME', 'edge');
    expect(() => openDatabase('postgres://127.0.0.1:1/app')).toThrow('DATABASE_URL needs the Node runtime');
    vi.unstubAllEnvs();
  });

  it('is connected to with the first statement', async () => {
    const query = openDatabase('postgresql://127.0.0.1:1/app');
    await expect(query('select 1', [], {})).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
