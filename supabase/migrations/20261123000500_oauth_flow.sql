-- Connecting a service by OAuth: `start` creates a state, which is valid for ten minutes and used once by the callback. The callback's
-- credential is kept for ten more minutes, until the user who started finishes in the console. A state identifies who started, but
-- not whose browser returns: an attacker may have sent the provider's page to a victim, to get the victim's account or to attach the
-- attacker's.

-- Deletes the secrets of expired connections.
create function private.drop_expired_secrets() returns void
language sql security definer set search_path = '' as $$
  update public.oauth_states set verifier_secret_id = null, access_secret_id = null, refresh_secret_id = null
  where state_hash in (
    select state_hash from public.oauth_states
    where expires_at <= now() and coalesce(verifier_secret_id, access_secret_id) is not null
    for update skip locked
  );
$$;

-- Returns {"outcome": "ok", "client_id", "scopes", "tenant"}, or another outcome: user_disabled, not_permitted, admin_only,
-- unknown_role, not_configured.
create function public.start_oauth(
  p_user uuid, p_service text, p_role uuid, p_account text, p_site text, p_state_hash text, p_verifier text
) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  caller public.users;
  app public.oauth_apps;
begin
  select * into caller from public.users where id = p_user and disabled_at is null;
  if not found then
    return '{"outcome": "user_disabled"}';
  end if;
  if p_role is null then
    if not exists (select from private.tools_of(p_user) where module = p_service) then
      return '{"outcome": "not_permitted"}';
    end if;
  elsif caller.system_role <> 'admin' then
    return '{"outcome": "admin_only"}';
  elsif not exists (select from public.roles where id = p_role) then
    return '{"outcome": "unknown_role"}';
  end if;
  select * into app from public.oauth_apps where service = p_service;
  if not found then
    return '{"outcome": "not_configured"}';
  end if;
  perform private.drop_expired_secrets();
  -- A user has at most ten pending connections; the oldest is deleted.
  delete from public.oauth_states where state_hash in (
    select state_hash from public.oauth_states where user_id = p_user order by created_at desc offset 9
  );
  insert into public.oauth_states (state_hash, user_id, service, role_id, account, site, verifier_secret_id, expires_at)
  values (
    decode(p_state_hash, 'hex'), p_user, p_service, p_role, p_account, p_site,
    vault.create_secret(p_verifier, null, 'MCPist: PKCE verifier'), now() + interval '10 minutes'
  );
  return jsonb_build_object('outcome', 'ok', 'client_id', app.client_id, 'scopes', app.scopes, 'tenant', app.tenant);
end
$$;
grant execute on function public.start_oauth(uuid, text, uuid, text, text, text, text) to service_role;

-- Uses a state. Returns {"outcome": "ok", "user_id", "role_id", "service", "account", "site", "verifier", "client_id",
-- "client_secret", "scopes", "tenant"}, or another outcome: unknown_state, replayed, expired, user_disabled, not_configured.
create function public.consume_oauth_state(p_state_hash text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  begun public.oauth_states;
  app public.oauth_apps;
  verifier text;
begin
  select * into begun from public.oauth_states where state_hash = decode(p_state_hash, 'hex') for update;
  if not found then
    return '{"outcome": "unknown_state"}';
  elsif begun.used_at is not null then
    return jsonb_build_object('outcome', 'replayed', 'service', begun.service);
  end if;
  verifier := private.secret(begun.verifier_secret_id);
  update public.oauth_states set used_at = now(), verifier_secret_id = null where state_hash = begun.state_hash;
  if begun.expires_at <= now() then
    return jsonb_build_object('outcome', 'expired', 'service', begun.service);
  elsif not exists (select from public.users where id = begun.user_id and disabled_at is null) then
    return jsonb_build_object('outcome', 'user_disabled', 'service', begun.service);
  end if;
  select * into app from public.oauth_apps where service = begun.service;
  if not found then
    return jsonb_build_object('outcome', 'not_configured', 'service', begun.service);
  end if;
  return jsonb_build_object(
    'outcome', 'ok', 'user_id', begun.user_id, 'role_id', begun.role_id, 'service', begun.service, 'account', begun.account,
    'site', begun.site, 'verifier', verifier, 'client_id', app.client_id, 'client_secret', private.secret(app.client_secret_id),
    'scopes', app.scopes, 'tenant', app.tenant
  );
end
$$;
grant execute on function public.consume_oauth_state(text) to service_role;

-- Keeps the exchanged credential for the user who started. False: the connection no longer exists, or already has a credential.
create function public.hold_oauth_token(
  p_state_hash text, p_handle_hash text, p_account text, p_access text, p_refresh text, p_scopes text[], p_expires_at timestamptz,
  p_metadata jsonb
) returns boolean
language plpgsql security definer set search_path = '' as $$
declare
  label constant text := 'MCPist: credential of a begun connection';
begin
  update public.oauth_states
  set handle_hash = decode(p_handle_hash, 'hex'), account = p_account, access_secret_id = vault.create_secret(p_access, null, label),
    refresh_secret_id = case when p_refresh is not null then vault.create_secret(p_refresh, null, label) end,
    scopes = p_scopes, credential_expires_at = p_expires_at, metadata = p_metadata, expires_at = now() + interval '10 minutes'
  where state_hash = decode(p_state_hash, 'hex') and used_at is not null and handle_hash is null;
  return found;
end
$$;
grant execute on function public.hold_oauth_token(text, text, text, text, text, text[], timestamptz, jsonb) to service_role;

-- Stores the kept credential for the user who started. Returns {"outcome": "ok", "service", "account"}, or another outcome:
-- unknown_state, replayed, other_user, expired, not_permitted. With any outcome, the kept credential is deleted.
create function public.finish_oauth(handle text) returns jsonb
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
  if outcome = 'ok' then
    perform private.store_token(
      case when begun.role_id is null then begun.user_id end, begun.role_id, begun.service, begun.account, 'bearer', access, refresh,
      begun.scopes, begun.credential_expires_at, begun.metadata
    );
    return jsonb_build_object('outcome', outcome, 'service', begun.service, 'account', begun.account);
  elsif outcome = 'other_user' then
    -- A mistake of a user with two accounts, or an attack: admins can see both users.
    insert into public.audit_logs (user_id, action, module, outcome, detail)
    values (auth.uid(), 'oauth.finish', begun.service, 'denied', jsonb_build_object('begun_by', begun.user_id));
  end if;
  return jsonb_build_object('outcome', outcome, 'service', begun.service);
end
$$;
grant execute on function public.finish_oauth(text) to authenticated;
