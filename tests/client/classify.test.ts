import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  asKvError,
  classifyError,
  classifyReplies,
  isNoScript,
  refusalText,
  replyError,
} from '../../lib/client/classify.ts';
import {
  CircuitOpenError,
  CommandError,
  ConfigError,
  DeadlineError,
  StoreError,
  type StoreErrorKind,
} from '../../lib/errors.ts';

const OUTAGES = [
  'LOADING Redis is loading the dataset in memory',
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  'CLUSTERDOWN The cluster is down',
  'TRYAGAIN Multiple keys request during rehashing of slot',
  "READONLY You can't write against a read only replica.",
  'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.',
  'NOREPLICAS Not enough good replicas to write.',
  "OOM command not allowed when used memory > 'maxmemory'.",
  'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
  'MOVED 3999 127.0.0.1:6381',
  'ASK 3999 127.0.0.1:6381',
];
const DENIALS = [
  'NOAUTH Authentication required.',
  'WRONGPASS invalid username-password pair or user is disabled.',
  "NOPERM this user has no permissions to run the 'get' command",
];
const QUOTAS = [
  'ERR max requests limit exceeded. Limit: 500000, Usage: 500000.',
  'ERR max daily request limit exceeded. Limit: 10000, Usage: 10000.',
  'ERR max monthly bandwidth exceeded',
  'ERR This database has been suspended',
];
const ANSWERS = [
  'WRONGTYPE Operation against a key holding the wrong kind of value',
  'ERR value is not an integer or out of range',
  'NOSCRIPT No matching script. Please use EVAL.',
  'EXECABORT Transaction discarded because of previous errors.',
  'BUSYGROUP Consumer Group name already exists',
  'BUSYKEY Target key name already exists.',
];

describe('the replies of one request', () => {
  it.each(OUTAGES)('are a failure when one of them is %s', (error) => {
    const failure = { result: 'failure', kind: 'unavailable' };
    expect(classifyReplies([{ error }])).toEqual(failure);
    expect(classifyReplies(['OK', null, { error: DENIALS[0] ?? '' }, { error }, { error: ANSWERS[0] ?? '' }])).toEqual(
      failure,
    );
  });

  it.each(QUOTAS)('are a failure of the quota when one of them is %s', (error) => {
    expect(classifyReplies(['OK', { error }])).toEqual({ result: 'failure', kind: 'quota' });
  });

  it.each(DENIALS)('say nothing when one of them is %s', (error) => {
    expect(classifyReplies([{ error }])).toEqual({ result: 'neutral' });
    expect(classifyReplies([{ error }, 'OK', { error: ANSWERS[0] ?? '' }])).toEqual({ result: 'neutral' });
  });

  it.each(ANSWERS)('are a success although one of them is %s', (error) => {
    expect(classifyReplies([{ error }])).toEqual({ result: 'success' });
  });

  it('are a success when they are values, nil, or texts that look like errors', () => {
    expect(classifyReplies([])).toEqual({ result: 'success' });
    expect(classifyReplies([null, 0, '', [], 'LOADING is only a value here'])).toEqual({ result: 'success' });
  });

  it.each([
    "ERR The user executing the script can't run this command or subcommand script: f00, on @user_script:1.",
    "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
    'ERR The user executing the script is lacking the permissions for the command',
    "ERR ACL failure in script: User ann has no permissions to run the 'set' command script: f00, on @user_script:1.",
    "EXECABORT Transaction discarded because of: NOPERM this user has no permissions to run the 'exec' command",
  ])('say nothing when a script, or EXEC, was not permitted: %s', (error) => {
    expect(classifyReplies([[1, [{ error }]]])).toEqual({ result: 'neutral' });
    expect(replyError({ error })).toMatchObject({ kind: 'auth', message: 'Redis cannot serve: NOPERM' });
  });

  it.each([
    ...['OOM', 'READONLY', 'MISCONF', 'NOREPLICAS'].map((code) => `${code} x script: f00, on @user_script:1.`),
    "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.",
  ])('are a failure when a script, or EXEC, could not be served: %s', (error) => {
    expect(classifyReplies([[1, [{ error }]]])).toEqual({ result: 'failure', kind: 'unavailable' });
  });

  it('are a matter of the first word alone: LOADINGS and loading are not LOADING', () => {
    for (const error of ['LOADINGS x', 'loading x', 'ERR LOADING x', ' LOADING x', 'ASKING x']) {
      expect(classifyReplies([{ error }])).toEqual({ result: 'success' });
    }
  });
});

