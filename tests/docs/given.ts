// What the examples of the documents take for granted: the reader's own client, database, application and data. A page that
// uses one of these names without declaring it has it from here. Nothing of the package belongs here: that an example imports,
// or else its reader would have to guess where it is from. Doc comments have the package's own names without an import.
import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { createKv } from '../../lib/client/kv-client.ts';
import type { SqlQuery } from '../../lib/client/sql-query.ts';
import type { Policy } from '../../lib/limit/policy.ts';
import { createLocks } from '../../lib/primitives/lock/locks.ts';
import type { RecordStore } from '../../lib/primitives/migration/records/record-store.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';

type WithSignal = { readonly signal: AbortSignal };
const nothing = (): void => {};

export const store: Store = redisStore({ url: process.env.REDIS_URL ?? 'redis://localhost:6379' });
export const kv = createKv({ store, namespace: `${randomUUID()}:` });
export const pool = new Pool({ connectionString: process.env.DATABASE_URL });
export const query: SqlQuery = (text, params) => pool.query(text, [...params]);

// Who asks, and what for.
export const request = new Request('https://example.test/reports', { headers: { authorization: 'Bearer none' } });
export const id: string = 'ada';
export const key: string = 'bw_live_none';
export const keyId: string = 'key_AbCdEf0123456789';
export const userId: string = 'u_1';
export const visitorId: string = 'visitor-7';
export const orderId: string = randomUUID();
export const page: string = '/pricing';
export const company: string = 'acme';
export const domain: string = 'example.test';
export const prompt: string = 'What is a breakwater?';
export const token: string = 'a'.repeat(43);
export const secret: string = 'a secret of thirty-two characters';
export const lapMs: number = 61_000;
export const form = { code: '123456', nonce: randomUUID(), token };
export const chunks: readonly string[] = ['a', 'b'];
export const report = { headcount: 7 };

// What the application is about.
export interface User {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}
export interface Job {
  readonly title: string;
}
export interface Profile {
  readonly name: string;
}
export interface PageView {
  readonly path: string;
  readonly at: number;
  readonly user?: string;
}
export const user: User = { id: 'u_1', name: 'Ada', email: 'ada@example.test' };
export const profile: Profile = { name: 'Ada' };
export const profiles = new Map<string, Profile>();

// What it does.
export const load = async (_id: string): Promise<User> => user;
export const loadJob = async (_id: string, _options: WithSignal): Promise<Job> => ({ title: 'Cook' });
export const loadRates = async (): Promise<Readonly<Record<string, number>>> => ({ EUR: 1 });
export const search = async (_request: Request): Promise<readonly string[]> => ['cook'];
export const complete = async (_prompt: string, _options: WithSignal) => ({ text: 'A wall.', tokens: 12 });
export const charge = async (_orderId: string): Promise<string> => 'a receipt';
export const pay = async (_order: unknown): Promise<{ readonly paid: boolean }> => ({ paid: true });
export const track = async (_event: { readonly userId: string; readonly page: string }): Promise<void> => {};
export const currentUser = async (_request: Request): Promise<User> => user;
export const sendMail = async (_to: string, _text: string): Promise<void> => {};
export const logIn = async (_user: User): Promise<void> => {};
export const confirm = async (_userId: string): Promise<void> => {};
export const writeReport = async (_options: WithSignal & { readonly fence: number }): Promise<void> => {};
export const addUp = async (_invoice: number, _options: WithSignal): Promise<number> => 12;
export const saveTotal = async (_invoice: number, _row: { readonly total: number; readonly fence: number }) => {};
export const importChunk = async (_chunk: string, _fence: number): Promise<void> => {};
export const retryLater = (_afterMs: number): void => {};
export const show: (value: unknown) => void = nothing;
export const log: (error: unknown) => void = nothing;

/** A database as applications have one, whatever its driver. */
export const db = {
  users: {
    find: async (_id: string): Promise<User | null> => user,
    findAll: async (_ids: readonly string[]): Promise<readonly User[]> => [user],
    rename: async (_id: string, _name: string): Promise<void> => {},
  },
  query: async (
    _text: string,
    _params: readonly unknown[],
    _options: WithSignal,
  ): Promise<readonly { readonly id: string; readonly account: string; readonly scopes: readonly string[] }[]> => [],
};

// The front door of somebody else's routes.
export const policies: readonly Policy[] = [{ name: 'key', limit: 60, windowMs: 60_000 }];
export const protect = [{ path: '/api/*', limits: { key: 'key' } }] as const;
/** Of express, or of Hono. */
export const app = { use: (_handler: unknown): void => {}, fetch: (_request: Request): Response => new Response() };
export const handle = async (_request: Request): Promise<Response> => new Response();

// Both sides of a migration.
export const oldUsers: RecordStore<User> = { get: async () => user, set: async () => {}, delete: async () => {} };
export const newUsers: RecordStore<User> = { get: async () => user, set: async () => {}, delete: async () => {} };

export const locksOf = { old: createLocks({ kv: createKv({ store, namespace: 'old:' }) }), new: createLocks({ kv }) };

/** Of MongoDB, which is not installed here: so much of its driver as an example of a port uses. */
export interface Collection<Document extends { readonly _id: string }> {
  findOne(filter: { readonly _id: string }): Promise<Document | null>;
  replaceOne(filter: { readonly _id: string }, value: object, options: { readonly upsert: boolean }): Promise<unknown>;
  updateOne(
    filter: { readonly _id: string },
    update: { readonly $setOnInsert: Partial<Document> },
    options: { readonly upsert: boolean },
  ): Promise<{ readonly upsertedCount: number }>;
  deleteOne(filter: { readonly _id: string }): Promise<unknown>;
}
/** Of `node:sqlite`, which Node 20 does not have: so much of it as an example of a port uses. */
export interface DatabaseSync {
  prepare(sql: string): {
    get(...params: readonly string[]): Readonly<Record<string, string>> | undefined;
    run(...params: readonly string[]): { readonly changes: number | bigint };
  };
}
