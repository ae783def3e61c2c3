import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createRedis } from '../../lib/client/redis.ts';
import { createChannels, publishCommand } from '../../lib/store/memory/channels.ts';
import { dataCommands } from '../../lib/store/memory/command-table.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { createScriptCache } from '../../lib/store/memory/script-cache.ts';
import { scriptCommands } from '../../lib/store/memory/scripts.ts';
import { projectRoot } from '../support/source-tree.ts';

const implemented = [
  ...dataCommands,
  publishCommand(createChannels()),
  ...scriptCommands({ cache: createScriptCache(), lua: undefined, call: () => null }),
]
  .map(({ name }) => name.replace('|', ' ').toUpperCase())
  .sort();

it('docs/redis.md lists the commands of the memory store, all and only those', async () => {
  const text = await readFile(join(projectRoot, 'docs/redis.md'), 'utf8');
  const block = /## Commands of the memory store[\s\S]*?```text\n([\s\S]*?)\n```/.exec(text)?.[1] ?? '';
  expect(block.split(/,\s+/)).toEqual(implemented);
});

it('every one of them is known to a client on memory, and no other', async () => {
  const redis = createRedis(createKv({ store: memoryStore() }));
  const refusalOf = (...words: [string, ...string[]]): Promise<string> =>
    redis.exec(words).then(
      () => '',
      (error: Error) => error.message,
    );
  for (const name of implemented) {
    const [word = '', ...rest] = name.split(' ');
    expect(await refusalOf(word, ...rest), name).not.toMatch(/unknown/);
  }
  for (const name of ['BLPOP', 'XREAD', 'GEOADD', 'PFADD', 'JSON.SET', 'EVAL_RO', 'SORT', 'NOPE']) {
    expect(await refusalOf(name, 'k'), name).toBe('Redis refused the command: ERR (unknown command)');
  }
});