describe('an error instead of replies', () => {
  const kinds: Readonly<Record<StoreErrorKind, 'failure' | 'neutral'>> = {
    network: 'failure',
    http: 'failure',
    protocol: 'failure',
    quota: 'failure',
    unavailable: 'failure',
    auth: 'neutral',
    aborted: 'neutral',
    local: 'neutral',
  };

  it.each(Object.entries(kinds) as [StoreErrorKind, string][])('of kind %s is a %s', (kind, result) => {
    expect(classifyError(new StoreError(kind, 'x'))).toMatchObject({ result });
  });

  it('hands on how long the server wants to be left alone', () => {
    const error = new StoreError('http', 'x', { status: 429, retryAfterMs: 5_000 });
    expect(classifyError(error)).toEqual({ result: 'failure', kind: 'http', retryAfterMs: 5_000 });
  });

  it('is a failure when the deadline passed', () => {
    expect(classifyError(new DeadlineError(1_000, false))).toEqual({ result: 'failure', kind: 'deadline' });
  });

  it.each([
    new CommandError('ERR', 'x'),
    new CircuitOpenError(5),
    new ConfigError('url', 'x'),
    new Error('of another make'),
    undefined,
  ])('says nothing when it is not about the store: %s', (error) => {
    expect(classifyError(error)).toEqual({ result: 'neutral' });
  });

  it('is told by its code, whichever copy of the class made it', () => {
    const copy = Object.assign(new Error('x'), { code: 'STORE', kind: 'network' });
    expect(classifyError(copy)).toMatchObject({ result: 'failure', kind: 'network' });
    expect(classifyError(Object.assign(new Error('x'), { code: 'DEADLINE' }))).toMatchObject({ kind: 'deadline' });
    expect(asKvError(copy)).toBe(copy);
  });

  it('of another make is wrapped, with itself as the cause', () => {
    const cause = new Error('token=secret');
    expect(asKvError(cause)).toMatchObject({ code: 'STORE', kind: 'protocol', message: 'The store failed', cause });
    expect(asKvError('secret')).toMatchObject({ message: 'The store failed', cause: 'secret' });
  });
});

