import { readFile } from 'node:fs/promises';
import { isObject, readJson } from '../../lib/client/json.ts';
import type { Quota } from '../../lib/client/quota.ts';
import { isKvError } from '../../lib/errors.ts';
import { type Algorithm, compilePolicy, type Policy } from '../../lib/limit/policy.ts';
import type { Positional } from '../command.ts';
import { Failure } from '../failure.ts';
import { choice, duration, type Option, text, whole } from '../option.ts';

export const POLICY_POSITIONAL: Positional = {
  name: 'POLICY',
  description: 'the name of the policy',
  missing: 'Give the name of a policy',
};

export const ALGORITHMS: readonly [Algorithm, ...Algorithm[]] = [
  ...(['gcra', 'fixedWindow', 'slidingWindow', 'slidingLog', 'tokenBucket', 'concurrency'] as const),
];

const MOST = 1_000_000_000;

/** The numbers of a policy, which only the application knows. */
export interface PolicyOptions {
  readonly limit: Option<number | undefined>;
  readonly window: Option<number | undefined>;
  readonly burst: Option<number | undefined>;
  readonly algorithm: Option<Algorithm>;
  readonly policies: Option<string | undefined>;
}

export const POLICY_OPTIONS: PolicyOptions = {
  limit: whole('count', 'how many permits there are', { from: 1, to: MOST, initial: undefined }),
  window: duration('time', 'in which time, such as 60s', undefined),
  burst: whole('count', 'how many at once, where that is not the limit', { from: 1, to: MOST, initial: undefined }),
  algorithm: choice('name', `one of ${ALGORITHMS.join(', ')}; gcra without it`, ALGORITHMS, { excludes: 'policies' }),
  policies: text('file', 'a JSON file with the policies as the application has them, in place of numbers'),
};

type PolicyValues = { readonly [Name in keyof PolicyOptions]: PolicyOptions[Name]['initial'] };

/** What the command line says of a policy; without a quota it says none of its numbers. */
export interface GivenPolicy {
  readonly algorithm: Algorithm;
  readonly quota: Quota | undefined;
}

/** @throws Failure naming the option. */
export async function readPolicy(name: string, options: PolicyValues): Promise<GivenPolicy> {
  requireName(name);
  const { limit, window, burst, algorithm, policies } = options;
  if (policies !== undefined) {
    if ((limit ?? window ?? burst) !== undefined) {
      throw new Failure(2, '--policies and --limit, --window and --burst exclude each other');
    }
    return fromFile(policies, name);
  }
  if ((limit === undefined) !== (window === undefined)) throw new Failure(2, '--limit and --window go together');
  if (limit === undefined || window === undefined) {
    if (burst !== undefined) throw new Failure(2, '--burst goes with --limit and --window');
    return { algorithm, quota: undefined };
  }
  const quota = { limit, windowMs: window, burst };
  checkPolicy({ name, algorithm, ...quota }, '--limit, --window and --burst');
  return { algorithm, quota };
}

/** @throws Failure for what names no policy. */
export function requireName(name: string): void {
  if (/^[a-z][a-z0-9-]{0,31}$/i.test(name)) return;
  throw new Failure(2, 'POLICY must be 1 to 32 letters, digits and hyphens');
}

async function fromFile(path: string, name: string): Promise<GivenPolicy> {
  const content = await readFile(path, 'utf8').catch(() => {
    throw new Failure(2, '--policies names a file that cannot be read');
  });
  const found = readJson(content);
  const policies = Array.isArray(found) ? found : isObject(found) ? found.policies : undefined;
  if (!Array.isArray(policies))
    throw new Failure(2, '--policies must be a JSON array of policies, or have one as policies');
  const policy: unknown = policies.find((one) => isObject(one) && one.name === name);
  if (policy === undefined) throw new Failure(2, '--policies has no policy of that name');
  const checked = checkPolicy(policy as Policy & Quota, 'that policy of --policies');
  return { algorithm: checked.algorithm ?? 'gcra', quota: checked };
}

function checkPolicy<P extends Policy>(policy: P, where: string): P {
  try {
    compilePolicy(policy);
    return policy;
  } catch (error) {
    if (!isKvError(error) || error.code !== 'CONFIG') throw error;
    // The library names the policy and quotes the number: what was wrong with it is enough.
    const [, flaw = 'be one'] = /must (.*?)(?:, got .*)?$/.exec(error.message) ?? [];
    const option = /: (\w+)$/.exec(error.setting)?.[1] ?? 'policy';
    throw new Failure(2, `${where}: ${option} must ${flaw}`);
  }
}
