import { createKv } from '../../lib/client/kv-client.ts';
import type { Clock } from '../../lib/clock.ts';
import { chargeScript } from '../../lib/limit/charge.ts';
import { createLimiter, type Limiter, type Subjects } from '../../lib/limit/limiter.ts';
import type { Policy } from '../../lib/limit/policy.ts';
import type { LimitResult } from '../../lib/limit/result.ts';
import type { LuaEngine } from '../../lib/store/memory/lua-engine.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Command, Reply, Store } from '../../lib/store/store.ts';
import type { Admission } from './admissions.ts';
import { type AgendaClock, agendaClock } from './agenda-clock.ts';
import type { Grant, LeaseLife } from './lease-lives.ts';

/** How one request travels. A lost one is never answered; a lost reply is that of a request that was executed. */
export interface Journey {
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly fate: 'well' | 'request lost' | 'reply lost';
}

/** A defect planted in the text of the script that the store runs; never in lib. */
export interface ScriptEdit {
  readonly engine: LuaEngine;
  readonly edit: (lua: string) => string;
}

export interface LeaseWorldOptions {
  readonly policies: readonly Policy[];
  readonly prefetch: boolean;
  readonly timeoutMs: number;
  readonly journey: () => Journey;
  /** Checks in all; further ones are not made. */
  readonly maxChecks: number;
  /** Processes whose requests ask for as much in advance as there is. */
  readonly isGreedy: (process: number) => boolean;
  readonly planted?: ScriptEdit | undefined;
}

