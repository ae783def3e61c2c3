import { createKeyNames } from '../../../lib/keys/key-names.ts';
import type { Check, OnlineContext } from '../check.ts';
import { isWithin } from '../environment/versions.ts';
import { type Finding, finding, ok, type Said, skipped } from '../finding.ts';
import type { ServerInfo } from './probe.ts';

const NEARLY_FULL = 0.9;
const FIRST_VERSION = '7.0';

interface Server {
  readonly info: ServerInfo;
  /** Whether API keys are on record there. */
  readonly hasKeys: boolean;
  /** The setting `save`; `undefined` where it is not told. */
  readonly save: string | undefined;
}

/** What kind of Redis it is, and whether it keeps what it is given. */
export const serverCheck: Check<OnlineContext> = {
  name: 'server',
  group: 'Redis',
  async run(context): Promise<readonly Said[]> {
    const { redis, settings } = context;
    const info = await redis.info();
    if (!info) return [skipped('INFO is not answered: version, memory and persistence are not known')];
    // As the memory store, which `breakwater dev` serves: it is not meant to keep anything.
    if (!info.has('redis_version')) return [ok('says no version, as a store in memory does')];
    const sentinel = createKeyNames(settings.namespace).sentinel;
    const [found, saves] = await redis.attempt([
      ['EXISTS', sentinel],
      ['CONFIG', 'GET', 'save'],
    ]);
    const server: Server = {
      info,
      hasKeys: found === 1 && settings.keys.list === undefined,
      save: Array.isArray(saves) && typeof saves[1] === 'string' ? saves[1] : undefined,
    };
    const findings = [...kind(server, context), ...eviction(server), ...memory(server), ...durability(server)];
    return findings.length > 0 ? findings : [ok(versionOf(info))];
  },
};

function versionOf(info: ServerInfo): string {
  const named = ['upstash', 'valkey', 'dragonfly'].find((name) => info.has(`${name}_version`));
  const version = (name: string): string => /^[\w.-]{1,32}/.exec(info.get(`${name}_version`) ?? '')?.[0] ?? 'unknown';
  return named === undefined ? `Redis ${version('redis')}` : `${named}, as Redis ${version('redis')}`;
}

function kind({ info }: Server, { settings: { store } }: OnlineContext): readonly Finding[] {
  const findings: Finding[] = [];
  const version = info.get('redis_version');
  const isUpstash = info.has('upstash_version');
  if (version !== undefined && /^\d/.test(version) && !isUpstash && !isWithin(version, FIRST_VERSION)) {
    const what = `This is ${versionOf(info)}, and ${FIRST_VERSION} is the first that will do`;
    findings.push(finding('redis-too-old', what, 'Use a Redis 7.0 or newer, or Valkey'));
  }
  if (store.kind === 'redis' && 'url' in store && info.get('cluster_enabled') === '1') {
    const what = 'REDIS_URL names one node of a Cluster, which answers for its own slots only';
    const fix =
      'Unset REDIS_URL, name some nodes in REDIS_CLUSTER_NODES, and set BREAKWATER_NAMESPACE to something like {app}:';
    findings.push(finding('cluster-by-url', what, fix));
  }
  // One that refuses writes is found by them.
  if (info.get('role') === 'slave' && info.get('slave_read_only') === '0') {
    const what = 'This Redis is a replica that takes writes: it loses them with the next synchronisation';
    findings.push(finding('replica', what, 'Name the primary'));
  }
  return findings;
}

function eviction({ info, hasKeys }: Server): readonly Finding[] {
  const policy = info.get('maxmemory_policy') ?? '';
  // Without a bound nothing is evicted.
  if (!(Number(info.get('maxmemory')) > 0) || !/^(?:allkeys|volatile)-[a-z]+$/.test(policy)) return [];
  const fix = 'Set maxmemory-policy to noeviction, or keep this Redis for caches and use another one for the rest';
  if (policy.startsWith('volatile')) {
    const what = `maxmemory-policy is ${policy}: when memory runs out, sessions, locks and what says that a key is revoked go before their time`;
    return [finding('evicts-expiring', what, fix)];
  }
  if (hasKeys) {
    const what = `maxmemory-policy is ${policy}: when memory runs out, API keys on record here are deleted`;
    return [finding('evicts-keys', what, fix)];
  }
  const what = `maxmemory-policy is ${policy}: when memory runs out, anything is deleted, sessions and locks too`;
  return [finding('evicts-anything', what, fix)];
}

function memory({ info }: Server): readonly Finding[] {
  const share = Number(info.get('used_memory')) / Number(info.get('maxmemory'));
  if (!Number.isFinite(share) || share < NEARLY_FULL) return [];
  const what = `${Math.floor(share * 100)} % of maxmemory is used`;
  return [
    finding(
      'memory-nearly-full',
      what,
      'Give Redis more memory, or shorten the life of what is kept there: see INFO keyspace',
    ),
  ];
}

function durability({ info, hasKeys, save }: Server): readonly Finding[] {
  const failing = ['rdb_last_bgsave_status', 'aof_last_write_status', 'aof_last_bgrewrite_status'].filter(
    (field) => info.get(field) === 'err',
  );
  if (failing.length > 0) {
    const what = `Redis fails to write its data to disk (${failing.join(', ')}), and may refuse writes`;
    return [finding('save-failing', what, 'Look for a full disk or missing rights where dir of its configuration is')];
  }
  if (!hasKeys || info.get('aof_enabled') !== '0' || save !== '') return [];
  const what = 'API keys are on record here, and nothing is written to disk: a restart loses them all';
  return [finding('not-durable', what, 'Turn the append-only file on: CONFIG SET appendonly yes, and in redis.conf')];
}
