import type { Check, DoctorContext } from '../check.ts';
import { type Finding, finding, ok } from '../finding.ts';
import { secretsIn } from './known-variables.ts';
import { MAKE_ANOTHER, MAKE_SECRET } from './settings.ts';

/** Those that somebody has to think up. Tokens and passwords are given by others. */
const MADE = [
  'BREAKWATER_KEY_PEPPER',
  'BREAKWATER_IDENTITY_SECRET',
  'BREAKWATER_CODE_PEPPER',
  'BREAKWATER_SESSION_PEPPER',
  'BREAKWATER_METRICS_TOKEN',
  'CRON_SECRET',
];
/** What stands on pages, and in everybody’s files. */
export const EXAMPLE_SECRET: RegExp =
  /change[-_ ]?(?:me|this)|your[-_ ]|example|placeholder|replace[-_ ]?(?:me|this)|xxxx|p[a4]ssw[o0]rd|(?:my|test|dev|super)[-_ ]?secret|01234567|12345678|abcdefgh/i;
const MIN_LETTERS = 8;
/** What `/api/cron/*` asks for. */
const MIN_CRON = 16;

/** Secrets: there, long enough, of nobody else's, each for one thing. */
export const secretsCheck: Check = {
  name: 'secrets',
  group: 'Environment',
  async run(context) {
    const findings = [...examples(context), ...twice(context), ...shortCron(context), ...missing(context)];
    return findings.length > 0 ? findings : [ok('none is missing, short, an example, or used for two things')];
  },
};

/** What is secret of a variable; of a pepper that is not its name. */
function secretOf(name: string, { env }: DoctorContext): string | undefined {
  return secretsIn(name, env[name]).at(-1);
}

function examples(context: DoctorContext): readonly Finding[] {
  return MADE.flatMap((name) => {
    const secret = secretOf(name, context);
    // What is too short is told as such.
    if (secret === undefined || secret.length < MIN_CRON || context.refused.has(name)) return [];
    if (!EXAMPLE_SECRET.test(secret) && new Set(secret).size >= MIN_LETTERS) return [];
    const what = `${name} is an example, or can be guessed`;
    return [finding('example-secret', what, MAKE_ANOTHER, MAKE_SECRET)];
  });
}

function twice(context: DoctorContext): readonly Finding[] {
  const names = new Map<string, string[]>();
  for (const name of MADE) {
    const secret = secretOf(name, context);
    if (secret !== undefined) names.set(secret, [...(names.get(secret) ?? []), name]);
  }
  return [...names.values()]
    .filter((group) => group.length > 1)
    .map((group) =>
      finding(
        'same-secret-twice',
        `${group.join(' and ')} hold the same secret: who learns one of them has the other`,
        'Give each its own',
        MAKE_SECRET,
      ),
    );
}

function shortCron(context: DoctorContext): readonly Finding[] {
  const secret = secretOf('CRON_SECRET', context);
  if (secret === undefined || /^[ -~]{16,1024}$/.test(secret)) return [];
  const what = `CRON_SECRET must have ${MIN_CRON} to 1024 characters of ASCII: the cron job is refused with 503`;
  return [finding('short-secret', what, MAKE_ANOTHER, MAKE_SECRET)];
}

function missing(context: DoctorContext): readonly Finding[] {
  const { production, project, read } = context;
  const isMissing = (name: string) => read(name) === undefined;
  const findings: Finding[] = [];
  if (isMissing('BREAKWATER_IDENTITY_SECRET') && (production || project.door)) {
    const what =
      'BREAKWATER_IDENTITY_SECRET is not set: no identity is handed on, and handlers that ask for one answer 401';
    findings.push(finding('identity-secret-missing', what, 'Set it, everywhere the same', MAKE_SECRET));
  }
  if (project.cronPath !== undefined && isMissing('CRON_SECRET') && production) {
    const what = `vercel.json calls ${project.cronPath}, and CRON_SECRET is not set: it answers 503 each time`;
    findings.push(finding('cron-secret-missing', what, 'Set it in the project on Vercel', MAKE_SECRET));
  }
  if (!production) return findings;
  if (isMissing('BREAKWATER_KEY_PEPPER')) {
    const what = 'BREAKWATER_KEY_PEPPER is not set: keys are on record as plain SHA-256';
    const fix =
      'Set it to p1:<secret>, and BREAKWATER_KEY_PEPPER_PREVIOUS to plain, so that keys of before go on working';
    findings.push(finding('key-pepper-missing', what, fix, MAKE_SECRET));
  }
  if (isMissing('BREAKWATER_CODE_PEPPER')) {
    const what = 'BREAKWATER_CODE_PEPPER is not set: one-time codes of breakwater/mfa are refused in production';
    findings.push(finding('code-pepper-missing', what, 'If you use them, set it', MAKE_SECRET));
  }
  if (isMissing('BREAKWATER_SESSION_PEPPER')) {
    const what = 'BREAKWATER_SESSION_PEPPER is not set: ids of sessions are on record as plain SHA-256';
    findings.push(
      finding('session-pepper-missing', what, 'If you use sessions, set it; those of before end', MAKE_SECRET),
    );
  }
  return findings;
}
