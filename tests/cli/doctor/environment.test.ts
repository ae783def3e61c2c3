import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DoctorContext } from '../../../cli/doctor/check.ts';
import { parseEnvFile } from '../../../cli/doctor/environment/env-file.ts';
import { KNOWN_VARIABLES } from '../../../cli/doctor/environment/known-variables.ts';
import { distance } from '../../../cli/doctor/environment/misspelt.ts';
import { readAll } from '../../../cli/doctor/environment/reading.ts';
import { isWithin, versionsCheck } from '../../../cli/doctor/environment/versions.ts';
import type { FindingCode } from '../../../cli/doctor/finding.ts';
import { readProject } from '../../../cli/doctor/project/project.ts';
import { changed, diagnose, HEALTHY, HEALTHY_FILES, ON_NODE, projectFolder } from '../../support/doctor-run.ts';
import { readSourceTree } from '../../support/source-tree.ts';

type Changes = Readonly<Record<string, string | undefined>>;

const NO_REST: Changes = { KV_REST_API_URL: undefined, KV_REST_API_TOKEN: undefined };
const TCP: Changes = { ...NO_REST, REDIS_URL: 'redis://localhost' };

const DEMO: Changes = {
  BREAKWATER_DEMO_TOKEN: 'Rb8KzQ3nXx2TvWc7Ld9HsJ4GmPy5UuEa',
  BREAKWATER_DEMO_CONTROL: 'http://127.0.0.1:4000/',
  BREAKWATER_DEMO_SECRET: 'Wc7Ld9HsJ4GmPy5UuEaRb8KzQ3nXx2Tv',
};

const { 'middleware.ts': door, ...others } = HEALTHY_FILES;

const offline = async (env: Changes, files: Changes = HEALTHY_FILES) =>
  diagnose(changed(HEALTHY, env), ['--offline', '--project', await projectFolder(files)]);

describe('an environment that is as it should be', () => {
  it('has nothing said against it', async () => {
    const { status, codes, report } = await offline({});
    expect({ status, codes, told: report.status }).toEqual({ status: 0, codes: [], told: 'ok' });
  });

  it.each<[string, Changes]>([
    [
      'of development, without secrets',
      { NODE_ENV: undefined, CRON_SECRET: undefined, BREAKWATER_KEY_PEPPER: undefined },
    ],
    ['with KV_URL beside the variables that are read, as Vercel sets it', { KV_URL: 'rediss://:x@nowhere.upstash.io' }],
    [
      'with one database under both names',
      { UPSTASH_REDIS_REST_URL: HEALTHY.KV_REST_API_URL, UPSTASH_REDIS_REST_TOKEN: HEALTHY.KV_REST_API_TOKEN },
    ],
    ['with an endpoint on this machine', { KV_REST_API_URL: 'http://127.0.0.1:8079' }],
    ['with an endpoint in a network of containers', { KV_REST_API_URL: 'http://rest:8079' }],
    ['with an endpoint in a private network', { KV_REST_API_URL: 'http://10.1.2.3' }],
    ['with proxies of its own', { CLIENT_IP_SOURCE: undefined, TRUSTED_PROXIES: '10.0.0.0/8, fd00::/16' }],
    [
      'with variables of others that begin alike',
      { REDIS_HOSTNAME: 'x', BREAKWATER_MIGRATION_USERS: 'old', KV_STORES: '' },
    ],
    [
      'with one database by REST and by TCP, as Vercel sets it',
      { REDIS_URL: 'rediss://default:Zq9XwV7uTs5RnPmL@nowhere.upstash.io:6379' },
    ],
    ['with words of others that are as short', { REDIS_TTL: '60', REDIS_SSL: 'true' }],
    [
      'with a password that is a word for browsers too',
      { REDIS_PASSWORD: 'password', NEXT_PUBLIC_RESET: '/reset-password' },
    ],
    ['with keys that are a JSON text', { BREAKWATER_STATIC_KEYS: '[]' }],
  ])('may be one %s', async (_, env) => {
    expect((await offline(env)).codes).toEqual([]);
  });
});

