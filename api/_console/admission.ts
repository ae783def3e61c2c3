import { readConsoleSettings } from '../../lib/config.ts';
import { getDefaults, onDefaultClient } from '../../lib/default-client.ts';
import { createAccessLists } from '../../lib/guard/access-lists.ts';
import { readCredential } from '../../lib/guard/credentials.ts';
import { deny, type Refusal } from '../../lib/guard/decision.ts';
import { problem } from '../../lib/guard/problem.ts';
import { toResponse } from '../../lib/guard/respond.ts';
import { coversScopes } from '../../lib/keys/scopes.ts';
import { refusalOfDemo } from './demo-caller.ts';

/** Leave to see the console. */
export interface Leave {
  /**
   * Whether it still holds: a key may have been revoked. It does while nobody can say, since an outage is what people watch.
   * 0 requests to Redis for a key that is known here, else 1.
   */
  holds(): Promise<boolean>;
}

const SCOPES = ['admin'];
const accessLists = onDefaultClient('console-access', ({ settings }) => createAccessLists(settings.lists));

/**
 * Leave for a request to see the console, or the answer to one that has none: 404 where there is no console. It asks for
 * the key by itself, since no guard stands before these paths: they shall cost no limit, nor be among what they show.
 */
export async function admit(request: Request): Promise<Leave | Response> {
  const { isOn, demo } = readConsoleSettings();
  if (demo) return (await refusalOfDemo(request, demo)) ?? { holds: async () => true };
  if (!isOn) return absent();
  const refusal = await refusalOf(request.headers);
  return refusal ? toResponse(refusal) : { holds: async () => !isDefinite(await refusalOf(request.headers)) };
}

/** As for any path where there is nothing. */
export function absent(): Response {
  return problem(404, 'not-found', 'There is nothing here.');
}

function isDefinite(refusal: Refusal | undefined): boolean {
  return refusal?.status === 401 || refusal?.status === 403;
}

async function refusalOf(headers: Headers): Promise<Refusal | undefined> {
  const { keys, clientIp } = getDefaults();
  const credential = readCredential(headers);
  if (credential === undefined || credential === '') return deny(401, 'api-key-missing');
  const lists = accessLists();
  if (lists.ofClient(headers, clientIp) === 'deny') return deny(403, 'address-denied');
  const validation = await keys.validate(credential, { client: clientIp(headers) });
  switch (validation.status) {
    case 'INVALID':
      return deny(401, validation.reason === 'malformed' ? 'api-key-malformed' : 'api-key-invalid');
    case 'UNAVAILABLE': {
      const { reason, retryAfterMs } = validation;
      if (reason === 'locked') return deny(429, 'too-many-unknown-keys', { retryAfterMs });
      return deny(503, 'key-store-unavailable', { retryAfterMs });
    }
    case 'VALID':
      if (lists.ofKey(validation.key.id) === 'deny') return deny(403, 'key-denied');
      return coversScopes(validation.key.scopes, SCOPES) ? undefined : deny(403, 'scope-missing', { scopes: SCOPES });
  }
}
