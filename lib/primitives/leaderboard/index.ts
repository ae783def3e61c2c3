export type { Unavailable } from '../unavailable.ts';
export { createLeaderboard } from './leaderboard.ts';
export type { BoardRead, Leaderboard, LeaderboardOptions, SetScoreOptions, Standing } from './leaderboard-options.ts';
export type { Period } from './periods.ts';
