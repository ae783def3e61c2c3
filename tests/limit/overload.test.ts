import { describe, expect, it } from 'vitest';
import { ALGORITHMS, limitRig, type OnePolicy, sharedStore } from '../support/limit-rig.ts';

const [LIMIT, WINDOW_MS, WINDOWS] = [100, 10_000, 5];
const MEAN_GAP_MS = WINDOW_MS / (2 * LIMIT);

const POLICIES: readonly (readonly [title: string, policy: OnePolicy])[] = [
  ...ALGORITHMS.filter((algorithm) => algorithm !== 'concurrency').map(
    (algorithm) => [algorithm, { algorithm, limit: LIMIT, windowMs: WINDOW_MS }] as const,
  ),
  ['gcra with leases', { limit: LIMIT, windowMs: WINDOW_MS, maxOverAdmission: 0.1 }],
];

/** The same numbers between 0 and 1 for the same seed. */
function sharesFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state + 1) / 0x8000_0000;
  };
}

const ARRIVALS = {
  even: () => () => MEAN_GAP_MS,
  random: () => {
    const share = sharesFrom(7);
    return () => -Math.log(share()) * MEAN_GAP_MS;
  },
} as const;

const CASES = POLICIES.flatMap(([title, policy]) =>
  ([1, 5] as const).flatMap((processes) =>
    (['even', 'random'] as const).map((arrivals) => ({ title, policy, processes, arrivals })),
  ),
);

describe('twice as much traffic as the limit', () => {
  it.each(CASES)(
    'gets at least 97 % of the limit: $title, $arrivals arrivals, $processes processes',
    async ({ policy, processes, arrivals }) => {
      const shared = sharedStore();
      const { clock } = shared;
      const rigs = Array.from({ length: processes }, () => limitRig(policy, { refusalTtlMs: 1_000 }, shared));
      const nextGap = ARRIVALS[arrivals]();
      const pick = sharesFrom(11);
      const endsAt = clock.now() + WINDOWS * WINDOW_MS;
      let [admitted, inFirstWindow, arrivedAt] = [0, 0, clock.now()];
      for (;;) {
        arrivedAt += nextGap();
        if (arrivedAt >= endsAt) break;
        clock.advance(Math.max(0, Math.floor(arrivedAt) - clock.now()));
        const result = await rigs[Math.floor(pick() * processes) % processes]?.take();
        if (!result?.allowed) continue;
        admitted += 1;
        if (arrivedAt < endsAt - (WINDOWS - 1) * WINDOW_MS) inFirstWindow += 1;
      }
      // What was there at the start is no part of what the limit gives over time.
      const sustained = (admitted - inFirstWindow) / (LIMIT * (WINDOWS - 1));
      expect(sustained).toBeGreaterThanOrEqual(0.97);
      expect(sustained).toBeLessThanOrEqual(1 + 1 / (WINDOWS - 1));
    },
  );

  it('keeps slots of concurrency in use', async () => {
    const [slots, holdMs] = [60, 600];
    const { clock, take } = limitRig({ algorithm: 'concurrency', limit: slots, windowMs: 60_000 });
    const share = sharesFrom(3);
    let [heldMs, arrivedAt] = [0, clock.now()];
    const endsAt = arrivedAt + 6_000;
    for (;;) {
      arrivedAt += (-Math.log(share()) * holdMs) / (2 * slots);
      if (arrivedAt >= endsAt) break;
      await clock.run(Math.max(0, Math.floor(arrivedAt) - clock.now()));
      const { release } = await take();
      if (!release) continue;
      heldMs += holdMs;
      clock.after(holdMs, () => void release());
    }
    expect(heldMs / (slots * 6_000)).toBeGreaterThanOrEqual(0.97);
  });

  it.each(POLICIES)(
    'starves nobody: what is too much for one who asks for many is enough for one who asks for few: %s',
    async (_, policy) => {
      const { clock, take } = limitRig(policy, { refusalTtlMs: 1_000 });
      const admitted = { many: 0, few: 0 };
      for (let ms = 0; ms < 4 * WINDOW_MS; ms += 50) {
        if ((await take(80)).allowed) admitted.many += 1;
        if ((await take(1)).allowed) admitted.few += 1;
        clock.advance(50);
      }
      expect(admitted.few).toBeGreaterThanOrEqual(4 * (LIMIT - 80));
      expect(admitted.many).toBeGreaterThanOrEqual(1);
    },
  );
});
