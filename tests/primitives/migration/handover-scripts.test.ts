import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv, type KvClient } from '../../../lib/client/kv-client.ts';
import { runScript } from '../../../lib/client/script.ts';
import { changeHandover, handoverLookCall, readHandover } from '../../../lib/primitives/migration/handover-state.ts';
import { migrationNames } from '../../../lib/primitives/migration/migration-names.ts';
import type { SideName } from '../../../lib/primitives/migration/mode.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { realRedis } from '../../support/every-store.ts';

const side = fc.constantFrom<SideName>('old', 'new');
const look = fc.record({ kind: fc.constant('look' as const), side, waitMs: fc.constantFrom(0, 1_000_000) });
const change = fc.record({ kind: fc.constant('change' as const), side, waitMs: fc.constant(0) });
const read = fc.record({ kind: fc.constant('read' as const), side, waitMs: fc.constant(0) });

interface Step {
  readonly kind: 'look' | 'change' | 'read';
  readonly side: SideName;
  readonly waitMs: number;
}

/** What was answered, and what stands there then, but for instants. */
async function play(kv: KvClient, name: string, steps: readonly Step[]) {
  const names = await migrationNames(kv, name);
  const told: unknown[] = [];
  for (const step of steps) {
    if (step.kind === 'look') {
      const known = {
        side: step.side,
        epoch: 4,
        opensAt: step.side === 'old' ? 0 : 8_000_000_000_000,
        sinceAt: 0,
        heldSide: step.side,
        heldEpoch: 3,
      };
      const [fields] = (await runScript(kv, handoverLookCall(names, known, step.waitMs))) as [unknown[]];
      told.push(fields.map((field, index) => (index === 3 || index === 4 ? Number(field) > 7_000_000_000_000 : field)));
    } else if (step.kind === 'change') {
      told.push(await changeHandover(kv, names, step.side));
    } else {
      const state = (await readHandover(kv, names))?.state;
      told.push(state && { ...state, opensAt: state.opensAt > 0, sinceAt: state.sinceAt > 0 });
    }
  }
  const fields = await kv.command(['HMGET', names.home, 'kind', 'side', 'epoch', 'heldSide', 'heldEpoch', 'waitMs']);
  return { told, fields };
}

describe('the scripts of a handover', () => {
  const redis = realRedis();

  it('answer and write in Lua on a real Redis what their twins answer and write', async () => {
    const [memory, real] = [createKv({ store: memoryStore() }), createKv({ store: redis.store })];
    let run = 0;
    const steps = fc.array(fc.oneof(look, change, read), { minLength: 3, maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        run += 1;
        expect(await play(real, `h${run}`, sequence)).toEqual(await play(memory, `h${run}`, sequence));
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
