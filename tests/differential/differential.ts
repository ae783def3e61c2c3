import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import type { Command, Reply, Store } from '../../lib/store/store.ts';
import { type Exchange, firstDifference } from './comparison.ts';
import { SHORT_MS } from './expiry-arbitraries.ts';
import type { Sequence } from './sequence-arbitraries.ts';

export type Asked = Pick<Store, 'execute'>;

/** Empties one of two stores that are compared. */
export type Emptied = () => Promise<Asked>;

/** A store on servers of its own. @param by what empties them */
export function emptied(store: Asked, by: Asked = store): Emptied {
  return async () => {
    const replies = await by.execute([['FLUSHALL'], ['SCRIPT', 'FLUSH']]);
    if (replies.some((reply) => reply !== 'OK')) throw new Error(`Not emptied: ${JSON.stringify(replies)}`);
    return store;
  };
}

export interface Sides {
  readonly store: Emptied;
  readonly redis: Emptied;
}

export interface Comparison {
  readonly sequences: fc.Arbitrary<Sequence>;
  readonly runs: number;
  readonly seed: number;
  /** Told of what Redis has answered to a sequence, and the store alike. */
  readonly onSame?: (exchanges: readonly Exchange[]) => void;
}

/** Asks both the same. @throws Error that shows the shortest sequence found of those to which the answers differ */
export async function compare(sides: Sides, { sequences, runs, seed, onSame }: Comparison): Promise<void> {
  const property = fc.asyncProperty(sequences, async (sequence) => {
    const { difference, asked } = await ask(sides, sequence);
    if (difference === undefined) onSame?.(asked);
    else throw new Error(await shortestReport(sides, sequence, difference));
  });
  // What fails is made shorter here: fast-check would not go below the least number of steps.
  const { failed, errorInstance, numRuns } = await fc.check(property, { numRuns: runs, seed, endOnFailure: true });
  if (!failed) return;
  const reason = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  throw new Error(`DIFF_SEED=${seed}, run ${numRuns}: ${reason}`, { cause: errorInstance });
}

/** Redis finds by one time what it finds in a transaction, but gives times to live by the time of each command. */
const MAX_STALLS = 5;

/** A transaction that was held up for as long as values live in it says nothing where it differs: it is sent again. */
async function ask(sides: Sides, sequence: Sequence): Promise<Outcome> {
  for (let stalls = 0; ; stalls += 1) {
    const outcome = await askOnce(sides, sequence);
    if (outcome.difference === undefined || outcome.slowestMs < SHORT_MS || stalls === MAX_STALLS) return outcome;
  }
}

interface Outcome {
  /** In words. */
  readonly difference: string | undefined;
  /** What Redis has answered to the sequence itself. */
  readonly asked: readonly Exchange[];
  /** Of the phases in which values got a short time to live. */
  readonly slowestMs: number;
}

async function askOnce(sides: Sides, sequence: Sequence): Promise<Outcome> {
  const startedAt = performance.now();
  const [store, redis] = await Promise.all([
    answers(await sides.store(), sequence),
    answers(await sides.redis(), sequence),
  ]);
  const [own, other] = [store, redis].map(({ asked, state }) => [...asked, ...state]) as [Exchange[], Exchange[]];
  const at = firstDifference(own, other, performance.now() - startedAt);
  const seen = { asked: redis.asked, slowestMs: Math.max(store.slowestMs, redis.slowestMs) };
  if (at === undefined) return { ...seen, difference: undefined };
  const [command = ['nothing']] = [own[at]?.command, other[at]?.command].filter((one) => one !== undefined);
  const [mine, theirs] = [own[at]?.reply, other[at]?.reply].map((reply) => JSON.stringify(reply));
  return { ...seen, difference: `${inWords(command)} was answered ${mine}, by Redis ${theirs}` };
}

