import { expect, it } from 'vitest';
import { fengariEngine } from '../../lib/store/lua.ts';
import { memoryStore } from '../../lib/store/memory/index.ts';
import type { Command } from '../../lib/store/store.ts';
import { isSameReply } from './comparison.ts';
import { startBareRedis, storeDifferential } from './store-differential.ts';

storeDifferential('memory', { start: async () => ({ empty: async () => memoryStore({ lua: fengariEngine() }) }) });

it('the memory store and Redis 7.0 answer the same about the scores of small and of large sorted sets', async () => {
  const scores: readonly Command[] = [
    ['ZADD', 'zset', '-0', 'a', '1e17', 'b', '1e19', 'c', '0.1', 'd'],
    ['ZSCAN', 'zset', '0'],
    ['ZMSCORE', 'zset', 'a', 'b', 'c', 'd'],
  ];
  const grow: Command = ['ZADD', 'zset', '1', 'x'.repeat(65)];
  const commands = [...scores, ...scores, grow, ...scores, ['DEL', 'zset'], grow, ...scores] as const;
  const bare = await startBareRedis();
  try {
    const fromRedis = await (await bare.empty()).execute(commands, { atomic: false });
    const fromMemory = await memoryStore().execute(commands);
    const different = commands.filter(
      (command, index) => !isSameReply(command, fromMemory[index] ?? null, fromRedis[index] ?? null, 0),
    );
    expect(different).toEqual([]);
  } finally {
    await bare.stop();
  }
});