export interface Spending {
  readonly cost: number;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Many processes, each with a client, a limiter and a clock of its own, on one store whose clock is `clock`. */
export interface LeaseWorld {
  readonly clock: AgendaClock;
  /** By account: its key in the store. */
  readonly admissions: ReadonlyMap<string, readonly Admission[]>;
  /** By process and account: what came in advance, and what was spent of it. */
  readonly lives: ReadonlyMap<string, LeaseLife>;
  /** Refusals without a request that the store would not have made at that moment. */
  readonly falseRefusals: readonly string[];
  readonly requests: () => number;
  start(skewMs: number): LeaseProcess;
}

export interface LeaseProcess {
  readonly limiter: Limiter;
  /** Told of every request as it leaves. */
  onRequest: () => void;
  /** Sets this process's wall clock. */
  jumpWall(ms: number): void;
  /** Checks, and records what came of it; `undefined` where nothing did. */
  spend(subjects: Subjects, spending: Spending): Promise<LimitResult | undefined>;
}

/** A request from when it left until its reply arrived. */
interface Travel {
  readonly keys: readonly string[];
  readonly sentAt: number;
  executedAt: number;
  arrivedAt: number;
  /** What it has brought of each key. */
  readonly grants: Map<string, Grant>;
}

export async function leaseWorld(options: LeaseWorldOptions): Promise<LeaseWorld> {
  const { policies, planted } = options;
  const clock = agendaClock();
  const store = memoryStore({ clock, lua: planted?.engine });
  const lua = planted ? planted.edit(chargeScript.lua) : chargeScript.lua;
  const [sha1] = await store.execute([['SCRIPT', 'LOAD', lua]]);
  // Computed once, in real time: afterwards everything happens at the instants of the manual clock.
  await chargeScript.sha1();
  const admissions = new Map<string, Admission[]>();
  const lives = new Map<string, LeaseLife>();
  const falseRefusals: string[] = [];
  let processes = 0;
  let requests = 0;
  let checks = 0;

  const admissionsOf = (account: string) => entryOf(admissions, account, () => []);
  const lifeOf = (number: number, account: string) =>
    entryOf(lives, `${number} ${account}`, () => ({ leaseMs: leaseMsOf(account), grants: [], spent: [] }));
  const leaseMsOf = (account: string) => {
    const policy = policies.find(({ name }) => account.startsWith(`ratelimit:${name}:`));
    return policy && 'windowMs' in policy ? (policy.maxOverAdmission ?? 0) * policy.windowMs : 0;
  };

  /** The command as the store is to run it. */
  const rewritten = (command: Command, isGreedy: boolean): Command =>
    withScript(isGreedy ? askingForAll(command) : command, String(sha1));

  const start = (skewMs: number): LeaseProcess => {
    const number = processes++;
    let wallMs = skewMs;
    const own: Clock = {
      now: () => clock.now() + wallMs,
      monotonic: () => clock.monotonic() + 1_000 * number,
      after: clock.after,
    };
    const inMs = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
    /** The request whose reply arrived last. Nothing else arrives before everybody who waited for it has been told. */
    let arrived = unsent();

    const transport: Store = {
      kind: 'memory',
      async execute(commands) {
        const { beforeMs, afterMs, fate } = options.journey();
        const travel: Travel = { ...unsent(), keys: keysOf(commands), sentAt: clock.monotonic() };
        requests += 1;
        self.onRequest();
        await inMs(beforeMs);
        if (fate === 'request lost') return NEVER;
        travel.executedAt = clock.monotonic();
        const replies = await store.execute(commands.map((command) => rewritten(command, options.isGreedy(number))));
        await inMs(afterMs);
        if (fate === 'reply lost') return NEVER;
        travel.arrivedAt = clock.monotonic();
        travel.keys.forEach((key, index) => {
          const reply = replies[0];
          const permits = Array.isArray(reply) ? Number(reply[4 * index + 1]) : 0;
          const life = lifeOf(number, key);
          const grant = { arrivedAt: travel.arrivedAt, endsAt: travel.sentAt + life.leaseMs, permits };
          travel.grants.set(key, grant);
          life.grants.push(grant);
        });
        arrived = travel;
        return replies;
      },
      close: async () => {},
    };

    // With `request` no two checks share a request, so each request's keys are those of one charge.
    const kv = createKv({
      store: transport,
      clock: own,
      requestTimeoutMs: options.timeoutMs,
      coalesce: 'request',
      breaker: { failureThreshold: 1_000_000 },
    });
    // Every other process is one whose requests may not wait for each other.
    const sharesPromises = number % 2 === 0;
    const limiter = createLimiter({
      kv: { ...kv, sharesPromises },
      policies,
      prefetch: options.prefetch,
      onUnavailable: 'deny',
    });

    /** Notes what a check that has just been allowed has taken of one account, and when. */
    const record = (key: string, cost: number, { basis }: LimitResult) => {
      if (basis === 'store' && arrived.arrivedAt !== clock.monotonic()) throw new Error('No reply has arrived');
      const grant = basis === 'store' ? arrived.grants.get(key) : undefined;
      if (grant) {
        grant.permits -= cost;
        admissionsOf(key).push({ at: arrived.executedAt, cost });
        return;
      }
      // Of what was held: now, or where the store was asked for other accounts, when that request left.
      const at = basis === 'store' ? arrived.sentAt : clock.monotonic();
      lifeOf(number, key).spent.push({ at, permits: cost });
      admissionsOf(key).push({ at, cost });
    };

    /** Policies that a result refuses though the store has enough of them at this moment. */
    const refusedFalsely = async (subjects: Subjects, cost: number, { policies: results }: LimitResult) => {
      const names = results.filter(({ allowed }) => !allowed).map(({ policy }) => policy);
      const charges = await Promise.all(names.map((name) => limiter.chargeOf(name, subjects[name] ?? '')));
      const keys = limiter.ledger.keys(charges);
      const rules = limiter.ledger.bill(charges).rules;
      const peek: Command = ['EVALSHA', String(sha1), keys.length, ...keys, '', 'peek', cost, cost, '', ...rules];
      const [reply] = await store.execute([peek]);
      return names.filter((_, index) => Array.isArray(reply) && reply[4 * index + 4] === 0);
    };

    const self: LeaseProcess = {
      limiter,
      onRequest: () => {},
      jumpWall(ms) {
        wallMs += ms;
      },
      async spend(subjects, { cost, ...call }) {
        if (++checks > options.maxChecks) return undefined;
        const result = await limiter.check(subjects, { cost, ...call }).catch(() => undefined);
        if (result?.allowed) {
          for (const [name, subject] of Object.entries(subjects)) record(`ratelimit:${name}:${subject}`, cost, result);
        } else if (result?.basis === 'lease') {
          for (const name of await refusedFalsely(subjects, cost, result)) {
            falseRefusals.push(`${name}:${subjects[name]} for ${cost} at ${clock.monotonic()}`);
          }
        }
        return result;
      },
    };
    return self;
  };

  return { clock, admissions, lives, falseRefusals, requests: () => requests, start };
}

/** A charge that asks for as much in advance as there is, where it asks for any. */
export function askingForAll([name, ...words]: Command): Command {
  if (name !== 'EVALSHA') return [name, ...words];
  return [name, ...words.map((word) => String(word).replace(/^(g:.*):[1-9]\d*:(\d+)$/, '$1:1000000:$2'))];
}

/** A charge by another script. */
export function withScript([name, digest = '', ...words]: Command, sha1: string): Command {
  return name === 'EVALSHA' ? [name, sha1, ...words] : digest === '' ? [name] : [name, digest, ...words];
}

const NEVER = new Promise<readonly Reply[]>(() => {});

function unsent(): Travel {
  return { keys: [], sentAt: 0, executedAt: 0, arrivedAt: 0, grants: new Map() };
}

function entryOf<T>(entries: Map<string, T>, name: string, fresh: () => T): T {
  const entry = entries.get(name) ?? fresh();
  entries.set(name, entry);
  return entry;
}

function keysOf(commands: readonly Command[]): readonly string[] {
  return commands.flatMap(([name, , count, ...rest]) =>
    name === 'EVALSHA' ? rest.slice(0, Number(count)).map(String) : [],
  );
}