describe('one thing that is wrong in the environment', () => {
  it.each<[FindingCode, string, Changes, Changes?]>([
    ['half-set', 'a URL without its token', { KV_REST_API_TOKEN: undefined }],
    ['half-set', 'a token without its URL', { UPSTASH_REDIS_REST_TOKEN: 'x' }],
    ['half-set', 'a forced store that is not named', { KV_STORE: 'redis' }],
    ['half-set', 'sentinels without the name of the primary', { REDIS_SENTINELS: 'a:26379' }],
    ['invalid-setting', 'a URL that is none', { KV_REST_API_URL: 'nowhere' }],
    ['invalid-setting', 'a number that is none', { KV_REQUEST_TIMEOUT_MS: '1s' }],
    ['invalid-setting', 'an address list that is none', { BREAKWATER_DENY: '1.2.3.4.5' }],
    ['invalid-setting', 'an entry of a list', { BREAKWATER_STATIC_KEYS: '[{"id":"a"}]' }],
    ['invalid-setting', 'a mode that is none', { BREAKWATER_MIGRATION_USERS_2: 'both' }],
    ['rest-url-as-redis', 'a REST URL in REDIS_URL', { ...NO_REST, REDIS_URL: 'https://nowhere.upstash.io' }],
    ['redis-url-as-rest', 'a TCP URL in KV_REST_API_URL', { KV_REST_API_URL: 'rediss://nowhere.upstash.io' }],
    ['pasted-value', 'quotes around a token', { KV_REST_API_TOKEN: `"${HEALTHY.KV_REST_API_TOKEN}"` }],
    ['pasted-value', 'quotes around a URL', { KV_REST_API_URL: `'${HEALTHY.KV_REST_API_URL}'` }],
    ['pasted-value', 'a whole line of a file', { CRON_SECRET: `CRON_SECRET="${HEALTHY.CRON_SECRET}"` }],
    ['padded-value', 'a line end behind a token', { KV_REST_API_TOKEN: `${HEALTHY.KV_REST_API_TOKEN}\n` }],
    ['misspelt-variable', 'a letter too few', { BREAKWATER_KEY_PEPER_PREVIOUS: 'x' }],
    ['misspelt-variable', 'two letters swapped', { KV_REQUEST_TIMEOUT_SM: '500' }],
    ['unencrypted', 'http to a host elsewhere', { KV_REST_API_URL: 'http://nowhere.upstash.io' }],
    ['unencrypted', 'redis to an address elsewhere', { ...NO_REST, REDIS_URL: 'redis://:x@8.8.8.8' }, ON_NODE],
    [
      'unencrypted',
      'nodes elsewhere',
      { ...NO_REST, REDIS_CLUSTER_NODES: '8.8.8.8:7000', BREAKWATER_NAMESPACE: '{app}:' },
      ON_NODE,
    ],
    [
      'unencrypted',
      'sentinels elsewhere',
      { ...NO_REST, REDIS_SENTINELS: '8.8.8.8', REDIS_SENTINEL_NAME: 'a' },
      ON_NODE,
    ],
    ['several-stores', 'REDIS_URL beside REST', { REDIS_URL: 'redis://localhost' }],
    ['memory-in-production', 'no store', NO_REST],
    ['memory-in-production', 'memory by name', { KV_STORE: 'memory' }],
    [
      'namespace-without-tag',
      'a Cluster without a hash tag',
      { ...NO_REST, REDIS_CLUSTER_NODES: 'localhost:7000' },
      ON_NODE,
    ],
    [
      'example-secret',
      'a secret that says what it is',
      { BREAKWATER_IDENTITY_SECRET: 'change-me-change-me-change-me-pls' },
    ],
    ['example-secret', 'a secret of one letter', { BREAKWATER_CODE_PEPPER: 'a'.repeat(32) }],
    ['example-secret', 'a pepper from a page', { BREAKWATER_KEY_PEPPER: 'p1:your-secret-of-16-characters-here' }],
    [
      'short-secret',
      'an identity secret of 31 characters',
      { BREAKWATER_IDENTITY_SECRET: 'c9XvQm4LrT7yWz2KpNd8BfHs5JgUe3R' },
    ],
    ['short-secret', 'a pepper of 15 characters', { BREAKWATER_KEY_PEPPER: 'p1:Kq7vNw2RzLt9XcB' }],
    ['short-secret', 'a cron secret of 15 characters', { CRON_SECRET: 'Lw5KzQ8nRx2TvBc' }],
    ['same-secret-twice', 'two peppers alike', { BREAKWATER_CODE_PEPPER: HEALTHY.BREAKWATER_SESSION_PEPPER }],
    ['identity-secret-missing', 'no identity secret', { BREAKWATER_IDENTITY_SECRET: undefined }],
    ['key-pepper-missing', 'no pepper of keys', { BREAKWATER_KEY_PEPPER: undefined }],
    ['code-pepper-missing', 'no pepper of codes', { BREAKWATER_CODE_PEPPER: '' }],
    ['session-pepper-missing', 'no pepper of sessions', { BREAKWATER_SESSION_PEPPER: undefined }],
    ['cron-secret-missing', 'a cron job without secret', { CRON_SECRET: undefined }],
    ['no-client-ip', 'no proxies', { CLIENT_IP_SOURCE: undefined }],
    ['trusts-everyone', 'all addresses as proxies', { CLIENT_IP_SOURCE: 'proxy', TRUSTED_PROXIES: '0.0.0.0/0' }],
    [
      'trusts-everyone',
      'all addresses of IPv6 as proxies',
      { CLIENT_IP_SOURCE: 'proxy', TRUSTED_PROXIES: '10.0.0.0/8,::/0' },
    ],
    ['allows-everyone', 'all addresses exempt', { BREAKWATER_ALLOW: '0.0.0.0/1' }],
    ['client-ip-contradiction', 'proxies that are not looked at', { TRUSTED_PROXIES: '10.0.0.0/8' }],
    ['client-ip-contradiction', 'the other platform', { CF_PAGES: '1' }],
    ['demo-variables', 'variables of the demo', DEMO],
    ['demo-variables', 'a part of those of the demo', { BREAKWATER_DEMO_TOKEN: DEMO.BREAKWATER_DEMO_TOKEN }],
    ['short-secret', 'a token of metrics that is short', { BREAKWATER_METRICS_TOKEN: 'Hx4KzQ8nRx2TvBd1' }],
    ['invalid-setting', 'a console that is neither on nor off', { BREAKWATER_CONSOLE: 'yes' }],
    ['redis-cache-off', 'the switch for an emergency', { ENABLE_REDIS_CACHE: 'false' }],
    ['tcp-at-edge', 'TCP with middleware.ts', TCP],
    [
      'tcp-at-edge',
      'TCP with middleware.tsx, whose comment alone names another runtime',
      TCP,
      { ...others, 'middleware.tsx': `// export const config = { runtime: 'nodejs' };\n${door}` },
    ],
    ['public-secret', 'a token for browsers', { NEXT_PUBLIC_TOKEN: HEALTHY.KV_REST_API_TOKEN }],
    ['public-secret', 'a variable for browsers by its name', { NEXT_PUBLIC_CRON_SECRET: 'x' }],
  ])('is named, and nothing else: %s, %s', async (code, _, env, files) => {
    const { status, codes, report } = await offline(env, files);
    expect(codes).toEqual([code]);
    expect(status).toBe(report.status === 'problem' ? 1 : 0);
  });

  it.each<[FindingCode, string, Changes]>([
    ['misspelt-variable', 'UPSTASH_REDIS_URL', { UPSTASH_REDIS_URL: 'rediss://:x@nowhere.upstash.io' }],
    ['misspelt-variable', 'KV_URL', { KV_URL: 'rediss://:x@nowhere.upstash.io' }],
    ['misspelt-variable', 'REDIS_REST_URL', { REDIS_REST_URL: 'https://nowhere.upstash.io' }],
    ['misspelt-variable', 'REDIS_HOST', { REDIS_HOST: 'redis', REDIS_PASSWORD: 'x' }],
    ['misspelt-variable', 'REDIS_URI', { REDIS_URI: 'redis://localhost' }],
  ])('is told beside the store that is missing for it: %s, %s', async (code, name, env) => {
    const { codes, report } = await offline({ NODE_ENV: 'development', ...NO_REST, ...env });
    expect(codes).toEqual([code, 'no-redis']);
    expect(JSON.stringify(report)).toContain(name);
  });

  it('is named beside all others that are wrong, not the first alone', async () => {
    const { codes } = await offline({
      ...{ KV_REST_API_TOKEN: undefined, KV_CIRCUIT_OPEN_MS: '-1', BREAKWATER_CODE_PEPPER: 'short' },
      ...{ BREAKWATER_NAMESPACE: 'a b', CLIENT_IP_SOURCE: 'nginx' },
    });
    expect(codes.toSorted()).toEqual([
      'half-set',
      'invalid-setting',
      'invalid-setting',
      'invalid-setting',
      'short-secret',
    ]);
  });

  it('fails a strict run also where it is a warning, and never where it is a note', async () => {
    const project = ['--offline', '--project', await projectFolder(HEALTHY_FILES)];
    const warned = changed(HEALTHY, { ENABLE_REDIS_CACHE: 'false' });
    expect((await diagnose(warned, project)).status).toBe(0);
    expect((await diagnose(warned, [...project, '--strict'])).status).toBe(1);
    const noted = changed(HEALTHY, { BREAKWATER_CODE_PEPPER: undefined });
    expect((await diagnose(noted, [...project, '--strict'])).status).toBe(0);
  });

  it('is looked for as in production when asked to', async () => {
    const env = changed(HEALTHY, { NODE_ENV: undefined, BREAKWATER_KEY_PEPPER: undefined });
    const project = ['--offline', '--project', await projectFolder(HEALTHY_FILES)];
    expect((await diagnose(env, project)).codes).toEqual([]);
    expect((await diagnose(env, [...project, '--production'])).codes).toEqual(['key-pepper-missing']);
  });
});

