export type { Unavailable } from '../unavailable.ts';
export { createLinkTokens } from './link-tokens.ts';
export type { LinkIssue, LinkRedemption, LinkTokens, LinkTokensOptions } from './link-tokens-options.ts';
