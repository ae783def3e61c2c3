import { expect, it, vi } from 'vitest';
import { redisStore } from '../../lib/store/redis.ts';

vi.mock('ioredis', () => {
  throw Object.assign(new Error("Cannot find package 'ioredis'"), { code: 'ERR_MODULE_NOT_FOUND' });
});

it('a redis store without the package ioredis says at the first request what to install', async () => {
  const store = redisStore({ url: 'redis://localhost' });
  await expect(store.execute([['PING']])).rejects.toMatchObject({
    code: 'CONFIG',
    message: 'redisStore needs the package ioredis: npm install ioredis',
  });
  await store.close();
});
