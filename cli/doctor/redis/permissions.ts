import { randomBytes } from 'node:crypto';
import { KV_PREFIXES } from '../../../lib/client/redis-keys.ts';
import { isKvError } from '../../../lib/errors.ts';
import type { Command } from '../../../lib/store/store.ts';
import type { Check, OnlineContext } from '../check.ts';
import { type Finding, finding, ok, type Said, skipped } from '../finding.ts';
import { basics, leftovers, NEEDS } from './needs.ts';
import { errorText, type Probe } from './probe.ts';

/** One command that was tried for a part. */
interface Trial {
  readonly part: string;
  readonly prefix: string;
  readonly command: Command;
}

interface Outcome extends Trial {
  readonly error: string;
}

/** A script that nobody has sent: asking for it by hash changes nothing. */
const NO_SCRIPT = '0'.repeat(40);

/** Whether each command that a part needs may be run, by running it on keys of its own, which it deletes. */
export const permissionsCheck: Check<OnlineContext> = {
  name: 'permissions',
  group: 'Redis',
  async run(context): Promise<readonly Said[]> {
    const { redis, settings } = context;
    const id = `doctor:${randomBytes(9).toString('hex')}`;
    const keyOf = (prefix: string): string => `${settings.namespace}${prefix}${id}`;
    const first = await tryAll(
      redis,
      NEEDS.flatMap(({ part, prefix }) => basics(keyOf(prefix)).map((command) => ({ part, prefix, command }))),
    );
    if (settings.store.kind === 'upstash' && first.every(({ error }) => error.startsWith('NOPERM'))) {
      const [read] = await redis.attempt([['GET', keyOf(KV_PREFIXES.CACHE)]]);
      if (errorText(read) === '') return [readOnlyToken(context)];
    }
    if (first.some(({ error }) => error.startsWith('READONLY'))) return [replica()];
    // What cannot be given an end, or deleted, is not made.
    const barred = new Set(first.filter(({ error }) => error !== '').map(({ prefix }) => prefix));
    const second = await tryAll(redis, [
      ...others(keyOf),
      ...NEEDS.filter(({ prefix }) => !barred.has(prefix)).flatMap(({ part, prefix, commands }) => {
        const removal: Command = ['DEL', ...leftovers(keyOf(prefix))];
        return [...commands(keyOf(prefix)), removal].map((command) => ({ part, prefix, command }));
      }),
    ]);
    const heard = await redis.hears(keyOf(KV_PREFIXES.PUBSUB));
    const findings = judge([...first, ...second], heard);
    if (findings.length > 0) return findings;
    const refused = [...first, ...second].some(({ error }) =>
      /^(?:MOVED|CROSSSLOT|CLUSTERDOWN|MISCONF|OOM|TRYAGAIN)/.test(error),
    );
    if (refused) return [skipped('could not be tried: Redis takes no writes of ours as it is')];
    return [ok(`${new Set([...first, ...second].map(({ command }) => command[0])).size + 1} commands are permitted`)];
  },
};

/** What belongs to no prefix. */
function others(keyOf: (prefix: string) => string): readonly Trial[] {
  const commands: readonly (readonly [string, Command])[] = [
    ['limits', ['EVAL', 'return 1', 0]],
    ['limits', ['EVALSHA', NO_SCRIPT, 0]],
    ['limits', ['TIME']],
    ['pubsub', ['PUBLISH', keyOf(KV_PREFIXES.PUBSUB), '']],
  ];
  return commands.map(([part, command]) => ({ part, prefix: '', command }));
}

async function tryAll(redis: Probe, trials: readonly Trial[]): Promise<readonly Outcome[]> {
  const replies = await redis.attempt(trials.map(({ command }) => command));
  return trials.map((trial, index) => ({ ...trial, error: errorText(replies[index]) }));
}

function judge(outcomes: readonly Outcome[], heard: Error | undefined): readonly Finding[] {
  const denied = outcomes.filter(({ error }) => error.startsWith('NOPERM'));
  const onChannels = denied.filter(({ error }) => /channel/i.test(error));
  const onKeys = denied.filter(({ error }) => / keys? |a key/i.test(error));
  const onCommands = denied.filter((outcome) => !onChannels.includes(outcome) && !onKeys.includes(outcome));
  const unknown = outcomes.filter(({ error }) => /^ERR unknown command/i.test(error));
  const isDeaf = isKvError(heard) && heard.code === 'STORE' && heard.kind === 'auth';
  const findings: Finding[] = [];
  if (onCommands.length > 0) {
    const what = `This user of Redis may not run ${names(onCommands)}, which ${parts(onCommands)} need`;
    findings.push(finding('not-permitted', what, 'Permit them', `ACL SETUSER <user> ${grants(onCommands)}`));
  }
  if (onKeys.length > 0) {
    const prefixes = [...new Set(onKeys.map(({ prefix }) => prefix))];
    const what = `This user of Redis may not touch keys that begin with ${list(prefixes)} (behind BREAKWATER_NAMESPACE)`;
    const fix = 'Permit them with ~<namespace>*, or set BREAKWATER_NAMESPACE to what is permitted';
    findings.push(finding('keys-not-permitted', what, fix));
  }
  if (onChannels.length > 0 || (isDeaf && onCommands.length === 0)) {
    const what = 'This user of Redis may not use channels, which pubsub needs';
    findings.push(
      finding('channels-not-permitted', what, 'If you use it, permit them', 'ACL SETUSER <user> &<namespace>pubsub:*'),
    );
  }
  if (unknown.length > 0) {
    const what = `Redis does not know ${names(unknown)}, which ${parts(unknown)} need`;
    const fix =
      'Use a Redis 7.0 or newer, Valkey, or Upstash; look for rename-command in its settings, and for proxies';
    findings.push(finding('command-unknown', what, fix));
  }
  return findings;
}

function readOnlyToken({ read }: OnlineContext): Finding {
  const variable = read('KV_REST_API_URL') ? 'KV_REST_API_TOKEN' : 'UPSTASH_REDIS_REST_TOKEN';
  const what = `The token in ${variable} may only read`;
  return finding(
    'read-only-token',
    what,
    `Put the standard token there; the read-only one belongs into KV_REST_API_READ_ONLY_TOKEN`,
  );
}

function replica(): Finding {
  const what = 'This Redis is a replica: it refuses whatever would write';
  return finding(
    'replica',
    what,
    'Name the primary; behind sentinels set REDIS_SENTINELS and REDIS_SENTINEL_NAME instead of REDIS_URL',
  );
}

function names(outcomes: readonly Outcome[]): string {
  return list([...new Set(outcomes.map(({ command }) => command[0]))]);
}

function parts(outcomes: readonly Outcome[]): string {
  return list([...new Set(outcomes.map(({ part }) => part))]);
}

function grants(outcomes: readonly Outcome[]): string {
  return [...new Set(outcomes.map(({ command }) => `+${command[0].toLowerCase()}`))].join(' ');
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
