export type { ArchivedSession, SessionArchive } from './session-archive.ts';
export type {
  PutOptions,
  RotateOptions,
  SaveOptions,
  Session,
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
export { createSessions } from './sessions.ts';
