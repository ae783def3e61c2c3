-- Sessions that have ended.
create table if not exists "breakwater_sessions" (
  -- No secret: nobody can be let in by it.
  id text collate "C" not null,
  -- As it stands in JSON, without the quotes; null for a session of nobody.
  user_id text,
  -- Unix milliseconds. An id of somebody else's making may begin anew, later.
  started_at bigint not null,
  ended_at bigint not null,
  reason text not null check (reason in ('destroyed', 'expired', 'revoked', 'rotated')),
  -- How often it was saved.
  version bigint not null,
  -- JSON. Not jsonb, which cannot hold every string: \u0000 and lone surrogates.
  data text not null,
  primary key (id, started_at)
);
create index if not exists "breakwater_sessions_user" on "breakwater_sessions" (user_id, ended_at);
