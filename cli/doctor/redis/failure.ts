import { isKvError } from '../../../lib/errors.ts';
import { toFailure } from '../../failure.ts';
import { type Finding, finding } from '../finding.ts';
import type { Place } from './tls-look.ts';

/** Codes of Node's, as far as they say what kind of failure it is. */
const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/^(?:ENOTFOUND|EAI_AGAIN|EAI_NONAME)$/, 'name'],
  [/^ECONNREFUSED$/, 'refused'],
  [
    /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_TLS_CERT_ALTNAME_INVALID)$/,
    'certificate',
  ],
  [/^(?:ERR_SSL_\w+|EPROTO)$/, 'tls'],
  [/^(?:ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT)$/, 'silence'],
];

type Kind = 'name' | 'refused' | 'certificate' | 'tls' | 'silence' | 'broken';

/** What a failure to reach Redis comes from, as something to be mended. */
export function reachFinding(error: unknown, variable: string, place: Place | undefined, otherWay: boolean): Finding {
  if (!isKvError(error)) return broken(variable);
  if (error.code === 'CONFIG') {
    return finding('invalid-setting', toFailure(error, { stopped: false }).message, `Correct ${variable}`);
  }
  if (error.code !== 'STORE') return broken(variable);
  switch (error.kind) {
    case 'auth':
      return denied(variable, error.status);
    case 'quota':
      return usedUp();
    case 'unavailable':
      return variable === 'REDIS_SENTINELS' ? noPrimary() : notServing(error.replyCode);
    case 'http':
      return finding(
        'endpoint-failing',
        `The endpoint answers with status ${error.status ?? 'unknown'}`,
        error.status === 429
          ? 'Wait, or raise the rate of the plan'
          : 'Look at the status of the provider, and try again',
      );
    case 'protocol':
      return finding(
        'not-an-endpoint',
        `What ${variable} names answers, and not as the REST endpoint of Upstash does`,
        'Copy the URL of the REST endpoint again, https://<name>.upstash.io, without a path and without redirects',
      );
    default:
      return otherWay
        ? tls(variable, place)
        : unreached(error.kind === 'aborted' ? 'silence' : kindOf(error), variable, place);
  }
}

/** Whether a look the other way could tell more: the connection came to nothing, for no reason that is known. */
export function isUnexplained(error: unknown): boolean {
  if (!isKvError(error) || error.code !== 'STORE') return false;
  return (
    error.kind === 'aborted' ||
    (error.kind === 'network' && !['name', 'refused', 'certificate'].includes(kindOf(error)))
  );
}

function unreached(kind: Kind, variable: string, place: Place | undefined): Finding {
  switch (kind) {
    case 'name':
      return finding(
        'name-not-found',
        `The name of the host in ${variable} is not found`,
        'Look for a typing error, whether the database was deleted, and whether this machine has a network',
      );
    case 'refused':
      return finding(
        'connection-refused',
        `Nobody listens where ${variable} says`,
        'Start Redis there, or correct host and port; from a container, localhost is the container',
      );
    case 'certificate':
      return finding(
        'certificate-not-trusted',
        `The certificate of the host in ${variable} is not trusted here`,
        'Let NODE_EXTRA_CA_CERTS name the certificate of its authority, or use the name of the host that it is made for',
      );
    case 'tls':
      return tls(variable, place);
    case 'silence':
      return finding(
        'no-answer',
        `What ${variable} names does not answer in time`,
        'Look at firewalls, allow lists of addresses and private networks: packets are swallowed, not refused',
      );
    default:
      return broken(variable);
  }
}

function tls(variable: string, place: Place | undefined): Finding {
  const http = /REST/.test(variable);
  const [have, want] = [http ? 'https' : 'rediss', http ? 'http' : 'redis'];
  if (place?.secure !== false) {
    const what = `${variable} asks for TLS, and the other end does not speak it`;
    return finding(
      'tls-mismatch',
      what,
      `Begin it with ${want}://, on this machine or a private network only, or correct the port`,
    );
  }
  return finding(
    'tls-mismatch',
    `The other end speaks TLS, and ${variable} does not ask for it`,
    `Begin it with ${have}://`,
  );
}

function denied(variable: string, status: number | undefined): Finding {
  if (status !== undefined || /REST/.test(variable)) {
    const what = `The endpoint refuses the token${status === undefined ? '' : ` with status ${status}`}`;
    return finding(
      'wrong-credentials',
      what,
      `Copy ${variable.replace('_URL', '_TOKEN')} again, of the same database as the URL`,
    );
  }
  const where =
    variable === 'REDIS_URL' ? 'user and password in REDIS_URL, percent-encoded' : 'REDIS_USERNAME and REDIS_PASSWORD';
  return finding('wrong-credentials', 'Redis refuses the credentials, or wants some and got none', `Correct ${where}`);
}

export function usedUp(): Finding {
  return finding(
    'plan-used-up',
    'The plan is used up, or the database suspended: nothing is served until that changes',
    'Raise the plan at the provider, or wait for the next day or month; docs/limits.md says how leases save requests',
  );
}

export function notServing(replyCode: string | undefined): Finding {
  const what = `Redis is there and does not serve${replyCode === undefined ? '' : `: ${replyCode}`}`;
  return finding('redis-not-serving', what, 'Wait while it loads or fails over; look into its log if it goes on');
}

function noPrimary(): Finding {
  const what = 'The sentinels name no primary that serves';
  return finding(
    'redis-not-serving',
    what,
    'Look whether they call it as REDIS_SENTINEL_NAME says; else wait for the failover',
  );
}

function broken(variable: string): Finding {
  const what = `The connection to what ${variable} names breaks off`;
  const fix = /REST/.test(variable)
    ? 'Look whether host and port are right: a Redis itself speaks no REST, and is named by REDIS_URL'
    : 'Look whether it is a Redis, and whether host and port are right';
  return finding('connection-broken', what, fix);
}

function kindOf(error: unknown): Kind {
  const codes = [...codesIn(error)];
  for (const [pattern, kind] of KINDS) if (codes.some((code) => pattern.test(code))) return kind;
  return 'broken';
}

/** Of an error, its causes, and the errors of several addresses. */
function* codesIn(error: unknown, depth = 0): Generator<string> {
  if (typeof error !== 'object' || error === null || depth > 5) return;
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  if (typeof code === 'string') yield code;
  yield* codesIn(cause, depth + 1);
  if (Array.isArray(errors)) for (const one of errors.slice(0, 8)) yield* codesIn(one, depth + 1);
}
