import fc from 'fast-check';
import type { Command } from '../../lib/store/store.ts';
import { oneOf, type Step, together } from './argument-arbitraries.ts';
import { hashes, lists, popSome, sets } from './collection-arbitraries.ts';
import { keyspace, lifetime, setRange, strings } from './key-arbitraries.ts';
import { connection, evalTwice, forAllNodes, forOneNode, scripts, size } from './server-arbitraries.ts';
import { sortedSets } from './sorted-set-arbitraries.ts';
import { longStream, streamOfNow, streams } from './stream-arbitraries.ts';

/** What leaves together. */
export interface Phase {
  /** Each of one or several commands that belong together. */
  readonly steps: readonly (readonly Command[])[];
  readonly atomic: boolean;
  /** A key that is set last, for a short time: the phase has ended when it has gone, and so has all that had as short a time. */
  readonly sandglass?: string;
}

export interface Sequence {
  /** Of all its keys. */
  readonly prefixes: readonly string[];
  readonly phases: readonly Phase[];
}

/** Whether the keys may lie anywhere, or lie in the slots of a Cluster. */
export type Where = 'one node' | 'cluster';

/**
 * All in which a Cluster differs from one Redis by nature, and what the sequences for it do about that. Whatever is not
 * named here is compared.
 */
export const CLUSTER_DIFFERS: Readonly<Record<string, string>> = {
  'SCAN and KEYS': 'have a pattern with a hash tag: no node knows the keys of the others, and the router refuses',
  'commands on several keys': 'keep to one tag: a Cluster answers CROSSSLOT, which a test of its own compares',
  transactions:
    'keep to one tag, and to commands for one node: FLUSHDB, FLUSHALL, DBSIZE, SCRIPT LOAD and SCRIPT FLUSH are for all',
  'unknown commands and too few arguments': 'have a key of the tag, or nothing: the router goes by the first argument',
  'EVALSHA of what was only sent by EVAL': 'has the same keys: a node keeps what it ran, and the others do not know it',
};

/** Of three primaries with a third of the slots each, each has two of these. */
const TAGS = ['{a}', '{b}', '{c}', '{d}', '{f}', '{g}'];
const MIN_STEPS = 20;
const MAX_STEPS = 25;

const several = fc.oneof(...[setRange, lifetime, popSome, evalTwice, streamOfNow, longStream].map(together));
const inOneSlot = [
  ...[strings, keyspace, hashes, sets, sortedSets, lists, streams].map((kinds) => ({
    weight: 10,
    arbitrary: oneOf(kinds),
  })),
  ...[scripts, connection].map((kinds) => ({ weight: 3, arbitrary: oneOf(kinds) })),
  { weight: 2, arbitrary: several },
];
const anywhere = [...inOneSlot, { weight: 1, arbitrary: oneOf(forAllNodes) }, { weight: 1, arbitrary: size }];

/** In a transaction on a Cluster. */
const slotStep = fc.oneof(...inOneSlot);
const clusterStep = fc.oneof(...anywhere);
const nodeStep = fc.oneof(...anywhere, { weight: 1, arbitrary: oneOf(forOneNode) });

/** One prefix, or on a Cluster up to three of other slots. */
export function prefixesFor(where: Where): fc.Arbitrary<readonly string[]> {
  return where === 'cluster' ? fc.shuffledSubarray(TAGS, { minLength: 1, maxLength: 3 }) : fc.constant(['']);
}

/** A step that may be sent at any time. */
export function stepsFor(where: Where, atomic = false): fc.Arbitrary<Step> {
  if (where === 'one node') return nodeStep;
  return atomic ? slotStep : clusterStep;
}

/** Batches and, since one command that is refused discards a whole transaction, fewer transactions. */
export function sequencesFor(where: Where): fc.Arbitrary<Sequence> {
  const of = (atomic: boolean) =>
    fc
      .tuple(
        prefixesFor(where),
        fc.array(stepsFor(where, atomic), { minLength: MIN_STEPS, maxLength: MAX_STEPS, size: 'max' }),
      )
      .map(([tags, steps]): Sequence => {
        const prefixes = atomic ? tags.slice(0, 1) : tags;
        return { prefixes, phases: [{ steps: steps.map((step) => step(prefixes)), atomic }] };
      });
  return fc.oneof({ weight: 3, arbitrary: of(false) }, { weight: 1, arbitrary: of(true) });
}
