import { bounded } from './bounded.ts';
import type { Check, DoctorContext, Group, OnlineContext } from './check.ts';
import { clientAddressCheck } from './environment/client-address.ts';
import { misspeltCheck } from './environment/misspelt.ts';
import { secretsCheck } from './environment/secrets.ts';
import { settingsCheck } from './environment/settings.ts';
import { isStoreRefused, storeCheck } from './environment/store-choice.ts';
import { switchesCheck } from './environment/switches.ts';
import { versionsCheck } from './environment/versions.ts';
import { finding, isFinding, type Said, skipped } from './finding.ts';
import { envFilesCheck } from './project/env-files.ts';
import { middlewareCheck } from './project/middleware.ts';
import { latencyCheck } from './redis/latency.ts';
import { migrationsCheck } from './redis/migrations.ts';
import { permissionsCheck } from './redis/permissions.ts';
import { planCheck } from './redis/plan.ts';
import { createProbe, type Probe } from './redis/probe.ts';
import { reachabilityCheck } from './redis/reachability.ts';
import { clockCheck } from './redis/redis-clock.ts';
import { scriptsCheck } from './redis/scripts.ts';
import { serverCheck } from './redis/server.ts';
import { storedKeysCheck } from './redis/stored-keys.ts';

const OFFLINE: readonly Check[] = [
  ...[versionsCheck, settingsCheck, misspeltCheck, storeCheck, secretsCheck, clientAddressCheck, switchesCheck],
  ...[middlewareCheck, envFilesCheck],
];
const TOGETHER: readonly Check<OnlineContext>[] = [
  ...[clockCheck, serverCheck, scriptsCheck, permissionsCheck],
  ...[storedKeysCheck, migrationsCheck, planCheck],
];
/** Of any check: those of Redis wait for less by themselves. */
const CHECK_MS = 6_000;
/** Of everything that asks Redis. */
const ONLINE_MS = 8_000;

/** What one check has said. */
export interface Checked {
  readonly name: string;
  readonly group: Group;
  readonly said: readonly Said[];
}

export interface Examination {
  readonly checks: readonly Checked[];
  readonly cost: ReturnType<Probe['cost']>;
}

export interface ExamineOptions {
  /** Leaves Redis alone. */
  readonly offline: boolean;
  readonly stop: AbortSignal;
  /** Is told what is being looked at. */
  readonly onProgress: (what: string) => void;
}

/** Runs all checks that apply. Ends within ten seconds, whatever Redis does. */
export async function examine(
  context: DoctorContext,
  { offline, stop, onProgress }: ExamineOptions,
): Promise<Examination> {
  onProgress('environment');
  const local = await Promise.all(OFFLINE.map((check) => run(check, context)));
  const { store } = context.settings;
  if (offline || isStoreRefused(context) || store.kind === 'memory') {
    const why = offline ? '--offline' : isStoreRefused(context) ? 'see settings' : 'there is no Redis to ask';
    const { name, group } = reachabilityCheck;
    return {
      checks: [...local, { name, group, said: [skipped(`not asked: ${why}`)] }],
      cost: { requests: 0, commands: 0 },
    };
  }
  return bounded(ONLINE_MS, stop, async (over) => {
    const probe = createProbe(store, over);
    try {
      const online = await examineRedis({ ...context, redis: probe }, onProgress);
      return { checks: [...local, ...online], cost: probe.cost() };
    } finally {
      await probe.close();
    }
  });
}

async function examineRedis(context: OnlineContext, onProgress: (what: string) => void): Promise<readonly Checked[]> {
  onProgress('connection');
  const reached = await run(reachabilityCheck, context);
  if (reached.said.some(isFinding)) return [reached];
  onProgress('latency');
  // By itself: beside others it would measure them too.
  const latency = await run(latencyCheck, context);
  onProgress('Redis');
  return [reached, latency, ...(await Promise.all(TOGETHER.map((check) => run(check, context))))];
}

/** A check that fails, or does not end, is a finding of its own. */
async function run<Context>(check: Check<Context>, context: Context): Promise<Checked> {
  const { name, group } = check;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Said[]>((resolve) => {
    timer = setTimeout(() => resolve([unfinished(name)]), CHECK_MS);
  });
  try {
    return { name, group, said: await Promise.race([check.run(context), late]) };
  } catch {
    return { name, group, said: [unfinished(name)] };
  } finally {
    clearTimeout(timer);
  }
}

function unfinished(name: string): Said {
  const what = `Redis did not let the check of ${name} end: the connection was lost, or answers stayed out`;
  return finding('check-unfinished', what, 'Try again; if it goes on, look at the load and the log of Redis');
}
