import fc from 'fast-check';
import { type CacheWorld, cacheWorld } from './cache-world.ts';

type Act =
  | { readonly kind: 'get' | 'fetch'; readonly tags: readonly string[]; readonly lateTags: readonly string[] }
  | { readonly kind: 'set' | 'invalidate'; readonly tags: readonly string[] }
  | { readonly kind: 'delete' | 'clear' }
  | { readonly kind: 'evict'; readonly what: 'stamps' | 'tag'; readonly which: number };

interface Step {
  /** After the step before. */
  readonly afterMs: number;
  readonly process: number;
  readonly key: string;
  readonly act: Act;
}

export interface CacheScenario {
  readonly seed: number;
  readonly trustMs: number | false;
  readonly isSplit: boolean;
  readonly delayMs: number;
  readonly loadMs: number;
  readonly steps: readonly Step[];
  /** Share of one process's requests that are lost, and between which steps. */
  readonly outage: { readonly process: number; readonly share: number; readonly from: number; readonly to: number };
}

export interface ScenarioKinds {
  readonly evictions: boolean;
  readonly outages: boolean;
  /** One key in one process that keeps copies, and slow requests: what is asked for here meets what is changed here. */
  readonly isNarrow?: boolean | undefined;
  /** All tags are named by loaders only, which take their time. */
  readonly isLate?: boolean | undefined;
}

const PROCESSES = 3;
const MAX_STEPS = 60;
/** Longer than all that can be under way: loads, requests, circuits that are open, journals. */
const REST_MS = 2_500;

const tag = fc.constantFrom('t0', 't1');
const tagsOr = (most: number) => fc.uniqueArray(tag, { maxLength: most });

const acts = (evictions: boolean, isLate: boolean): fc.Arbitrary<Act> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('get' as const), tags: tagsOr(1), lateTags: tagsOr(1) }) },
    {
      weight: 10,
      arbitrary: fc.record({ kind: fc.constant('fetch' as const), tags: tagsOr(isLate ? 0 : 2), lateTags: tagsOr(1) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('set' as const), tags: tagsOr(1) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('invalidate' as const),
        tags: fc.uniqueArray(tag, { minLength: 1, maxLength: 2 }),
      }),
    },
    { weight: 2, arbitrary: fc.constant<Act>({ kind: 'delete' }) },
    { weight: 1, arbitrary: fc.constant<Act>({ kind: 'clear' }) },
    {
      weight: evictions ? 2 : 0,
      arbitrary: fc.record({
        kind: fc.constant('evict' as const),
        what: fc.constantFrom('stamps' as const, 'tag' as const),
        which: fc.nat(1),
      }),
    },
  );

/** Few keys, tags and processes, close together: what can meet does. */
export function cacheScenarios({
  evictions,
  outages,
  isNarrow = false,
  isLate = false,
}: ScenarioKinds): fc.Arbitrary<CacheScenario> {
  const step = fc.record<Step>({
    afterMs: fc.oneof(fc.constant(0), fc.nat(8), fc.nat(60)),
    process: isNarrow ? fc.constant(0) : fc.constantFrom(0, 0, 0, 1, 1, 2),
    key: isNarrow ? fc.constant('a') : fc.constantFrom('a', 'a', 'a', 'b'),
    act: acts(evictions, isLate),
  });
  return fc.record({
    seed: fc.nat(),
    trustMs: isNarrow ? fc.constant(20) : fc.constantFrom(false as const, 20),
    isSplit: fc.boolean(),
    delayMs: isNarrow ? fc.constant(12) : fc.constantFrom(0, 3, 12),
    loadMs: isLate ? fc.constant(40) : fc.constantFrom(0, 10, 40),
    steps: fc.array(step, { minLength: 12, maxLength: MAX_STEPS, size: 'max' }),
    outage: fc.record({
      process: isNarrow ? fc.constant(0) : fc.nat(PROCESSES - 1),
      share: outages ? fc.constantFrom(0.3, 1) : fc.constant(0),
      from: fc.nat(MAX_STEPS),
      to: fc.nat(MAX_STEPS),
    }),
  });
}

/** Plays it to its end. */
export async function playCache(scenario: CacheScenario): Promise<CacheWorld> {
  const { steps, outage, loadMs } = scenario;
  const world = await cacheWorld({ ...scenario, processes: PROCESSES });
  const { clock } = world;
  const pending: Promise<void>[] = [];
  const begin = ({ process, key, act }: Step): Promise<void> => {
    switch (act.kind) {
      case 'get':
      case 'fetch':
        return world.read(process, act.kind, key, { ...act, loadMs });
      case 'set':
        return world.set(process, key, act.tags);
      case 'delete':
        return world.delete(process, key);
      case 'invalidate':
        return world.invalidate(process, act.tags);
      case 'clear':
        return world.clear(process);
      case 'evict':
        return world.evict(act.what, act.which);
    }
  };
  for (const [index, step] of steps.entries()) {
    if (index === outage.from) world.breakAway(outage.process, outage.share);
    if (index === outage.to) world.breakAway(outage.process, 0);
    await clock.play(clock.monotonic() + step.afterMs);
    world.lookAtJournals();
    pending.push(begin(step));
  }
  world.breakAway(outage.process, 0);
  await clock.play(clock.monotonic() + REST_MS);
  await Promise.all(pending);
  return world;
}
