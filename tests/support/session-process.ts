import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import { createSessions, type Session, type Sessions } from '../../lib/primitives/session/index.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { answerCalls } from './process-calls.ts';

interface Data {
  readonly saves: number;
}

let kv: KvClient | undefined;
let sessions: Sessions<Data> | undefined;

function opened(): Sessions<Data> {
  if (!sessions) throw new Error('there is no Redis yet');
  return sessions;
}

async function open(redisUrl: string): Promise<void> {
  kv = createKv({ store: redisStore({ url: redisUrl }), requestTimeoutMs: 10_000, slowMs: false });
  sessions = createSessions<Data>({ kv, idleMs: 60_000, maxPerUser: 0 });
  // The scripts are known, and the connection is open.
  const warm = await sessions.create(undefined, { saves: 0 });
  if (warm.status === 'created') await sessions.rotate(warm.session);
}

async function create(userId: string): Promise<{ readonly token: string; readonly session: Session<Data> }> {
  const created = await opened().create(userId, { saves: 0 });
  if (created.status !== 'created') throw new Error(created.status);
  return created;
}

/** Saves again and again until the session is over; how often that was. */
async function saveOn(token: string): Promise<number> {
  for (let saves = 0; ; saves += 1) {
    const { status } = await opened().save(token, { saves });
    if (status === 'ended') return saves;
    if (status !== 'saved') throw new Error(status);
  }
}

/** The new token, where there is one. */
async function rotate(session: Session<Data>, graceMs: number): Promise<string | null> {
  const rotated = await opened().rotate(session, { graceMs });
  return rotated.status === 'rotated' ? rotated.token : null;
}

const end = async (token: string) => (await opened().destroy(token)).status;
const revoke = async (userId: string) => (await opened().revokeUser(userId)).status;
const statusOf = async (token: string) => (await opened().read(token)).status;
const close = async () => kv?.close();

const api = { open, create, saveOn, rotate, end, revoke, statusOf, close };

export type SessionProcess = typeof api;

answerCalls(api);
