import { createMac } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { KV_PREFIXES } from '../../client/redis-keys.ts';
import { ConfigError } from '../../errors.ts';
import { entityName } from '../names.ts';
import { checkPurpose } from '../purpose.ts';
import type { CodeAccount } from './codes-options.ts';

/** What Redis keeps of an account, all in one slot. */
export interface CodeNames {
  readonly code: string;
  readonly failures: string;
  readonly cooldown: string;
  readonly grant: string;
}

export interface CodeDigests {
  /** @throws ConfigError for what is no account. */
  names(account: CodeAccount): Promise<CodeNames>;
  /** What stands for a code of this account in Redis. */
  digest(account: CodeAccount, code: string): Promise<string>;
  /** What stands for a code that is given in an attempt. */
  grant(account: CodeAccount, code: string, attempt: string): Promise<string>;
}

/** Subjects can be guessed as codes can, so both are digested under the pepper; as JSON, where no part reaches into another. */
export function createCodeDigests(kv: KvClient, pepper: string): CodeDigests {
  const mac = createMac(pepper);
  return {
    async names({ purpose, subject }) {
      checkPurpose(purpose);
      if (typeof subject !== 'string' || subject === '') throw new ConfigError('subject', 'must not be empty');
      const name = await entityName(
        kv,
        KV_PREFIXES.CODE,
        purpose,
        await mac(JSON.stringify(['subject', purpose, subject])),
      );
      return {
        code: `${name}:code`,
        failures: `${name}:failures`,
        cooldown: `${name}:cooldown`,
        grant: `${name}:grant`,
      };
    },
    digest: ({ purpose, subject }, code) => mac(JSON.stringify(['code', purpose, subject, code])),
    grant: ({ purpose, subject }, code, attempt) => mac(JSON.stringify(['grant', purpose, subject, code, attempt])),
  };
}
