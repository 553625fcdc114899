-- Limits one user's effect on shared credentials and on the database's size.

-- How often a user did something within the current hour.
create table private.rates (
  user_id uuid not null references public.users (id) on delete cascade,
  what text not null,
  hour timestamptz not null,
  used integer not null,
  primary key (user_id, what)
);
alter table private.rates enable row level security;

-- Counts one more; refuses it after `p_most` within this hour.
create function private.spend(p_what text, p_most integer) returns void
language plpgsql security definer set search_path = '' as $$
declare
  now_used integer;
begin
  insert into private.rates as held (user_id, what, hour, used) values (auth.uid(), p_what, date_trunc('hour', now()), 1)
  on conflict (user_id, what) do update
  set used = case when held.hour = excluded.hour then held.used + 1 else 1 end, hour = excluded.hour
  returning used into now_used;
  if now_used > p_most then
    raise sqlstate 'PT429' using message = format('The limit of %s per hour is reached.', p_most), hint = 'Try again later.';
  end if;
end
$$;

alter table public.oauth_tokens
  -- The last probe after a refusal, and the last refresh.
  add probed_at timestamptz,
  add refreshed_at timestamptz;

-- Stores a credential for an owner and replaces the one with the same service and account. Returns null if the owner already has 20 accounts
-- of this service.
create or replace function private.store_token(
  p_user uuid, p_role uuid, p_service text, p_account text, p_token_type text, p_access text, p_refresh text,
  p_scopes text[], p_expires_at timestamptz, p_metadata jsonb
) returns uuid
language plpgsql security definer set search_path = '' as $$
declare
  label constant text := 'MCPist: credential of ' || p_service;
  stored public.oauth_tokens;
begin
  -- Serializes an owner's inserts; parallel ones could exceed the limit.
  perform pg_advisory_xact_lock(hashtextextended(concat_ws('.', 'mcpist.token', p_user, p_role, p_service), 0));
  select * into stored from public.oauth_tokens
  where service = p_service and account = p_account and (user_id = p_user or role_id = p_role) for update;
  if not found then
    if (select count(*) from public.oauth_tokens where service = p_service and (user_id = p_user or role_id = p_role)) >= 20 then
      return null;
    end if;
    insert into public.oauth_tokens (
      user_id, role_id, service, account, token_type, access_secret_id, refresh_secret_id, access_sha256, scopes, expires_at, metadata
    ) values (
      p_user, p_role, p_service, p_account, p_token_type, vault.create_secret(p_access, null, label),
      case when p_refresh is not null then vault.create_secret(p_refresh, null, label) end,
      private.token_digest(p_access), p_scopes, p_expires_at, p_metadata
    ) returning * into stored;
    return stored.id;
  end if;
  perform vault.update_secret(stored.access_secret_id, p_access);
  if stored.refresh_secret_id is not null and p_refresh is not null then
    perform vault.update_secret(stored.refresh_secret_id, p_refresh);
  end if;
  -- Clears the lease: a running refresh belongs to the replaced credential.
  update public.oauth_tokens
  set token_type = p_token_type, access_sha256 = private.token_digest(p_access), scopes = p_scopes, expires_at = p_expires_at,
    metadata = p_metadata, status = 'active', refresh_lease = null, refresh_lease_until = null, refresh_failed_at = null,
    probed_at = null, refreshed_at = null,
    refresh_secret_id = case
      when p_refresh is null then null
      when stored.refresh_secret_id is null then vault.create_secret(p_refresh, null, label)
      else stored.refresh_secret_id
    end
  where id = stored.id;
  return stored.id;
end
$$;

create or replace function public.connect_with_token(
  service text, token text, account text default 'default', token_type text default 'bearer', base_url text default null,
  shared_with_role uuid default null
) returns uuid
language plpgsql security definer set search_path = '' as $$
declare
  stored uuid;
