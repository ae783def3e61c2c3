-- API keys on record: their digests, never the keys themselves.
create table if not exists "breakwater_api_keys" (
  id text collate "C" primary key,
  -- To end a key by hand, set this to 'revoked'. Caches hear of it when their entries end.
  status text not null check (status in ('active', 'revoked')),
  -- One more with every change.
  generation bigint not null,
  -- Unix milliseconds.
  created_at bigint not null,
  -- All that is known of the key, as JSON. Not jsonb, which cannot hold every string: \u0000 and lone surrogates.
  record text not null
);
create index if not exists "breakwater_api_keys_active" on "breakwater_api_keys" (created_at, id) where status = 'active';

-- Every digest that has ever led to a key: the record says which of them still do.
create table if not exists "breakwater_api_keys_digests" (
  kid text not null,
  digest text not null,
  id text collate "C" not null references "breakwater_api_keys" (id) on delete cascade,
  primary key (kid, digest)
);
create index if not exists "breakwater_api_keys_digests_id" on "breakwater_api_keys_digests" (id);
