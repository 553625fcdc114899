-- Deeds that wait for a person: what a tool is about to delete, publish or buy. The user for whom it would run sees it whole in the console and
-- decides. The deed is in the Vault until the decision, for ten minutes at most; no other row contains a value of it. The decision is
-- handed out once.

create table public.confirmations (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.users (id) on delete cascade,
  -- SHA-256 of the deed, by the MCP server.
  digest bytea not null check (octet_length(digest) = 32),
  -- `module.tool`, without a value.
  tools text[] not null,
  -- The name of the client or API token that it came from.
  client text,
  deed_secret_id uuid,
  deed_bytes integer not null,
  decision text check (decision in ('yes', 'no')),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '10 minutes',
  unique (user_id, digest)
);
create index on public.confirmations (expires_at);
create trigger drop_secrets after delete or update of deed_secret_id on public.confirmations
  for each row execute function private.drop_secrets('deed_secret_id');
-- Read and decided through the functions below.
alter table public.confirmations enable row level security;

-- Deletes expired deeds and the secrets of expired connections.
create or replace function private.drop_expired_secrets() returns void
language sql security definer set search_path = '' as $$
  delete from public.confirmations where id in (
    select id from public.confirmations where expires_at <= now() for update skip locked
  );
  update public.oauth_states set verifier_secret_id = null, access_secret_id = null, refresh_secret_id = null
  where state_hash in (
    select state_hash from public.oauth_states
    where expires_at <= now() and coalesce(verifier_secret_id, access_secret_id) is not null
    for update skip locked
  );
$$;

-- Stores a deed until its user decides: {"outcome": "ok", "id", "expires_at"}, the same for the same deed; or another outcome: user_disabled,
-- session_ended, too_many (eight wait already, or 8 MiB).
create function public.ask_confirmation(
  p_user uuid, p_session uuid, p_token uuid, p_digest text, p_tools text[], p_deed text
) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  limits record;
  held public.confirmations;
begin
  if not exists (select from public.users where id = p_user and disabled_at is null) then
    return '{"outcome": "user_disabled"}';
  end if;
  select * into limits from private.limits_of(p_user, p_session, p_token);
  if limits.alive is not true then
    return '{"outcome": "session_ended"}';
  end if;
  perform private.drop_expired_secrets();
  perform pg_advisory_xact_lock(hashtextextended('mcpist.confirmations.' || p_user, 0));
  select * into held from public.confirmations where user_id = p_user and digest = decode(p_digest, 'hex') and expires_at > now();
  if not found then
    if (
      select count(*) >= 8 or coalesce(sum(deed_bytes), 0) + octet_length(p_deed) > 8 * 1024 * 1024
      from public.confirmations where user_id = p_user and decision is null and expires_at > now()
    ) then
      return '{"outcome": "too_many"}';
    end if;
    insert into public.confirmations (user_id, digest, tools, client, deed_bytes, deed_secret_id)
    values (
      p_user, decode(p_digest, 'hex'), p_tools, limits.client, octet_length(p_deed),
      vault.create_secret(p_deed, null, 'MCPist: what waits for a person')
    )
    returning * into held;
  end if;
  return jsonb_build_object('outcome', 'ok', 'id', held.id, 'expires_at', held.expires_at);
end
$$;
grant execute on function public.ask_confirmation(uuid, uuid, uuid, text, text[], text) to service_role;

-- Returns what was decided about a deed: {"outcome": "ok", "decision": "pending", "yes", "no" or "unknown"}; or user_disabled, session_ended. A yes
-- or no is deleted with this answer, so exactly one caller gets it, on any replica.
create function public.take_confirmation(p_user uuid, p_session uuid, p_token uuid, p_digest text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  taken text;
begin
  if not exists (select from public.users where id = p_user and disabled_at is null) then
    return '{"outcome": "user_disabled"}';
  elsif not exists (select from private.limits_of(p_user, p_session, p_token) where alive) then
    return '{"outcome": "session_ended"}';
  end if;
  perform private.drop_expired_secrets();
  delete from public.confirmations
  where user_id = p_user and digest = decode(p_digest, 'hex') and decision is not null and expires_at > now()
  returning decision into taken;
  if not found then
    taken := case
      when exists (select from public.confirmations where user_id = p_user and digest = decode(p_digest, 'hex') and expires_at > now()) then 'pending'
      else 'unknown'
    end;
  end if;
  return jsonb_build_object('outcome', 'ok', 'decision', taken);
end
$$;
grant execute on function public.take_confirmation(uuid, uuid, uuid, text) to service_role;

-- Returns what waits for the caller, without the deeds.
create function public.my_confirmations() returns table (
  id uuid, tools text[], client text, created_at timestamptz, expires_at timestamptz
)
language plpgsql security definer set search_path = '' as $$
begin
  perform private.require_active();
  perform private.drop_expired_secrets();
  return query
    select c.id, c.tools, c.client, c.created_at, c.expires_at from public.confirmations c
    where c.user_id = auth.uid() and c.decision is null order by c.created_at;
end
$$;
grant execute on function public.my_confirmations() to authenticated;

-- Returns one of the caller's own, locked. Raises PT404 for every other id, PT410 after the decision.
create function private.own_confirmation(p_id uuid) returns public.confirmations
language plpgsql security definer set search_path = '' as $$
declare
  held public.confirmations;
begin
  perform private.require_active();
  perform private.drop_expired_secrets();
  select * into held from public.confirmations where id = p_id and user_id = auth.uid() and expires_at > now() for update;
  if not found then
    raise sqlstate 'PT404' using message = 'This confirmation does not exist or has expired.';
  elsif held.decision is not null then
    raise sqlstate 'PT410' using message = 'This has already been decided.';
  end if;
  return held;
end
$$;

-- Returns the whole deed from the MCP server: {"id", "deed", "client", "created_at", "expires_at"}. `deed` is JSON in a text, because the
-- database's own JSON cannot contain every text (NUL, unpaired surrogates).
create function public.confirmation(p_id uuid) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  held public.confirmations := private.own_confirmation(p_id);
begin
  return jsonb_build_object(
    'id', held.id, 'deed', private.secret(held.deed_secret_id), 'client', held.client, 'created_at', held.created_at,
    'expires_at', held.expires_at
  );
end
$$;
grant execute on function public.confirmation(uuid) to authenticated;

-- Stores the decision and deletes the deed. The decision waits for the MCP server until the ten minutes have passed.
create function public.decide_confirmation(p_id uuid, p_yes boolean) returns void
language plpgsql security definer set search_path = '' as $$
declare
  held public.confirmations := private.own_confirmation(p_id);
  answer constant text := case when p_yes then 'yes' else 'no' end;
begin
  if p_yes is null then
    raise not_null_violation using message = 'p_yes must be true or false.';
  end if;
  update public.confirmations set decision = answer, deed_secret_id = null where id = held.id;
  insert into public.audit_logs (user_id, action, client, outcome, detail)
  values (held.user_id, 'confirmation', held.client, answer, jsonb_build_object('tools', held.tools));
end
$$;
grant execute on function public.decide_confirmation(uuid, boolean) to authenticated;
