import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { HeldPermits } from '../../lib/limit/held-permits.ts';
import { fengariEngine } from '../../lib/store/lua.ts';
import {
  type Edit,
  LIFE_FROM_ARRIVAL,
  type Replaced,
  SHARED_EXPIRY,
  SHARED_GRANT,
  SHARED_RETRY,
  SOUND_LUA,
} from '../support/lease-defects.ts';
import { type Claim, EXACT_CHARGES, firstFailure, LIVES, REFUSALS } from '../support/lease-properties.ts';
import { besideExact, conspiracies, type Scenario } from '../support/lease-scenario.ts';

const planted = vi.hoisted((): { keeping?: Replaced<HeldPermits> | undefined } => ({}));

vi.mock(import('../../lib/limit/held-permits.ts'), async (load) => {
  const { createHeldPermits } = await load();
  return {
    createHeldPermits(clock) {
      const sound = createHeldPermits(clock);
      return planted.keeping?.(sound, clock) ?? sound;
    },
  };
});

const inLua = (edit: Edit) => ({ engine: fengariEngine(), edit });
const RED = { name: 'AssertionError' };

describe('a defect planted around the leases', () => {
  afterEach(() => {
    planted.keeping = undefined;
  });

  it('is what turns the properties red: in Lua as it is they hold', async () => {
    const claims: readonly [Claim, fc.Arbitrary<Scenario>][] = [
      [REFUSALS, fc.oneof(conspiracies, besideExact)],
      [EXACT_CHARGES, besideExact],
    ];
    for (const [claim, scenarios] of claims) {
      expect(await firstFailure(20, scenarios, claim, inLua(SOUND_LUA))).toBeUndefined();
    }
  });

  it.each([
    ['one expiry for all that is held', SHARED_EXPIRY],
    ['a life that begins when the permits arrive', LIFE_FROM_ARRIVAL],
  ])('is noticed: %s', async (_what, keeping) => {
    planted.keeping = keeping;
    expect(await firstFailure(500, conspiracies, LIVES)).toMatchObject(RED);
  });

  it.each([
    ['one grant for all policies', SHARED_GRANT, EXACT_CHARGES, besideExact],
    ['one time to wait for all policies', SHARED_RETRY, REFUSALS, besideExact],
  ])('is noticed: %s', async (_what, edit, claim, scenarios) => {
    expect(await firstFailure(200, scenarios, claim, inLua(edit))).toMatchObject(RED);
  });
});
