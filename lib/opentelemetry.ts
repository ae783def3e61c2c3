export { type OpenTelemetryApi, type OpenTelemetryOptions, openTelemetry } from './client/opentelemetry.ts';
export type { Telemetry } from './client/telemetry.ts';
