import { describe, expect, it } from 'vitest';
import { fengariEngine } from '../../lib/store/lua.ts';
import { memoryStore } from '../../lib/store/memory/index.ts';
import { type Command, isErrorReply, type Reply } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/index.ts';
import { type Asked, compare, type Emptied } from './differential.ts';
import { expiringSequencesFor } from './expiry-arbitraries.ts';
import { sequencesFor } from './sequence-arbitraries.ts';

const sound = () => memoryStore({ lua: fengariEngine() });
const RUNS = 300;
const SEED = 1;

/** A store whose replies are changed on their way. */
const answering =
  (change: (reply: Reply, command: Command, index: number, all: readonly Reply[]) => Reply): Emptied =>
  async () => {
    const store = sound();
    return {
      execute: async (commands, options) => {
        const replies = await store.execute(commands, options);
        return replies.map((reply, index) => change(reply, commands[index] ?? ['PING'], index, replies));
      },
    };
  };

/** Compared with a sound one, which stands in for Redis: only the comparison is tested. */
const compareWith = (store: Emptied, where: 'any' | 'expiring' = 'any') =>
  compare(
    { store, redis: async (): Promise<Asked> => sound() },
    {
      sequences: where === 'any' ? sequencesFor('one node') : expiringSequencesFor('one node'),
      ...{ runs: where === 'any' ? RUNS : 20, seed: SEED },
    },
  );

const longerBy = (names: string, more: number) =>
  answering((reply, [name]) =>
    names.split(' ').includes(name) && typeof reply === 'number' && reply > 0 ? reply + more : reply,
  );

describe('the comparison with Redis', () => {
  it('finds nothing where there is nothing', async () => {
    await compareWith(async () => sound());
    await compareWith(async () => sound(), 'expiring');
  });

  it.each<readonly [string, RegExp, Emptied]>([
    ['times to live that are a second too long', /^DIFF_SEED=1, run \d+: "(TTL|EXPIRETIME)" /, longerBy('TTL', 1)],
    ['times to live that are a second too long, in ms', /: "PTTL" /, longerBy('PTTL', 1000)],
    ['no time to live where there is one', /: "P?TTL" /, answering((r, [name]) => (/^P?TTL$/.test(name) ? -1 : r))],
    ['replies in another order', / was answered /, answering((_, __, index, all) => all[index ^ 1] ?? null)],
    [
      'errors of another class',
      /WRONGTYPE/,
      answering((r) => (isErrorReply(r) ? { error: r.error.replace('WRONGTYPE', 'ERR') } : r)),
    ],
    ['nil where there is nothing in it', / was answered null/, answering((r) => (r === '' ? null : r))],
  ])('finds %s', async (_, message, store) => {
    await expect(compareWith(store)).rejects.toThrow(message);
  });

  it('finds values that do not expire', async () => {
    const stopped = manualClock(Date.now());
    const store = async (): Promise<Asked> => memoryStore({ lua: fengariEngine(), clock: stopped });
    await expect(compareWith(store, 'expiring')).rejects.toThrow('does not expire');
  });

  it('finds a value that does not expire while others do', async () => {
    const store = async (): Promise<Asked> => {
      const kept = sound();
      const lasting = (command: Command): Command =>
        command[0] === 'PEXPIRE' && String(command[1]) === 'hash'
          ? ['PEXPIRE', 'hash', '60000', ...command.slice(3)]
          : command;
      return { execute: (commands, options) => kept.execute(commands.map(lasting), options) };
    };
    await expect(compareWith(store, 'expiring')).rejects.toThrow(/then 5 ms/);
  });

  it('shows few commands of many', async () => {
    const lost = answering((reply, [name]) => (name === 'LLEN' && Number(reply) > 0 ? 0 : reply));
    const message = await compareWith(lost).then(() => 'nothing', String);
    expect(message).toMatch(/"LLEN" ".*" was answered 0, by Redis \d+\. Asked were, of \d\d commands:/);
    expect(message.split('\n').length).toBeLessThanOrEqual(5);
  });
});
