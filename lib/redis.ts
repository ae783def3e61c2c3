export { type CreateRedisOptions, createRedis } from './client/redis.ts';
