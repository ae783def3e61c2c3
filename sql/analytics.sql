-- Events by the day of UTC and by their dimensions, all of whose values are text: { "path": "/pricing" }.
create table if not exists "breakwater_analytics" (
  day date not null,
  event text collate "C" not null,
  dimensions jsonb not null,
  n bigint not null,
  primary key (day, event, dimensions)
);
create index if not exists "breakwater_analytics_event" on "breakwater_analytics" (event, day);

-- Which batches have been added to it, so that none is added twice. Drains delete what is old here.
create table if not exists "breakwater_analytics_batches" (
  id text collate "C" primary key,
  drained_at timestamptz not null
);
create index if not exists "breakwater_analytics_batches_age" on "breakwater_analytics_batches" (drained_at);