describe('versions', () => {
  const look = async (changes: Partial<DoctorContext>, env: Changes = {}, files: Changes = HEALTHY_FILES) => {
    const folder = await projectFolder(files);
    const reading = readAll(changed(HEALTHY, env));
    const said = await versionsCheck.run({
      ...{ ...reading, given: reading.env, read: (name) => reading.env[name], production: true },
      ...{ project: await readProject(folder), packageFolder: folder, nodeVersion: '20.9.0', now: Date.now },
      ...changes,
    });
    return said.flatMap((one) => ('code' in one ? [one.code] : []));
  };

  it.each([
    ['20.8.1', ['node-too-old']],
    ['20.9.0', []],
    ['24.0.0', []],
  ])('of Node are compared with what the package wants: %s', async (nodeVersion, codes) => {
    expect(await look({ nodeVersion })).toEqual(codes);
  });

  it.each([
    ['15.3.9', ['peer-out-of-range']],
    ['15.4.0', []],
  ])('of optional packages are compared where they are installed: next %s', async (version, codes) => {
    const files = { ...HEALTHY_FILES, 'node_modules/next/package.json': JSON.stringify({ name: 'next', version }) };
    expect(await look({}, {}, files)).toEqual(codes);
  });

  it('of optional packages are missed where what is set needs them', async () => {
    expect(await look({}, TCP)).toEqual(['peer-missing']);
    const database = { DATABASE_URL: 'postgres://localhost/x' };
    expect(await look({}, database)).toEqual(['peer-missing']);
    expect(await look({}, database, { ...HEALTHY_FILES, 'vercel.json': undefined })).toEqual([]);
    const files = { ...HEALTHY_FILES, 'node_modules/ioredis/package.json': '{ "version": "6.0.1" }' };
    expect(await look({}, TCP, files)).toEqual([]);
  });

  it('are compared by numbers', () => {
    expect(isWithin('20.10.0', '>=20.9')).toBe(true);
    expect(isWithin('6.2.19', '7.0')).toBe(false);
    expect(isWithin('7.0.0-rc1', '7.0')).toBe(true);
  });
});

