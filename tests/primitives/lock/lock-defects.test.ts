import { afterEach, expect, it, vi } from 'vitest';
import {
  EXTENDS_LOST,
  FENCE_WITHOUT_CLOCK,
  type LockDefect,
  NO_DRIFT_ALLOWANCE,
  RELEASES_ANY,
  withDefectiveTwin,
} from '../../support/lock-defects.ts';
import { judgeLocks } from '../../support/lock-history.ts';
import { playLocks } from '../../support/lock-world.ts';

const planted = vi.hoisted((): { defect: LockDefect } => ({ defect: {} }));

vi.mock(import('../../../lib/primitives/lock/validity.ts'), async (load) => {
  const module = await load();
  return { remainingOf: (...args) => (planted.defect.remainingOf ?? module.remainingOf)(...args) };
});

afterEach(() => {
  planted.defect = {};
});

/** Whether races as those of `lock-races.test.ts`, a dozen of each kind, contradict what locks promise. */
const isFoundOut = async (defect: LockDefect): Promise<boolean> => {
  planted.defect = defect;
  const world = { contenders: 6, forMs: 20_000, delayMs: 20, loss: 0.05 };
  return withDefectiveTwin(defect, async () => {
    for (let seed = 0; seed < 12; seed += 1) {
      for (const kind of [
        { drift: 0.009, flushes: 0 },
        { drift: 0, flushes: 5 },
      ]) {
        const { violations } = judgeLocks(await playLocks({ ...world, ...kind, seed }));
        if (violations.length > 0) return true;
      }
    }
    return false;
  });
};

it.each([
  ['releases without a look at the token', RELEASES_ANY],
  ['counts its fences without the clock', FENCE_WITHOUT_CLOCK],
  ['is given again by an extension when it was lost', EXTENDS_LOST],
  ['allows for no drift of clocks', NO_DRIFT_ALLOWANCE],
])('a lock that %s is found out', async (_, defect) => {
  expect(await isFoundOut(defect)).toBe(true);
});
