export { type FencedRead, type FencedWrite, type FencedWriting, readFenced, writeFenced } from './fenced-value.ts';
export type {
  Acquisition,
  Contended,
  Extension,
  Lock,
  LockContext,
  LockedWork,
  LockStatus,
  Locks,
  Lost,
  Release,
  TokenAcquisition,
} from './lock.ts';
export { LockLostError, type LossReason } from './lock-lost-error.ts';
export type { AcquireOptions, LocksOptions, WithLockOptions } from './lock-options.ts';
export type { LockStats } from './lock-stats.ts';
export { createLocks } from './locks.ts';
