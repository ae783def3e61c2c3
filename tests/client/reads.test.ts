import { describe, expect, it } from 'vitest';
import { coalescibleKeys, isRead } from '../../lib/client/commands.ts';
import type { Command, Reply } from '../../lib/store/store.ts';
import { realRedis } from '../support/every-store.ts';

const list = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? reply : []);

describe('what is taken for a read', () => {
  const redis = realRedis();

  /** Every command of this Redis, with its flags. */
  const commands = async () => {
    const [all] = await redis.store.execute([['COMMAND']]);
    return list(all).map((one) => {
      const [name, arity, flags] = list(one);
      return { name: String(name), arity: Number(arity), flags: list(flags).map(String) };
    });
  };

  it('writes nothing, says Redis', async () => {
    const known = await commands();
    expect(known.length).toBeGreaterThan(200);
    const reads = known.filter(({ name }) => isRead([name]));
    expect(reads.length).toBeGreaterThan(40);
    const changing = reads.filter(({ flags }) =>
      ['write', 'pubsub', 'blocking', 'noscript'].some((flag) => flags.includes(flag)),
    );
    expect(changing.map(({ name }) => name)).toEqual([]);
    // Those are about the server or the connection, and are never shared.
    const others = reads.filter(({ flags }) => !flags.includes('readonly')).map(({ name }) => name);
    expect(others.toSorted()).toEqual(['echo', 'info', 'ping', 'time']);
    for (const name of others) expect(coalescibleKeys([name, 'x'])).toBeUndefined();
  });

  it('is shared by the keys that Redis finds in it', async () => {
    const shared = (await commands()).flatMap(({ name, arity }) => {
      const args = Array.from({ length: Math.max(Math.abs(arity) - 1, 3) }, (_, index) => `${index + 1}`);
      const command: Command = [name, ...(arity > 0 ? args.slice(0, arity - 1) : args)];
      return coalescibleKeys(command) ? [command] : [];
    });
    expect(shared.length).toBeGreaterThan(40);
    const keys = await redis.store.execute(shared.map((command): Command => ['COMMAND', 'GETKEYS', ...command]));
    expect(shared.map(coalescibleKeys)).toEqual(keys);
  });
});
