export type { SqlAnswer, SqlQuery } from '../../client/sql-query.ts';
export type { ExpressSession, ExpressSessionMethods, ExpressSessionStoreOptions } from './express-session-store.ts';
export { expressSessionStore } from './express-session-store.ts';
export type { ArchivedSession, SessionArchive } from './session-archive.ts';
export type { SessionCookie, SessionCookieOptions } from './session-cookie.ts';
export { sessionCookie } from './session-cookie.ts';
export type {
  PutOptions,
  RotateOptions,
  SaveOptions,
  Session,
  SessionCount,
  SessionEnd,
  SessionList,
  SessionRead,
  SessionRevocation,
  SessionRotation,
  SessionSave,
  SessionStart,
  SessionSweep,
  Sessions,
  SessionsOptions,
  SessionTarget,
} from './session-options.ts';
export { sessionUnavailable } from './session-unavailable.ts';
export { createSessions } from './sessions.ts';
export { sqlSessionSchema } from './sql-schema.ts';
export type { SqlSessionArchive, SqlSessionArchiveOptions } from './sql-session-archive.ts';
export { sqlSessionArchive } from './sql-session-archive.ts';
