import { createBackground } from '../../client/background.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { ConfigError, StoreError } from '../../errors.ts';
import { createSessionEnding } from './session-ending.ts';
import { type Address, addressOf, createSessionNames } from './session-names.ts';
import type {
  RotateOptions,
  Session,
  SessionRotation,
  Sessions,
  SessionsOptions,
  SessionTarget,
} from './session-options.ts';
import { createSessionReading } from './session-reading.ts';
import { LONGEST_MS, sessionSettings } from './session-settings.ts';
import { leftOf } from './session-state.ts';
import { createSessionWriting } from './session-writing.ts';
import { sweepSessions } from './sweeping.ts';

const MAX_GRACE_MS = 30_000;
const MAX_SWEPT = 1_000;

/**
 * Sessions of users, in Redis.
 *
 * @example
 * ```ts
 * const sessions = createSessions<{ cart: string[] }>({ kv });
 * const cookie = sessionCookie();
 * const read = await sessions.read(cookie.read(request.headers) ?? '');
 * if (read.status === 'unavailable') return sessionUnavailable(read);
 * ```
 *
 * @throws ConfigError naming the option
 */
export function createSessions<T>(options: SessionsOptions): Sessions<T> {
  const { kv, name = 'default', pepper, archive, waitUntil } = options;
  const settings = sessionSettings(options);
  const names = createSessionNames(kv, name, pepper);
  const background = createBackground(waitUntil);
  const base = { kv, names, settings, background };
  const ending = createSessionEnding(base, archive);
  const reading = createSessionReading<T>(base, ending);
  const writing = createSessionWriting<T>(base, ending);

  const locate = async (target: SessionTarget): Promise<Address | undefined> =>
    typeof target === 'string' ? names.ofToken(target) : addressOf(target.id);

  const begin = async (userId: string | undefined, data: T) => {
    const token = names.newToken(await names.groupOf(userId));
    const address = await names.ofId(token);
    const saved = await writing.save(address, data, { userId, mayBegin: true });
    return { token, saved };
  };

  const toOtherUser = async (session: Session<T>, userId: string, data: T): Promise<SessionRotation<T>> => {
    // First ended, then begun: what is lost between the two is a login, not a logout.
    const ended = await ending.destroy(addressOf(session.id), { reason: 'rotated', toldLater: false });
    if (ended.status === 'unavailable') return ended;
    if (ended.status === 'none') return { status: 'ended' };
    const { token, saved } = await begin(userId, data);
    if (saved.status === 'unavailable') return { ...saved, mayHaveRun: true };
    return saved.status === 'saved' ? { status: 'rotated', token, session: saved.session } : { status: 'ended' };
  };

  const rotate = async (session: Session<T>, rotation: RotateOptions<T>): Promise<SessionRotation<T>> => {
    const { data, userId = session.userId, graceMs = 0 } = rotation;
    wholeNumber('graceMs', graceMs, 0, MAX_GRACE_MS);
    if (userId !== undefined && userId !== session.userId) {
      return toOtherUser(session, userId, data === undefined ? session.data : data);
    }
    const from = addressOf(session.id);
    const token = names.newToken(from.group);
    const to = await names.ofId(token);
    // A sweep that looks too early looks again; one that looks after its absolute end may look too late.
    const leftMs = leftOf(session.leftMs, session.endsAt ?? 0, kv.clock.now());
    const rotated = await writing.rotate({ from, to, data, graceMs, leftMs });
    if ('status' in rotated) return rotated;
    return rotated.session ? { status: 'rotated', token, session: rotated.session } : { status: 'ended' };
  };

  return {
    async create(userId, data) {
      const { token, saved } = await begin(userId, data);
      if (saved.status === 'saved') return { status: 'created', token, session: saved.session };
      if (saved.status === 'unavailable') return saved;
      throw new StoreError('protocol', 'A session that is new was there already');
    },
    async read(target) {
      const address = await locate(target);
      return address ? reading.read(address) : { status: 'none' };
    },
    async save(target, data, { ifVersion } = {}) {
      const address = await locate(target);
      return address ? writing.save(address, data, { ifVersion }) : { status: 'ended' };
    },
    rotate: (session, rotation = {}) => rotate(session, rotation),
    async destroy(target) {
      const address = await locate(target);
      return address ? ending.destroy(address) : { status: 'none' };
    },
    async end(target) {
      const address = await locate(target);
      return address ? ending.end(address) : { status: 'none' };
    },
    revokeUser: async (userId) => ending.revoke(await names.groupOf(userId)),
    list: async (userId) => reading.list(await names.groupOf(userId)),
    count: async (userId) => reading.count(await names.groupOf(userId)),
    newId: async (userId) => names.newToken(await names.groupOf(userId)),
    async sweep({ limit = 100 } = {}) {
      wholeNumber('limit', limit, 1, MAX_SWEPT);
      if (!archive) throw new ConfigError('archive', 'must be given for a sweep');
      return sweepSessions(base, ending, archive, limit);
    },
    async put(id, data, { idleMs = settings.idleMs } = {}) {
      wholeNumber('idleMs', idleMs, 1, LONGEST_MS);
      return writing.save(await names.ofId(id), data, { idleMs, mayBegin: true });
    },
    get: async (id) => reading.read(await names.ofId(id)),
    remove: async (id) => ending.destroy(await names.ofId(id), { always: true }),
    settled: background.settled,
  };
}