begin
  perform private.require_active();
  if shared_with_role is not null then
    perform private.require_admin();
  elsif not exists (select from private.tools_of(auth.uid()) permitted where permitted.module = service) then
    raise insufficient_privilege using message = 'None of your roles permits this service.';
  end if;
  if char_length(token) not between 8 and 4000 or token ~ '[[:cntrl:][:space:]]' then
    raise check_violation using message = 'token must be 8 to 4000 characters without spaces.';
  end if;
  if (token_type = 'basic') <> (token ~ '^[^:@]+@[^:@]+:.') then
    raise check_violation using message = 'A basic token is your email address, a colon and the API token; a bearer token is not.';
  end if;
  if service in ('jira', 'confluence') then
    if base_url is null or base_url !~ '^https://([a-z0-9-]{1,63}\.atlassian\.net|api\.atlassian\.com/ex/(jira|confluence)/[0-9a-f-]{36})$' then
      raise check_violation using message = 'base_url must be the site''s URL, such as https://acme.atlassian.net.';
    end if;
  elsif base_url is not null or token_type = 'basic' then
    raise check_violation using message = 'base_url and basic tokens are only for Jira and Confluence.';
  end if;
  perform private.spend('connect_with_token', 30);
  stored := private.store_token(
    case when shared_with_role is null then auth.uid() end, shared_with_role, service, account, token_type, token, null, '{}', null,
    case when base_url is null then '{}' else jsonb_build_object('base_url', base_url) end
  );
  if stored is null then
    raise sqlstate 'PT409' using message = format('The limit of 20 accounts of %s is reached.', service),
      hint = 'Remove one that you no longer use.';
  end if;
  return stored;
end
$$;