/** What a store answers to a sequence, and what is in it afterwards. */
async function answers(store: Asked, { prefixes, phases }: Sequence) {
  const send = async (commands: readonly Command[], atomic = false): Promise<readonly Exchange[]> => {
    if (commands.length === 0) return [];
    const replies = await store.execute(commands, { atomic });
    if (replies.length !== commands.length) throw new Error(`${replies.length} replies to ${commands.length} commands`);
    return commands.map((command, index) => ({ command, reply: replies[index] ?? null }));
  };
  const asked: Exchange[] = [];
  let slowestMs = 0;
  for (const { steps, atomic, sandglass } of phases) {
    const turned: readonly Command[] = sandglass === undefined ? [] : [['SET', sandglass, '', 'PX', SHORT_MS]];
    const sentAt = performance.now();
    asked.push(...(await send([...steps.flat(), ...turned], atomic)));
    if (sandglass === undefined) continue;
    slowestMs = Math.max(slowestMs, performance.now() - sentAt);
    await untilGone(store, sandglass);
  }
  const keys = await send(prefixes.map((prefix) => ['KEYS', `${prefix}*`]));
  const state = await send(keys.flatMap(({ reply }) => namesIn(reply).flatMap(lookAt)));
  return { asked, state: [...keys, ...state], slowestMs };
}

const HANG_MS = 3_000;

async function untilGone(store: Asked, key: string): Promise<void> {
  for (const giveUpAt = performance.now() + HANG_MS; ; await delay(2)) {
    const [exists] = await store.execute([['EXISTS', key]], { atomic: false });
    if (exists === 0) return;
    if (performance.now() > giveUpAt) throw new Error('What has a short time to live does not expire');
  }
}

function namesIn(reply: Reply): readonly string[] {
  return Array.isArray(reply) ? reply.map(String).toSorted() : [];
}

/** Of six values one is there, and five answers are errors. */
function lookAt(key: string): readonly Command[] {
  return [
    ['TYPE', key],
    ['TTL', key],
    ['PTTL', key],
    ['GET', key],
    ['HGETALL', key],
    ['SMEMBERS', key],
    ['ZRANGE', key, 0, -1, 'WITHSCORES'],
    ['LRANGE', key, 0, -1],
    ['XRANGE', key, '-', '+'],
  ];
}

/** Leaves out step by step what the difference does not need. */
async function shortestReport(sides: Sides, sequence: Sequence, difference: string): Promise<string> {
  let shortest = { sequence, difference };
  for (let before = Number.POSITIVE_INFINITY; countOf(shortest.sequence) < before; ) {
    before = countOf(shortest.sequence);
    for (const [phase, { steps }] of shortest.sequence.phases.entries()) {
      for (let step = steps.length - 1; step >= 0; step -= 1) {
        const shorter = without(shortest.sequence, phase, step);
        const found = (await ask(sides, shorter)).difference;
        if (found !== undefined) shortest = { sequence: shorter, difference: found };
      }
    }
  }
  return `${shortest.difference}. Asked were, of ${countOf(sequence)} commands:\n${listing(shortest.sequence)}`;
}

function without({ prefixes, phases }: Sequence, phase: number, step: number): Sequence {
  const changed = phases.map((one, index) => (index === phase ? { ...one, steps: one.steps.toSpliced(step, 1) } : one));
  return { prefixes, phases: changed };
}

function countOf({ phases }: Sequence): number {
  return phases.flatMap(({ steps }) => steps.flat()).length;
}

function listing({ phases }: Sequence): string {
  return phases
    .flatMap(({ steps, atomic, sandglass }) => [
      atomic ? 'a transaction of' : 'a batch of',
      ...steps.flat().map((command) => `  ${inWords(command)}`),
      ...(sandglass === undefined ? [] : [`then ${SHORT_MS} ms`]),
    ])
    .join('\n');
}

function inWords(command: Command): string {
  return command.map((word) => JSON.stringify(String(word))).join(' ');
}