describe('the error for a refused command', () => {
  it.each([
    [
      'WRONGTYPE Operation against a key holding the wrong kind of value',
      'WRONGTYPE',
      ' (Operation against a key holding the wrong kind of value)',
    ],
    ['ERR value is not an integer or out of range', 'ERR', ' (value is not an integer or out of range)'],
    ["ERR wrong number of arguments for 'get' command", 'ERR', ' (wrong number of arguments)'],
    ['ERR something that quotes a key', 'ERR', ''],
    ['no code at all', 'ERR', ''],
    ['', 'ERR', ''],
    ['MYERROR', 'MYERROR', ''],
  ])('for %j has the code %s and says no more than is known to be harmless', (error, replyCode, explanation) => {
    expect(replyError({ error })).toMatchObject({
      code: 'COMMAND',
      replyCode,
      message: `Redis refused the command: ${replyCode}${explanation}`,
    });
  });

  it.each([...OUTAGES, ...DENIALS])('is one of the store for %s', (error) => {
    const word = error.split(' ', 1)[0];
    const message = `Redis cannot serve: ${word}`;
    expect(replyError({ error })).toMatchObject({ code: 'STORE', message, replyCode: word });
  });

  it.each(QUOTAS)('names the quota for %s', (error) => {
    expect(replyError({ error })).toMatchObject({ code: 'STORE', kind: 'quota', message: 'Redis cannot serve: quota' });
  });

  /** Every text in which Redis, Valkey, Lua or Upstash repeat what they were given, with `#` for that. */
  const QUOTING = [
    "ERR unknown command '#', with args beginning with: '#' '#' ",
    'ERR unknown command `#`, with args beginning with: `#`, `#`, ',
    "ERR unknown subcommand '#'. Try CLIENT HELP.",
    "ERR wrong number of arguments for '#' command",
    "ERR Unknown subcommand or wrong number of arguments for '#'. Try CONFIG HELP.",
    'ERR Error running script (call to f_#): @user_script:1: user_script:1: #',
    'ERR user_script:1: # script: abc, on @user_script:1.',
    "ERR Error compiling script (new function): user_script:1: '=' expected near '#'",
    'ERR #',
    '#',
    '# ERR',
    'ERR Function # not found',
    "ERR Unknown option or number of arguments for CONFIG SET - '#'",
    "ERR CONFIG SET failed (possibly related to argument '#') - #",
    'ERR invalid DB index #',
    'ERR Protocol error: invalid multibulk length #',
    "ERR No such user '#'",
    "ERR Error in ACL SETUSER modifier '#': Syntax error",
    'WRONGPASS invalid username-password pair or user is disabled. #',
    "NOPERM this user has no permissions to run the '#' command",
    "NOPERM User # has no permissions to access the '#' key",
    "NOPERM No permissions to access a key '#'",
    'MOVED 3999 #:6381',
    'ASK 3999 #:6381',
    "CROSSSLOT Keys in request don't hash to the same slot #",
    'NOSCRIPT No matching script. Please use EVAL. #',
    "NOGROUP No such key '#' or consumer group '#' in XREADGROUP with GROUP option",
    'UNBLOCKED # force unblock from blocking operation',
    "READONLY # You can't write against a read only replica.",
    'LOADING #',
    'OOM #',
    'ERR max requests limit exceeded # Limit: 10000',
    'EXECABORT # Transaction discarded because of previous errors.',
    'ERR value is not an integer or out of range #',
    'WRONGTYPE # Operation against a key holding the wrong kind of value',
  ];

  it.each([
    ['WRONGTYPE Operation against a key holding the wrong kind of value', undefined],
    ['NOSCRIPT No matching script. Please use EVAL.', undefined],
    ["ERR invalid expire time in 'set' command", 'ERR invalid expire time'],
    ['MYERR the words of a script', 'MYERR'],
    ['in lower case', 'ERR'],
  ])('keeps of "%s" what it does not quote, in the words of Redis', (error, kept = error) => {
    const refused = replyError({ error });
    expect(refused instanceof CommandError && refusalText(refused)).toBe(kept);
  });

  it('never repeats what the reply quotes', () => {
    const secret = fc
      .string({ minLength: 4, maxLength: 40 })
      .map((text) => `sk_${text.replace(/[^a-z0-9_:{}'" \n\r]/gi, 'x')}_Zq7`);
    fc.assert(
      fc.property(fc.constantFrom(...QUOTING), secret, (text, hidden) => {
        const error = replyError({ error: text.replaceAll('#', () => hidden) });
        const said = `${error.message} ${error.stack?.split('\n')[0]} ${JSON.stringify(error)} ${String(error.cause)}`;
        expect(said).not.toContain(hidden);
        expect(said).not.toContain('_Zq7');
        if (error instanceof CommandError) expect(refusalText(error)).not.toContain('_Zq7');
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('that Redis asks for a script', () => {
  it.each([
    [new CommandError('NOSCRIPT', 'refused'), true],
    [replyError({ error: 'NOSCRIPT No matching script.' }), true],
    [new CommandError('ERR', 'NOSCRIPT'), false],
    [new StoreError('protocol', 'NOSCRIPT', { replyCode: 'NOSCRIPT' }), false],
    [Object.assign(new Error('of another make'), { replyCode: 'NOSCRIPT' }), false],
    [null, false],
    [undefined, false],
    ['NOSCRIPT', false],
    [['NOSCRIPT'], false],
  ])('%# is known by its code', (answer, asks) => {
    expect(isNoScript(answer)).toBe(asks);
  });
});
