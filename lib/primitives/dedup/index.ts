export type { Unavailable } from '../unavailable.ts';
export { createDedup } from './dedup.ts';
export type {
  Claim,
  Claimed,
  ClaimOptions,
  Dedup,
  DedupOptions,
  Seen,
  SeenOptions,
  Settlement,
} from './dedup-options.ts';
