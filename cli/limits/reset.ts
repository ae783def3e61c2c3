import { eraseAccounts } from '../../lib/limit/erasure.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { type CliCommand, declareCommand } from '../command.ts';
import { type KeysSession, withKeys } from '../keys/session.ts';
import { FROM_ENV_OPTION, TARGET_NOTES } from '../keys/target.ts';
import { JSON_OPTION } from '../option.ts';
import { json, visible } from '../printable.ts';
import { ALGORITHMS, POLICY_POSITIONAL, requireName } from './policy.ts';
import { readSubject, resolveSubject, SUBJECT_POSITIONAL } from './subject.ts';

const ELSEWHERE =
  'Processes that hold permits in advance go on spending those until their end, and may believe a refusal for refusalTtlMs, 1 s by default';

/** Gives one account everything back. */
export const resetLimit: CliCommand = declareCommand({
  name: 'reset',
  summary: 'Give a subject everything back',
  description:
    'Gives a subject everything back under a policy, whatever its numbers and its algorithm. Processes that hold permits in advance (maxOverAdmission) go on spending those until their end.',
  positionals: [POLICY_POSITIONAL, SUBJECT_POSITIONAL],
  options: { fromEnv: FROM_ENV_OPTION, json: JSON_OPTION },
  examples: [
    ['limits reset ip 203.0.113.7', 'an address'],
    ['limits reset key key_AbCdEf0123456789', 'a key'],
  ],
  environment: TARGET_NOTES.environment,
  statuses: { 3: 'there is no such key' },
  async run({ options, positionals: [name = '', given] }, io) {
    requireName(name);
    const subject = await readSubject(given, options.fromEnv, io);
    return withKeys(io, { changes: true }, async (session) => {
      const { account, shown, kind } = await resolveSubject(subject, session);
      const wasUsed = (await erase(session, name, account)) > 0;
      if (options.json) {
        io.print(json({ policy: name, subject: shown, kind, wasUsed }));
        return 0;
      }
      io.print(wasUsed ? `Reset ${name} of ${visible(shown)}` : `${name} of ${visible(shown)} was not used`);
      io.complain(ELSEWHERE);
      return 0;
    });
  },
});

/** Each algorithm keeps an account of its own: all of them, so that nobody has to know which it is. */
async function erase({ kv }: KeysSession, name: string, account: string): Promise<number> {
  const plan = { limit: 1, windowMs: 1_000 };
  const { chargeOf, ledger } = createLimiter({ kv, policies: [{ name, ...plan }] });
  const charges = await Promise.all(ALGORITHMS.map((algorithm) => chargeOf(name, account, { ...plan, algorithm })));
  return eraseAccounts(kv, ledger, charges);
}
