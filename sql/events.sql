-- Events drained from streams in Redis, each of them once.
create table if not exists "breakwater_events" (
  stream text not null,
  -- As Redis gave it. It may come again once a stream has been lost, and never in the same batch.
  id text not null,
  batch text not null,
  -- When it was appended, by the clock of Redis: Unix milliseconds.
  at bigint not null,
  event jsonb not null,
  primary key (stream, id, batch)
);
create index if not exists "breakwater_events_at" on "breakwater_events" (stream, at);
