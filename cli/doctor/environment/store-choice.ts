import { isIP } from 'node:net';
import type { StoreSettings } from '../../../lib/config/store-settings.ts';
import type { Check, DoctorContext } from '../check.ts';
import { type Finding, finding, ok, type Said, skipped } from '../finding.ts';
import { STORE_VARIABLES } from './known-variables.ts';

/** Which Redis is used, and whether it can be meant. */
export const storeCheck: Check = {
  name: 'store',
  group: 'Environment',
  async run(context): Promise<readonly Said[]> {
    if (isStoreRefused(context)) return [skipped('which Redis is used cannot be told: see settings')];
    const findings = [...memoryOnly(context), ...several(context), ...unencrypted(context), ...edge(context)];
    return findings.length > 0 ? findings : [ok(`${nameOf(context.settings.store)}, from ${variableOfStore(context)}`)];
  },
};

export function isStoreRefused({ refused }: DoctorContext): boolean {
  return [...STORE_VARIABLES].some((name) => refused.has(name));
}

/** The variable that names the Redis which is used. */
export function variableOfStore({ settings: { store }, read }: DoctorContext): string {
  return variableOf(store, read);
}

function variableOf(store: StoreSettings, read: DoctorContext['read']): string {
  if (store.kind === 'upstash') return read('KV_REST_API_URL') ? 'KV_REST_API_URL' : 'UPSTASH_REDIS_REST_URL';
  if (store.kind === 'memory') return read('KV_STORE') ? 'KV_STORE' : 'nothing';
  return 'url' in store ? 'REDIS_URL' : 'cluster' in store ? 'REDIS_CLUSTER_NODES' : 'REDIS_SENTINELS';
}

function nameOf(store: StoreSettings): string {
  if (store.kind === 'upstash') return 'Upstash REST';
  if (store.kind === 'memory') return 'memory';
  return 'url' in store ? 'Redis by TCP' : 'cluster' in store ? 'a Redis Cluster' : 'Redis behind sentinels';
}

const WHERE =
  'Set KV_REST_API_URL and KV_REST_API_TOKEN, or REDIS_URL, or REDIS_CLUSTER_NODES, or REDIS_SENTINELS with REDIS_SENTINEL_NAME';

function memoryOnly({ settings: { store }, production, read }: DoctorContext): readonly Finding[] {
  if (store.kind !== 'memory') return [];
  const why = read('KV_STORE') ? 'KV_STORE is memory' : 'No Redis is named';
  if (!production) {
    const fix = `${WHERE}; while you develop, this serves one on this machine`;
    return [
      finding(
        'no-redis',
        `${why}: everything is kept in memory, for each process by itself`,
        fix,
        'npx breakwater dev',
      ),
    ];
  }
  const what = `${why}: in production each process counts limits and knows keys by itself, and forgets them at its end`;
  return [finding('memory-in-production', what, `${WHERE}${read('KV_STORE') ? ', and unset KV_STORE' : ''}`)];
}

/** Each way that is set completely, in the order in which they win. */
function ways({ read }: DoctorContext): readonly string[] {
  return ['KV_REST_API_URL', 'UPSTASH_REDIS_REST_URL', 'REDIS_URL', 'REDIS_CLUSTER_NODES', 'REDIS_SENTINELS'].filter(
    (name) => read(name) !== undefined,
  );
}

function several(context: DoctorContext): readonly Finding[] {
  const [all, used] = [ways(context), variableOfStore(context)];
  const others = all.filter((name) => name !== used);
  // One database under several names, as platforms give them: by REST and by TCP it has one host.
  const { read } = context;
  const isSame = others.every((name) => hostIn(read(name)) !== '' && hostIn(read(name)) === hostIn(read(used)));
  if (others.length === 0 || isSame || context.settings.store.kind === 'memory') return [];
  return [
    finding(
      'several-stores',
      `Several stores are named: ${used} wins, ${others.join(' and ')} is not used, but for job queues`,
      'Unset what is not meant, or say which with KV_STORE=upstash or KV_STORE=redis',
    ),
  ];
}

function hostIn(text = ''): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Where several databases share a host, as on one machine, they may be others.
  return url?.hostname.endsWith('.upstash.io') ? url.hostname : url?.protocol.startsWith('http') ? url.href : '';
}

function unencrypted({ settings: { store }, read }: DoctorContext): readonly Finding[] {
  const plain = placesOf(store).filter(({ protocol }) => protocol === 'http:' || protocol === 'redis:');
  if (plain.every(({ hostname }) => isNear(hostname.replace(/^\[(.*)\]$/, '$1')))) return [];
  const variable = store.kind === 'upstash' ? 'The REST URL' : variableOf(store, read);
  return [
    finding(
      'unencrypted',
      `${variable} names a host elsewhere without TLS: whoever is on the way reads credentials and data`,
      `Begin ${store.kind === 'redis' && !('url' in store) ? 'each host' : 'it'} with ${store.kind === 'upstash' ? 'https' : 'rediss'}://`,
    ),
  ];
}

function placesOf(store: StoreSettings): readonly URL[] {
  if (store.kind === 'memory') return [];
  if ('url' in store) return [new URL(store.url)];
  const { nodes } = 'cluster' in store ? store.cluster : store.sentinels;
  return nodes.map((node) => new URL(/^rediss?:/.test(node) ? node : `redis://${node}`));
}

/** Hosts of this machine, of a container network or of a private one. */
function isNear(host: string): boolean {
  if (isIP(host) === 6) return /^(?:::1$|f[cd]|fe[89ab])/i.test(host);
  if (isIP(host) === 4) return /^(?:127|10|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))\./.test(host);
  return !host.includes('.') || /\.(?:local|localhost|internal|lan|home\.arpa|svc)$/i.test(host);
}

function edge({ settings: { store }, project }: DoctorContext): readonly Finding[] {
  if (store.kind !== 'redis' || !project.door || project.door.runtime !== 'edge') return [];
  return [
    finding(
      'tcp-at-edge',
      `${project.door.path} runs at the Edge, which has no TCP, and the Redis is named by TCP`,
      'Set KV_REST_API_URL and KV_REST_API_TOKEN, or call the file proxy.ts and its function proxy: that runs on Node',
    ),
  ];
}
