import { constantTimeEqual, type Mac } from '../../client/crypto.ts';
import { readJson } from '../../client/json.ts';
import type { Clock } from '../../clock.ts';
import { METRICS_HEADER, signedText } from './sealed-snapshot.ts';
import type { MetricsSnapshot } from './snapshot.ts';
import { isMetricsSnapshot } from './snapshot-shape.ts';
import { MAX_TEXT } from './snapshot-text.ts';

/** Base64url of SHA-256, and a dot. */
const MAC_LENGTH = 43;
const MAX_AGE_MS = 60_000;

/**
 * What the middleware in front has counted, as of this request; `undefined` where it has not said so, within the last
 * minute, under this secret: nothing that a client sends is taken for it. Never throws.
 */
export async function openedSnapshot(mac: Mac, headers: Headers, clock: Clock): Promise<MetricsSnapshot | undefined> {
  const header = headers.get(METRICS_HEADER);
  if (header === null || header.length > MAC_LENGTH + 1 + MAX_TEXT || header[MAC_LENGTH] !== '.') return undefined;
  const text = header.slice(MAC_LENGTH + 1);
  if (!constantTimeEqual(header.slice(0, MAC_LENGTH), await mac(signedText(text)))) return undefined;
  const snapshot = readJson(text);
  if (!isMetricsSnapshot(snapshot)) return undefined;
  return Math.abs(clock.now() - snapshot.at) < MAX_AGE_MS ? snapshot : undefined;
}
