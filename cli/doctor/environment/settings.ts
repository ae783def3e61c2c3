import type { ConfigError } from '../../../lib/errors.ts';
import type { Check, DoctorContext } from '../check.ts';
import { type Finding, finding, ok } from '../finding.ts';
import { DEMO_VARIABLES, KNOWN_VARIABLES } from './known-variables.ts';
import { pastedAround } from './reading.ts';
import { demoVariables } from './switches.ts';

/** Whether an application would start with these variables: all that it would refuse, at once. */
export const settingsCheck: Check = {
  name: 'settings',
  group: 'Environment',
  async run(context) {
    const findings = [...pasted(context), ...context.refusals.map((error) => refusal(error, context))];
    const set = KNOWN_VARIABLES.filter((name) => context.read(name) !== undefined).length;
    return findings.length > 0 ? findings : [ok(set === 0 ? 'none is set' : `${set} set, all well-formed`)];
  },
};

function pasted({ given }: DoctorContext): readonly Finding[] {
  return KNOWN_VARIABLES.flatMap((name) => {
    const value = given[name];
    const around = pastedAround(name, value);
    if (around !== undefined) {
      return [
        finding(
          'pasted-value',
          `The value of ${name} has ${around} in it`,
          `Set ${name} again without: a dashboard takes the bare value, quotes belong into .env files and shells only`,
        ),
      ];
    }
    if (value === undefined || value === value.trim() || value.trim() === '') return [];
    return [
      finding(
        'padded-value',
        `The value of ${name} has white space around it`,
        'Breakwater takes it off; set it again without, for others that read the variable may not',
      ),
    ];
  });
}

/** The texts of ConfigErrors name variables, and never values. */
function refusal(error: ConfigError, { read }: DoctorContext): Finding {
  const { setting: variable, message } = error;
  const value = read(variable) ?? '';
  if (DEMO_VARIABLES.includes(variable)) return demoVariables();
  if (/must be set (?:together )?w(?:ith|hen)/.test(message)) {
    return finding('half-set', message, 'Set what is missing, or unset the rest: nothing starts with a half');
  }
  if (variable === 'REDIS_URL' && /^https?:/i.test(value)) {
    return finding(
      'rest-url-as-redis',
      'REDIS_URL holds the URL of a REST endpoint',
      'Put it into KV_REST_API_URL, with its token in KV_REST_API_TOKEN; REDIS_URL is for redis:// and rediss://',
    );
  }
  if (/REST/.test(variable) && /^rediss?:/i.test(value)) {
    return finding(
      'redis-url-as-rest',
      `${variable} holds a URL for Redis by TCP`,
      `Put it into REDIS_URL, and the https URL of the REST endpoint into ${variable}`,
    );
  }
  if (message.includes('hash tag')) {
    return finding(
      'namespace-without-tag',
      'REDIS_CLUSTER_NODES names a Cluster, and BREAKWATER_NAMESPACE has no hash tag',
      'Set BREAKWATER_NAMESPACE to something like {app}: so that the keys of one request are in one slot',
    );
  }
  if (/characters/.test(message) && /SECRET|PEPPER|TOKEN/.test(variable)) {
    return finding('short-secret', message, MAKE_ANOTHER, MAKE_SECRET);
  }
  return finding('invalid-setting', message, `Correct ${variable}: an application does not start with it`);
}

export const MAKE_ANOTHER = 'Make one that nobody guesses';
export const MAKE_SECRET = 'node -p "crypto.randomBytes(32).toString(\'base64url\')"';
