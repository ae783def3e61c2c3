import { quotaIn } from '../../lib/guard/front-door-script.ts';
import { createAsk } from '../../lib/limit/asking.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { compilePolicy, type Rule } from '../../lib/limit/policy.ts';
import { type PolicyResult, policyResult } from '../../lib/limit/result.ts';
import { type CliCommand, declareCommand } from '../command.ts';
import { Failure } from '../failure.ts';
import { type KeysSession, withKeys } from '../keys/session.ts';
import { FROM_ENV_OPTION, TARGET_NOTES } from '../keys/target.ts';
import { JSON_OPTION } from '../option.ts';
import { json, visible } from '../printable.ts';
import { type GivenPolicy, POLICY_OPTIONS, POLICY_POSITIONAL, readPolicy } from './policy.ts';
import { readSubject, resolveSubject, SUBJECT_POSITIONAL, type Subject } from './subject.ts';

const ONE = { mode: 'peek', cost: 1, need: 1, id: '' } as const;

/** Says what is left of one account, and takes nothing. */
export const peekLimit: CliCommand = declareCommand({
  name: 'peek',
  summary: 'Show how much of a limit is used, and when it is back',
  description:
    'Shows how much of a limit a subject has used, taking nothing. Say the numbers of the policy as the application has them: wrong ones give a wrong answer. A key that has limits of its own is counted by those. Permits that processes have taken in advance count as used.',
  positionals: [POLICY_POSITIONAL, SUBJECT_POSITIONAL],
  options: { ...POLICY_OPTIONS, fromEnv: FROM_ENV_OPTION, json: JSON_OPTION },
  examples: [
    ['limits peek ip 203.0.113.7 --limit 300 --window 60s', 'what an address has left'],
    ['limits peek key key_AbCdEf0123456789 --policies policies.json', 'a key, by the application’s own policies'],
    ['limits peek key --from-env --limit 60 --window 60s', 'the key in BREAKWATER_API_KEY'],
  ],
  environment: TARGET_NOTES.environment,
  statuses: { 3: 'there is no such key' },
  async run({ options, positionals: [name = '', given] }, io) {
    const policy = await readPolicy(name, options);
    const subject = await readSubject(given, options.fromEnv, io);
    return withKeys(io, { changes: false }, async (session) => {
      const resolved = await resolveSubject(subject, session);
      const { rule, result } = await peek(session, name, policy, resolved);
      const now = session.kv.clock.now();
      if (options.json) io.print(json(documentOf(rule, result, resolved, now)));
      else for (const line of linesOf(rule, result, resolved, now)) io.print(line);
      return 0;
    });
  },
});

async function peek({ kv }: KeysSession, name: string, { algorithm, quota }: GivenPolicy, subject: Subject) {
  const { kind } = compilePolicy({ name, algorithm, limit: 1, windowMs: 1_000 }).rule;
  const own = subject.record && quotaIn(subject.record, name, kind);
  const numbers = own ?? quota;
  if (numbers === undefined) {
    throw new Failure(
      2,
      'Say --limit and --window, or --policies: Redis knows what is used, and not how much there is',
    );
  }
  const limiter = createLimiter({ kv, policies: [{ name, algorithm, ...numbers }] });
  const charge = await limiter.chargeOf(name, subject.account);
  const answer = await createAsk(kv, limiter.ledger)([charge], ONE, {});
  const account = answer?.accounts[0];
  if (account === undefined) throw new Failure(1, 'What Redis keeps there is no account of a limit');
  return { rule: charge.rule, result: policyResult(charge.rule, account, account.retryUs === 0) };
}

function documentOf({ capacity }: Rule, result: PolicyResult, { kind, shown }: Subject, now: number) {
  const { policy, algorithm, limit, windowMs, allowed, remaining = 0, resetAfterMs = 0, retryAfterMs } = result;
  return {
    ...{ policy, subject: shown, kind, algorithm, limit, windowMs, capacity, allowed },
    ...{ used: capacity - remaining, remaining },
    ...{ resetAfterMs, resetAt: now + resetAfterMs, retryAfterMs: retryAfterMs ?? null },
  };
}

const KINDS: Readonly<Record<Subject['kind'], string>> = {
  address: 'an address',
  key: 'a key',
  text: 'as it was given',
};

function linesOf({ capacity }: Rule, result: PolicyResult, { kind, shown }: Subject, now: number): readonly string[] {
  const { policy, algorithm, limit, windowMs, remaining = 0, resetAfterMs = 0, retryAfterMs } = result;
  const back = new Date(now + resetAfterMs).toISOString();
  const rows: readonly (readonly [string, string])[] = [
    ['policy', `${policy}, ${limit} in ${seconds(windowMs)}, ${algorithm}`],
    ['subject', `${visible(shown)}, ${KINDS[kind]}`],
    ['used', `${capacity - remaining} of ${capacity}`],
    ['remaining', String(remaining)],
    ['all back', resetAfterMs === 0 ? 'now' : `in ${seconds(resetAfterMs)}, at ${back}`],
    ...(retryAfterMs === undefined ? [] : [['next', `in ${seconds(retryAfterMs)}`] as const]),
  ];
  return rows.map(([name, value]) => `${name.padEnd(11)}${value}`);
}

function seconds(ms: number): string {
  return `${ms / 1_000} s`;
}
