import { OTHER_POLICIES } from './meter.ts';
import type { MetricsSnapshot, PolicyCounts } from './snapshot.ts';

/** Headers may have 16 KB in all, of which an identity may take most. */
export const MAX_TEXT = 5_900;
const MAX_POLICIES_TEXT = 1_900;
const MAX_CHANGES = 12;
const MAX_ACCOUNTS = 8;
/** Two counts of twelve digits, and what stands around them. */
const PER_POLICY = 50;

/**
 * A snapshot as a header can carry it: JSON in ASCII, of at most {@link MAX_TEXT} characters. What does not fit is left out
 * of the lists, and policies that do not are counted together. They are the ones that came last, and always the same, so
 * that no count is ever less than it was.
 */
export function snapshotText(snapshot: MetricsSnapshot): string {
  const policies = foldedPolicies(snapshot.policies);
  let transitions = snapshot.transitions.slice(-MAX_CHANGES);
  let busiest = snapshot.busiest.slice(0, MAX_ACCOUNTS);
  for (;;) {
    const text = asciiJson({ ...snapshot, policies, transitions, busiest });
    if (text.length <= MAX_TEXT || transitions.length + busiest.length === 0) return text;
    if (busiest.length > 0) busiest = busiest.slice(0, -1);
    else transitions = transitions.slice(1);
  }
}

function foldedPolicies(policies: MetricsSnapshot['policies']): MetricsSnapshot['policies'] {
  const folded = new Map<string, PolicyCounts>();
  let room = MAX_POLICIES_TEXT;
  for (const [name, counts] of Object.entries(policies)) {
    room -= asciiJson(name).length + PER_POLICY;
    const under = room >= 0 ? name : OTHER_POLICIES;
    const { allowed = 0, limited = 0 } = folded.get(under) ?? {};
    folded.set(under, { allowed: allowed + counts.allowed, limited: limited + counts.limited });
  }
  return Object.fromEntries(folded);
}

function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
