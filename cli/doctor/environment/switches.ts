import type { Check, DoctorContext } from '../check.ts';
import { type Finding, finding, ok } from '../finding.ts';
import { DEMO_VARIABLES } from './known-variables.ts';

/** What is on for an emergency, or for a demonstration, and is to be off again. */
export const switchesCheck: Check = {
  name: 'switches',
  group: 'Environment',
  async run(context) {
    const findings = [...emergency(context), ...demo(context)];
    return findings.length > 0 ? findings : [ok('nothing is on for an emergency or a demonstration')];
  },
};

function emergency({ settings }: DoctorContext): readonly Finding[] {
  if (settings.redisCache) return [];
  const what = 'ENABLE_REDIS_CACHE is false: limits and caches are local, and migrations read from the old side';
  return [finding('redis-cache-off', what, 'Unset it once the emergency is over')];
}

/** Those that are wrong besides are told among the settings. */
function demo({ read, refused }: DoctorContext): readonly Finding[] {
  const isSet = DEMO_VARIABLES.some((name) => read(name) !== undefined);
  return isSet && !DEMO_VARIABLES.some((name) => refused.has(name)) ? [demoVariables()] : [];
}

export function demoVariables(): Finding {
  const what = 'BREAKWATER_DEMO_* is set: whoever knows the token of the demo may take the store away';
  return finding(
    'demo-variables',
    what,
    'Unset them: the demo sets them by itself, for the application that it starts',
  );
}
