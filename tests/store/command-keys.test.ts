import { afterAll, beforeAll, expect, it } from 'vitest';
import { keysOf } from '../../lib/store/command-keys.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { isErrorReply, type Store } from '../../lib/store/store.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

let server: RedisServer;
let store: Store;
beforeAll(async () => {
  server = await startRedis();
  store = redisStore({ url: server.url });
});
afterAll(async () => {
  await store.close();
  await server.stop();
});

it.each([
  ...['GET a', 'set a v EX 5', 'MGET a b c', 'MSET a 1 b 2', 'MSETNX a 1 b 2', 'DEL a b', 'EXISTS a a', 'UNLINK a'],
  ...['EVAL s 2 a b c', 'evalsha s 1 a b', 'EVAL_RO s 0 a', 'FCALL f 1 a b', 'RENAME a b', 'COPY a b REPLACE'],
  ...['SINTERSTORE d a b', 'SINTERCARD 2 a b LIMIT 1', 'ZUNIONSTORE d 2 a b WEIGHTS 1 2', 'ZINTER 2 a b WITHSCORES'],
  ...['SMOVE a b m', 'LMOVE a b LEFT RIGHT', 'LMPOP 2 a b LEFT', 'ZMPOP 1 a MIN', 'ZRANGESTORE d a 0 -1', 'LCS a b'],
  ...['BITOP AND d a b', 'BITCOUNT a', 'PFMERGE d a b', 'PFCOUNT a b', 'OBJECT ENCODING a', 'MEMORY USAGE a'],
  ...['XADD a * f v', 'XREAD COUNT 1 STREAMS a b 0 0', 'XREADGROUP GROUP g c STREAMS a >', 'XINFO STREAM a'],
  ...['XGROUP CREATE a g $', 'GEOSEARCHSTORE d a FROMMEMBER m BYRADIUS 1 m', 'GEORADIUS a 1 1 1 m STORE d'],
  ...['SORT a BY w_* STORE d', 'HSET a f v', 'ZADD a 1 m', 'LPUSH a b', 'EXPIRE a 5 NX', 'TYPE a', 'TOUCH a b'],
  ...['PING hello', 'ECHO a', 'INFO stats', 'FLUSHALL ASYNC', 'SCRIPT LOAD s', 'SCAN 0 MATCH a*'],
  ...['KEYS a', 'CONFIG GET a', 'CLIENT ID', 'PUBLISH c m', 'WAIT 1 1', 'COMMAND COUNT'],
])('the keys of %s are those that Redis sees', async (text) => {
  const [name = '', ...args] = text.split(' ');
  const [reply] = await store.execute([['COMMAND', 'GETKEYS', name, ...args]]);
  expect(keysOf([name, ...args])).toEqual(isErrorReply(reply) ? [] : reply);
  if (isErrorReply(reply)) expect(reply.error).toBe('ERR The command has no key arguments');
});

it('a command that is not known here has its first argument for a key', () => {
  expect(keysOf(['JSON.GET', 'doc', '$.a'])).toEqual(['doc']);
  expect(keysOf(['NEW'])).toEqual([]);
});
