import type { Mac } from '../../client/crypto.ts';
import type { MetricsSnapshot } from './snapshot.ts';
import { snapshotText } from './snapshot-text.ts';

/** Carries what the middleware has counted to a handler, whose memory is another one. Deleted from every request that comes in. */
export const METRICS_HEADER = 'x-breakwater-metrics';

/** The value of the header: at most 6,000 characters. Signed, since where no middleware runs the header is its sender's own. */
export async function sealedSnapshot(mac: Mac, snapshot: MetricsSnapshot): Promise<string> {
  const text = snapshotText(snapshot);
  return `${await mac(signedText(text))}.${text}`;
}

/** What is signed. Identities are signed with the same secret, and none of them begins so. */
export function signedText(text: string): string {
  return `metrics:${text}`;
}
