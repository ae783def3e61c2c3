import type { KvClient } from '../../lib/client/kv-client.ts';
import { createCodes } from '../../lib/primitives/one-time-code/codes.ts';
import type { CodeAccount, Codes, CodesOptions } from '../../lib/primitives/one-time-code/codes-options.ts';

export type CodeRigOptions = Omit<CodesOptions, 'kv' | 'pepper'>;

export const CODE_PEPPER = 'a pepper of codes with more than 32 characters';

/** One-time codes on `kv`, and how many requests they have made of it. */
export function codeRig(kv: KvClient, options: CodeRigOptions = {}) {
  let requests = 0;
  const counted: KvClient = {
    ...kv,
    execute(...args) {
      requests += 1;
      return kv.execute(...args);
    },
    command(...args) {
      requests += 1;
      return kv.command(...args);
    },
  };
  return { kv, codes: createCodes({ ...options, kv: counted, pepper: CODE_PEPPER }), requests: () => requests };
}

/** A new code; another one where it is not such as the test needs. */
export async function issuedCode(
  codes: Codes,
  account: CodeAccount,
  isFit: (code: string) => boolean = () => true,
): Promise<string> {
  const issued = await codes.issue(account);
  if (issued.status !== 'issued') throw new Error(`No code was issued: ${issued.status}`);
  if (isFit(issued.code)) return issued.code;
  await codes.cancel(account);
  return issuedCode(codes, account, isFit);
}

/** A code that is wrong; another one for each `index`. */
export function otherThan(code: string, index = 0): string {
  return String((Number(code) + 1 + index) % 10 ** code.length).padStart(code.length, '0');
}
