import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createAsk } from '../../lib/limit/asking.ts';
import { createLeases } from '../../lib/limit/leases.ts';
import { createLedger } from '../../lib/limit/ledger.ts';
import { compilePolicy } from '../../lib/limit/policy.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

/** What becomes of some commands on their way. */
type Fault = (command: Command) => ReturnType<Store['execute']> | undefined;

/** Questions to a store that keeps policies whose names begin with `left` in one slot, and others in another. */
function apart(fault: Fault = () => undefined) {
  const clock = manualClock();
  const redis = memoryStore({ clock });
  const execute: Store['execute'] = async (commands, options) => {
    const replies = commands.map((command) => fault(command) ?? redis.execute([command], options));
    return (await Promise.all(replies)).flat();
  };
  const slotOf = (key: string) => (key.includes(':left') ? 1 : 2);
  const kv = createKv({ store: { ...redis, execute, slotOf }, clock });
  const leases = createLeases({ clock, maxKeys: 100, refusalTtlMs: 0 });
  const ledger = createLedger({ kv, onUnavailable: 'local', maxLocalKeys: 100, expectedProcesses: 1, leases });
  const ask = createAsk(kv, ledger);
  const charge = (name: string, limit: number, maxOverAdmission = 0) => ({
    rule: compilePolicy({ name, limit, windowMs: 3_600_000_000, maxOverAdmission }).rule,
    subject: 'x',
  });
  type Charges = readonly ReturnType<typeof charge>[];
  return {
    clock,
    charge,
    ask: (charges: Charges, cost: number, need = cost, options: Parameters<typeof ask>[2] = {}) =>
      ask(charges, { mode: 'take', cost, need, id: '' }, options),
    left: async (charges: Charges) => {
      const answer = await ask(charges, { mode: 'peek', cost: 0, need: 0, id: '' });
      return answer?.accounts.map(({ left }) => left);
    },
  };
}

const takesRight = (command: Command) =>
  command.includes('take') && command.some((part) => String(part).includes(':right'));

describe('one question to several slots', () => {
  it('grants as many whole checks as each of them, and gives back what some took for more', async () => {
    const { charge, ask, left } = apart();
    const charges = [charge('left', 10), charge('right', 5)];
    const answer = await ask(charges, 2, 6);
    expect(answer?.granted).toBe(true);
    expect(answer?.accounts.map((account) => [account.taken, account.left])).toEqual([
      [4, 6],
      [4, 1],
    ]);
    expect(await left(charges)).toEqual([6, 1]);
  });

  it('is refused where one of them refuses, and takes nothing from the others', async () => {
    const { charge, ask, left } = apart();
    const charges = [charge('left', 10), charge('right', 3)];
    const answer = await ask(charges, 2, 4);
    expect(answer?.granted).toBe(true);
    const refused = await ask(charges, 2);
    expect(refused?.granted).toBe(false);
    expect(refused?.accounts.map(({ taken }) => taken)).toEqual([0, 0]);
    expect(await left(charges)).toEqual([8, 1]);
  });

  it('takes in advance for each account what it would hold, in whichever slot that is', async () => {
    const { charge, ask, left } = apart();
    const charges = [charge('left', 50, 0.5), charge('right', 50, 0.5), charge('left-too', 50, 0.5)];
    const answer = await ask(charges, 1, 1, { wants: [3, 5, 7] });
    expect(answer?.accounts.map(({ taken }) => taken)).toEqual([3, 5, 7]);
    expect(await left(charges)).toEqual([47, 45, 43]);
  });

  it('says what is left when it costs nothing', async () => {
    const { charge, ask } = apart();
    const answer = await ask([charge('left', 10), charge('right', 5)], 0);
    expect(answer?.granted).toBe(true);
    expect(answer?.accounts.map((account) => [account.taken, account.left])).toEqual([
      [0, 10],
      [0, 5],
    ]);
  });

  it('fails with the error of the slot that has one, and gives back what the other took', async () => {
    const { charge, ask, left } = apart((command) =>
      takesRight(command) ? Promise.resolve([{ error: 'WRONGTYPE Operation against a key' }]) : undefined,
    );
    const charges = [charge('left', 10), charge('right', 5)];
    await expect(ask(charges, 2)).rejects.toMatchObject({ code: 'COMMAND' });
    expect(await left(charges)).toEqual([10, 5]);
  });

  it('has no answer where one of them cannot be read, and gives back what the other took', async () => {
    const { charge, ask, left } = apart((command) => (takesRight(command) ? Promise.resolve(['nonsense']) : undefined));
    const charges = [charge('left', 10), charge('right', 5)];
    expect(await ask(charges, 2)).toBeUndefined();
    expect(await left(charges)).toEqual([10, 5]);
  });

  it('is answered within its own deadline, whether or not the giving back has been', async () => {
    const { clock, charge, ask } = apart((command) => (command.includes('give') ? new Promise(() => {}) : undefined));
    let answered = 0;
    const charges = [charge('left', 10), charge('right', 1)];
    await ask(charges, 1);
    void ask(charges, 1, 1, { timeoutMs: 100 }).then((answer) => {
      expect(answer?.granted).toBe(false);
      answered += 1;
    });
    await clock.run(99);
    expect(answered).toBe(0);
    await clock.run(1);
    expect(answered).toBe(1);
  });
});
