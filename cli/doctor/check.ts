import type { Read } from '../../lib/config/variables.ts';
import type { Settings } from '../../lib/config.ts';
import type { ConfigError } from '../../lib/errors.ts';
import type { Environment } from './environment/env-file.ts';
import type { Said } from './finding.ts';
import type { Project } from './project/project.ts';
import type { Probe } from './redis/probe.ts';

/** What a check has to look at. */
export interface DoctorContext {
  /** As it was given. */
  readonly given: Environment;
  /** Without what was pasted around the values, so that each mistake is told once. */
  readonly env: Environment;
  readonly read: Read;
  /** What the environment says, without the variables that were refused. */
  readonly settings: Settings;
  /** Why they were refused. */
  readonly refusals: readonly ConfigError[];
  /** Every variable that was left out. */
  readonly refused: ReadonlySet<string>;
  readonly production: boolean;
  readonly project: Project;
  /** Where Breakwater itself is installed. */
  readonly packageFolder: string;
  /** Node's own, without the `v`. */
  readonly nodeVersion: string;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** As much as a check has once Redis answers. */
export interface OnlineContext extends DoctorContext {
  readonly redis: Probe;
}

export type Group = 'Environment' | 'Project' | 'Connection' | 'Redis' | 'Data';

/** One thing to look at. A check that does not apply says nothing. */
export interface Check<Context = DoctorContext> {
  readonly name: string;
  readonly group: Group;
  run(context: Context): Promise<readonly Said[]>;
}
