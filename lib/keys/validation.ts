import type { ApiKey } from './record.ts';

/** One of three: yes, no, or nobody can say. Only a definite answer is ever a no. */
export type Validation<Config = unknown> =
  | {
      readonly status: 'VALID';
      readonly key: ApiKey<Config>;
      /** Answered from an old answer because nobody could be asked. */
      readonly degraded: boolean;
    }
  | { readonly status: 'INVALID'; readonly reason: 'malformed' | 'unknown' | 'revoked' | 'expired' }
  | {
      readonly status: 'UNAVAILABLE';
      readonly retryAfterMs: number;
      /**
       * `away`: who could say does not answer. `busy`: too many unknown keys are being tried, by whomever. `locked`: by
       * this client, which is to wait.
       */
      readonly reason: 'away' | 'busy' | 'locked';
    };
