import { readConsoleSettings, readSettings, type Settings } from '../../../lib/config.ts';
import { ConfigError } from '../../../lib/errors.ts';
import type { Environment } from './env-file.ts';
import { DEMO_VARIABLES, KNOWN_VARIABLES } from './known-variables.ts';

/** An environment as it is meant, and what is wrong with it. */
export interface Reading {
  readonly env: Environment;
  readonly settings: Settings;
  readonly refusals: readonly ConfigError[];
  readonly refused: ReadonlySet<string>;
}

/** Variables that are right or wrong together. */
const TOGETHER: readonly (readonly string[])[] = [
  ['KV_REST_API_URL', 'KV_REST_API_TOKEN', 'KV_STORE'],
  ['UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN'],
  ['REDIS_URL', 'KV_STORE'],
  ['REDIS_USERNAME', 'REDIS_PASSWORD'],
  ['REDIS_SENTINELS', 'REDIS_SENTINEL_NAME'],
  ['BREAKWATER_KEY_PEPPER', 'BREAKWATER_KEY_PEPPER_PREVIOUS'],
  ['CLIENT_IP_SOURCE', 'TRUSTED_PROXIES'],
  DEMO_VARIABLES,
];
/** Stands in for one that was refused, also on a Cluster. Nothing is written under it that lasts. */
const ANY_NAMESPACE = '{breakwater-doctor}:';

/**
 * Reads the environment as an application does, which stops at the first variable that is wrong: this one goes on without
 * it, and so names all of them.
 */
export function readAll(given: Environment): Reading {
  const env: Record<string, string | undefined> = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, KNOWN_VARIABLES.includes(name) ? meant(name, value) : value]),
  );
  const left = { ...env };
  const refusals: ConfigError[] = [];
  const refused = new Set<string>();
  for (;;) {
    try {
      const settings = readSettings(left);
      readConsoleSettings(left);
      return { env, settings, refusals, refused };
    } catch (error) {
      // Each turn takes a variable away; one that is not there cannot be refused twice.
      if (!(error instanceof ConfigError)) throw error;
      const { setting: variable } = error;
      if (refused.has(variable)) throw error;
      refusals.push(error);
      for (const name of TOGETHER.filter((group) => group.includes(variable))
        .flat()
        .concat(variable)) {
        refused.add(name);
        Reflect.deleteProperty(left, name);
      }
      if (variable === 'BREAKWATER_NAMESPACE') left.BREAKWATER_NAMESPACE = ANY_NAMESPACE;
    }
  }
}

/** What was pasted around a value, in words. */
export function pastedAround(name: string, value: string | undefined): 'quotes' | 'its own name' | undefined {
  const text = value?.trim() ?? '';
  if (/^(["'`]).*\1$/s.test(text)) return 'quotes';
  return text.startsWith(`${name}=`) ? 'its own name' : undefined;
}

/** `value` without what was pasted around it. */
function meant(name: string, value: string | undefined): string | undefined {
  const around = pastedAround(name, value);
  if (value === undefined || around === undefined) return value;
  const text = value.trim();
  return meant(name, around === 'quotes' ? text.slice(1, -1) : text.slice(name.length + 1));
}
