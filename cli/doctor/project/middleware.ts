import type { Check, DoctorContext } from '../check.ts';
import { type Finding, finding, ok } from '../finding.ts';
import { coversApi, matchersIn } from './matcher.ts';

/** Whether Next runs the middleware, and for what it is there for. */
export const middlewareCheck: Check = {
  name: 'middleware',
  group: 'Project',
  async run(context) {
    const { project } = context;
    if (project.doors.length === 0) return [];
    const findings = [...both(context), ...misplaced(context), ...matcher(context)];
    return findings.length > 0 ? findings : [ok(`${project.door?.path} runs, and covers /api`)];
  },
};

function both({ project: { doors } }: DoctorContext): readonly Finding[] {
  const [middleware, proxy] = ['middleware', 'proxy'].map((name) =>
    doors.find(({ path }) => path.includes(`${name}.`)),
  );
  if (!middleware || !proxy) return [];
  const what = `${middleware.path} and ${proxy.path} are both there: Next builds with one of them only`;
  return [
    finding('middleware-and-proxy', what, `Keep ${proxy.path} to run on Node, or ${middleware.path} for the Edge`),
  ];
}

function misplaced({ project: { doors, base } }: DoctorContext): readonly Finding[] {
  return doors
    .filter(({ path }) => path.startsWith('src/') !== (base === 'src/'))
    .map(({ path }) => {
      const name = path.replace(/^src\//, '');
      const what = `${path} is not beside app or pages: Next never runs it, and nothing is guarded`;
      return finding('middleware-misplaced', what, `Move it to ${base}${name}`);
    });
}

function matcher({ project: { door, hasApi } }: DoctorContext): readonly Finding[] {
  const matchers = door && hasApi ? matchersIn(door.text) : undefined;
  if (!door || matchers === undefined || matchers.length === 0 || coversApi(matchers)) return [];
  const what = `The matcher of ${door.path} leaves /api out: no handler there is guarded`;
  return [finding('matcher-without-api', what, "Let it cover them: matcher: ['/api/:path*']")];
}