describe('the variables that are known', () => {
  it('are those that the sources read', async () => {
    const read = new Set<string>();
    for (const [path, text] of await readSourceTree()) {
      if (!/^(?:lib\/config|api\/|cli\/keys\/)/.test(path)) continue;
      for (const [, name = ''] of text.matchAll(
        /'((?:BREAKWATER|KV|UPSTASH|REDIS|CRON|DATABASE|TRUSTED|CLIENT|ENABLE)_[A-Z_]*[A-Z])'/g,
      )) {
        read.add(name);
      }
    }
    expect([...read].filter((name) => !KNOWN_VARIABLES.includes(name))).toEqual([]);
  });
});

describe('the distance of two names', () => {
  it.each([
    ['CRON_SECRET', 'CRON_SECRET', 0],
    ['CRON_SECRT', 'CRON_SECRET', 1],
    ['CRON_SERCET', 'CRON_SECRET', 1],
    ['KV_REST_TOKEN', 'KV_REST_API_TOKEN', 3],
  ])('counts letters: %s, %s', (one, other, count) => {
    expect(distance(one, other)).toBe(count);
  });
});

describe('a file of variables', () => {
  it('is read as Next does', () => {
    const text = `# a comment\nexport A=1\nB = two words # said of it\nC="x # y"\nD='a\nb'\nE=\nF="a\\nb"\nnothing\nG=a#b\r\nH=\`q\`\nI='open\nJ="p$A-\${B}\${X:-y}\${OUT}\\$A"`;
    expect(parseEnvFile(`\uFEFF${text}`, { OUT: '!' })).toEqual({
      A: '1',
      B: 'two words',
      C: 'x # y',
      D: 'a\nb',
      E: '',
      F: 'a\nb',
      G: 'a',
      H: 'q',
      I: "'open",
      J: 'p1-two wordsy!$A',
    });
  });

  it('fills in what the environment lacks, the first file first', async () => {
    const files = {
      ...HEALTHY_FILES,
      one: 'KV_STORE=wrong\nCRON_SECRET=short',
      two: `CRON_SECRET=${HEALTHY.CRON_SECRET}\nENABLE_REDIS_CACHE=maybe`,
    };
    const folder = await projectFolder(files);
    const args = ['--offline', '--project', folder, '--env', join(folder, 'one'), '--env', join(folder, 'two')];
    const { codes } = await diagnose(changed(HEALTHY, { KV_STORE: 'upstash', CRON_SECRET: undefined }), args);
    expect(codes).toEqual(['invalid-setting', 'short-secret']);
  });
});