-- Stores the kept credential for the user who started. Returns {"outcome": "ok", "service", "account"}, or another outcome: unknown_state,
-- replayed, other_user, expired, not_permitted, too_many_accounts. With any outcome, the kept credential is deleted.
create or replace function public.finish_oauth(handle text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  begun public.oauth_states;
  access text;
  refresh text;
  outcome text;
begin
  perform private.require_active();
  select * into begun from public.oauth_states where handle_hash = private.token_digest(handle) for update;
  if not found then
    return '{"outcome": "unknown_state"}';
  elsif begun.finished_at is not null then
    return jsonb_build_object('outcome', 'replayed', 'service', begun.service);
  end if;
  access := private.secret(begun.access_secret_id);
  refresh := private.secret(begun.refresh_secret_id);
  update public.oauth_states set finished_at = now(), access_secret_id = null, refresh_secret_id = null where state_hash = begun.state_hash;
  outcome := case
    when begun.user_id <> auth.uid() then 'other_user'
    when begun.expires_at <= now() then 'expired'
    -- The conditions checked by start_oauth may have changed.
    when begun.role_id is not null and not private.is_admin() then 'not_permitted'
    when begun.role_id is null and not exists (select from private.tools_of(begun.user_id) where module = begun.service) then 'not_permitted'
    else 'ok'
  end;
  if outcome = 'ok' and private.store_token(
    case when begun.role_id is null then begun.user_id end, begun.role_id, begun.service, begun.account, 'bearer', access, refresh,
    begun.scopes, begun.credential_expires_at, begun.metadata
  ) is null then
    outcome := 'too_many_accounts';
  end if;
  if outcome = 'ok' then
    return jsonb_build_object('outcome', outcome, 'service', begun.service, 'account', begun.account);
  elsif outcome = 'other_user' then
    -- A mistake of a user with two accounts, or an attack: admins can see both users.
    insert into public.audit_logs (user_id, action, module, outcome, detail)
    values (auth.uid(), 'oauth.finish', begun.service, 'denied', jsonb_build_object('begun_by', begun.user_id));
  end if;
  return jsonb_build_object('outcome', outcome, 'service', begun.service);
end
$$;

-- The state of one credential, whose row is locked: reconnect_required, not_configured, use, refresh, wait, backoff or probe.
--
-- A 401 does not always mean that the token is invalid: Atlassian sends it for a missing scope. If that ended the credential, every user of a role
-- could end it for all of them. So a refused token is refreshed, at most once a minute. If it cannot be refreshed, the caller asks the service
-- whether it accepts the token at all (`probe`), at most once a minute, and ends it with fail_probe. `p_can_probe` is false for the functions of
-- 0.1.0, which cannot ask; then only a user's own credential ends.
create function private.lend(token public.oauth_tokens, p_rejected text, p_can_probe boolean) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  margin constant interval := '60 seconds';
  lease_time constant interval := '30 seconds';
  pause constant interval := '5 seconds';
  again constant interval := '60 seconds';
  app public.oauth_apps;
  answer jsonb;
  rejected boolean;
  ends boolean;
  lease uuid;
begin
  if token.status = 'reconnect_required' then
    return jsonb_build_object('outcome', 'reconnect_required', 'account', token.account);
  end if;

  rejected := p_rejected is not null and token.access_sha256 = decode(p_rejected, 'hex');
  ends := coalesce(token.expires_at <= now() + margin, false);
  answer := jsonb_build_object(
    'token_id', token.id, 'account', token.account, 'token_type', token.token_type, 'expires_at', token.expires_at,
    'base_url', token.metadata ->> 'base_url', 'shared', token.role_id is not null
  );

  if token.refresh_secret_id is null then
    if token.expires_at <= now() or rejected and not p_can_probe and token.user_id is not null then
      update public.oauth_tokens set status = 'reconnect_required' where id = token.id;
      return jsonb_build_object('outcome', 'reconnect_required', 'account', token.account);
    elsif rejected and p_can_probe and coalesce(token.probed_at < now() - again, true) then
      update public.oauth_tokens set probed_at = now() where id = token.id;
      return answer || jsonb_build_object('outcome', 'probe', 'access_token', private.secret(token.access_secret_id));
    end if;
  elsif ends or rejected and coalesce(token.refreshed_at < now() - again, true) then
    if token.refresh_lease_until > now() or token.refresh_failed_at > now() - pause then
      -- A refresh is running or has failed. A token that is still valid for some seconds is used meanwhile.
      if rejected or token.expires_at <= now() + interval '5 seconds' then
        return jsonb_build_object('outcome', case when token.refresh_lease_until > now() then 'wait' else 'backoff' end);
      end if;
    else
      select * into app from public.oauth_apps where service = token.service;
      if not found then
        return '{"outcome": "not_configured"}';
      end if;
      lease := gen_random_uuid();
      update public.oauth_tokens set refresh_lease = lease, refresh_lease_until = now() + lease_time where id = token.id;
      return answer || jsonb_build_object(
        'outcome', 'refresh', 'lease', lease, 'refresh_token', private.secret(token.refresh_secret_id),
        'client_id', app.client_id, 'client_secret', private.secret(app.client_secret_id), 'scopes', app.scopes, 'tenant', app.tenant
      );
    end if;
  end if;

  if token.last_used_at is null or token.last_used_at < now() - interval '1 minute' then
    update public.oauth_tokens set last_used_at = now() where id = token.id;
  end if;
  return answer || jsonb_build_object('outcome', 'use', 'access_token', private.secret(token.access_secret_id));
end
$$;
drop function private.lend(public.oauth_tokens, text);

-- Ends a credential that its service does not accept. `p_access_sha256` is the token that was tried; the stored one may have been replaced
-- meanwhile. `p_looked`: whether the service was asked. If there is no known request to ask it with, a user's own credential ends, and a
-- shared one does not. Returns whether it has ended.
create function public.fail_probe(p_token uuid, p_access_sha256 text, p_looked boolean) returns boolean
language plpgsql security definer set search_path = '' as $$
begin
  update public.oauth_tokens set status = 'reconnect_required'
  where id = p_token and access_sha256 = decode(p_access_sha256, 'hex') and refresh_secret_id is null and (p_looked or user_id is not null);
  return found;
end
$$;
grant execute on function public.fail_probe(uuid, text, boolean) to service_role;

-- The answer for token-exchanger, as {"outcome": …}:
--   user_disabled, session_ended, not_permitted, not_connected, account_required (with "accounts"), reconnect_required, not_configured
--   use      with the credential
--   probe    with the credential: the caller tests it, and calls fail_probe if it does not work
--   refresh  with the refresh token and the lease: the caller refreshes, then calls finish_refresh or fail_refresh
--   wait     another call refreshes: ask again soon
--   backoff  a refresh failed recently
-- `p_session` or `p_token` is the caller's credential; without both it is a function of 0.1.0.
drop function public.begin_exchange(uuid, text, text, text);
create function public.begin_exchange(
  p_user uuid, p_service text, p_account text, p_rejected text, p_session uuid default null, p_token uuid default null
) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  token public.oauth_tokens;
  names text[];
begin
  if not exists (select from public.users where id = p_user and disabled_at is null) then
    return '{"outcome": "user_disabled"}';
  elsif not exists (select from private.limits_of(p_user, p_session, p_token) where alive) then
    return '{"outcome": "session_ended"}';
  elsif not exists (select from private.tools_of(p_user, p_session, p_token) where module = p_service) then
    return '{"outcome": "not_permitted"}';
  end if;

  -- The user's own first, then shared ones; the oldest if two roles share the same name.
  names := array(
    select account from public.oauth_tokens
    where service = p_service and user_id = p_user and (p_account is null or account = p_account)
  );
  if cardinality(names) = 0 then
    names := array(
      select distinct account from public.oauth_tokens
      where service = p_service and role_id in (select role_id from public.user_roles where user_id = p_user)
        and (p_account is null or account = p_account)
    );
  end if;
  if cardinality(names) = 0 then
    return jsonb_build_object('outcome', 'not_connected', 'accounts', private.accounts_of(p_user, p_service));
  elsif cardinality(names) > 1 then
    return jsonb_build_object('outcome', 'account_required', 'accounts', private.accounts_of(p_user, p_service));
  end if;
  select * into token from public.oauth_tokens
  where service = p_service and account = names[1]
    and (user_id = p_user or role_id in (select role_id from public.user_roles where user_id = p_user))
  order by user_id nulls last, created_at
  limit 1 for update;
  if not found then
    -- It was removed meanwhile.
    return '{"outcome": "not_connected", "accounts": []}';
  end if;
  return private.lend(token, p_rejected, coalesce(p_session, p_token) is not null);
end
$$;
grant execute on function public.begin_exchange(uuid, text, text, text, uuid, uuid) to service_role;

-- The same for an admin who tests a shared credential, by its id; with "service". `p_rejected` is a token that the
-- service has already refused, so it is not probed again. Outcomes in addition to those of begin_exchange:
--   forbidden  not an admin
--   unknown    no shared credential has this id
create or replace function public.begin_test(p_user uuid, p_token uuid, p_rejected text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  token public.oauth_tokens;
begin
  if not exists (select from public.users where id = p_user and disabled_at is null and system_role = 'admin') then
    return '{"outcome": "forbidden"}';
  end if;
  select * into token from public.oauth_tokens where id = p_token and role_id is not null for update;
  if not found then
    return '{"outcome": "unknown"}';
  end if;
  if p_rejected is not null and public.fail_probe(p_token, p_rejected, true) then
    token.status := 'reconnect_required';
  end if;
  -- A test is rare, so it does not wait for the next refresh.
  token.refreshed_at := null;
  return private.lend(token, p_rejected, true) || jsonb_build_object('service', token.service);
end
$$;

-- Stores refreshed tokens. False: another call has the lease, or the credential was replaced or removed.
create or replace function public.finish_refresh(p_token uuid, p_lease uuid, p_access text, p_refresh text, p_expires_at timestamptz) returns boolean
language plpgsql security definer set search_path = '' as $$
declare
  token public.oauth_tokens;
begin
  select * into token from public.oauth_tokens where id = p_token and refresh_lease = p_lease for update;
  if not found then
    return false;
  end if;
  perform vault.update_secret(token.access_secret_id, p_access);
  if p_refresh is not null then
    perform vault.update_secret(token.refresh_secret_id, p_refresh);
  end if;
  update public.oauth_tokens
  set access_sha256 = private.token_digest(p_access), expires_at = p_expires_at, last_used_at = now(), refreshed_at = now(),
    refresh_lease = null, refresh_lease_until = null, refresh_failed_at = null
  where id = token.id;
  return true;
end
$$;
