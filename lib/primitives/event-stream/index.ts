export type { SqlAnswer, SqlQuery } from '../../client/sql-query.ts';
export type { Unavailable } from '../unavailable.ts';
export { createEventStream } from './event-stream.ts';
export type {
  Appended,
  Drained,
  DrainOptions,
  EventPage,
  EventSink,
  EventStream,
  EventStreamOptions,
  EventStreamStats,
  ReadOptions,
  StreamEvent,
} from './event-stream-options.ts';
export { sqlEventSchema } from './sql-event-schema.ts';
export { type SqlEventSinkOptions, sqlEventSink } from './sql-event-sink.ts';
