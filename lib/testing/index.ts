export { type ManualClock, manualClock } from './manual-clock.ts';
export { type PendingRequest, type ScriptedStore, scriptedStore } from './scripted-store.ts';
