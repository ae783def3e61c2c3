/** How bad a finding is. Only a `problem` fails the command by itself. */
export type Severity = 'note' | 'warning' | 'problem';

/** Everything that doctor can find, and how bad it is. docs/doctor.md has a section for each, and a test compares them. */
export const FINDINGS = {
  'allows-everyone': 'problem',
  'client-ip-contradiction': 'warning',
  'demo-variables': 'problem',
  'example-secret': 'problem',
  'half-set': 'problem',
  'identity-secret-missing': 'warning',
  'invalid-setting': 'problem',
  'key-pepper-missing': 'warning',
  'memory-in-production': 'problem',
  'misspelt-variable': 'warning',
  'namespace-without-tag': 'problem',
  'no-client-ip': 'warning',
  'no-redis': 'note',
  'node-too-old': 'problem',
  'padded-value': 'note',
  'pasted-value': 'problem',
  'peer-missing': 'problem',
  'peer-out-of-range': 'warning',
  'redis-cache-off': 'warning',
  'redis-url-as-rest': 'problem',
  'rest-url-as-redis': 'problem',
  'same-secret-twice': 'warning',
  'several-stores': 'note',
  'short-secret': 'problem',
  'trusts-everyone': 'problem',
  unencrypted: 'problem',
  'code-pepper-missing': 'note',
  'session-pepper-missing': 'note',

  'cron-secret-missing': 'problem',
  'env-file-in-git': 'problem',
  'env-file-unread': 'note',
  'matcher-without-api': 'problem',
  'middleware-and-proxy': 'problem',
  'middleware-misplaced': 'problem',
  'public-secret': 'problem',
  'tcp-at-edge': 'problem',

  'certificate-not-trusted': 'problem',
  'check-unfinished': 'problem',
  'connection-broken': 'problem',
  'connection-refused': 'problem',
  'endpoint-failing': 'problem',
  'name-not-found': 'problem',
  'no-answer': 'problem',
  'not-an-endpoint': 'problem',
  'plan-used-up': 'problem',
  'redis-not-serving': 'problem',
  'tls-mismatch': 'problem',
  'wrong-credentials': 'problem',

  'clock-far-off': 'problem',
  'clock-skew': 'warning',
  'latency-high': 'warning',
  'latency-near-deadline': 'problem',

  'channels-not-permitted': 'warning',
  'cluster-by-url': 'problem',
  'command-unknown': 'problem',
  'keys-not-permitted': 'problem',
  'no-scripts': 'problem',
  'not-permitted': 'problem',
  'read-only-token': 'problem',
  'redis-too-old': 'problem',
  replica: 'problem',

  'evicts-anything': 'warning',
  'evicts-expiring': 'warning',
  'evicts-keys': 'problem',
  'memory-nearly-full': 'warning',
  'not-durable': 'problem',
  'save-failing': 'problem',

  'key-store-empty': 'note',
  'key-store-lost': 'problem',
  'migration-left': 'warning',
  'migration-underway': 'note',
  'plan-nearly-used': 'warning',
  'unknown-pepper': 'problem',
} as const;

export type FindingCode = keyof typeof FINDINGS;

/** Something that is not as it should be. No text of it holds a secret, a key or what somebody else has written. */
export interface Finding {
  readonly level: Severity;
  readonly code: FindingCode;
  /** What was found, in one sentence. */
  readonly what: string;
  /** What to do about it now. */
  readonly fix: string;
  /** A command line that does it, where there is one. */
  readonly command?: string | undefined;
  /** Where more is said of it. */
  readonly docs: string;
}

/** What a check has to say where it found nothing: that all is well, or why nobody could look. */
export interface Remark {
  readonly level: 'ok' | 'skipped';
  readonly what: string;
}

export type Said = Finding | Remark;

export function finding(code: FindingCode, what: string, fix: string, command?: string): Finding {
  const found = { level: FINDINGS[code], code, what, fix, docs: `docs/doctor.md#${code}` };
  return command === undefined ? found : { ...found, command };
}

export function ok(what: string): Remark {
  return { level: 'ok', what };
}

export function skipped(what: string): Remark {
  return { level: 'skipped', what };
}

export function isFinding(said: Said): said is Finding {
  return said.level !== 'ok' && said.level !== 'skipped';
}
