-- Uses of keys by the day of UTC. What a key was used is the sum over the epochs: a new one begins where Redis has lost
-- its counts. Rows only ever grow; delete days that nobody needs any more, once Redis has forgotten them.
create table if not exists "breakwater_usage" (
  key_id text collate "C" not null,
  day date not null,
  epoch text collate "C" not null,
  n bigint not null,
  primary key (key_id, day, epoch)
);
create index if not exists "breakwater_usage_day" on "breakwater_usage" (day);
