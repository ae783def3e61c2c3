export type { Unavailable } from '../unavailable.ts';
export { createCodes } from './codes.ts';
export type { CodeAccount, CodeAnswer, CodeCheck, CodeIssue, Codes, CodesOptions } from './codes-options.ts';
