-- Connecting a service by OAuth: a state is made by `start`, used once by the callback, and good for ten minutes.

-- Answers {"outcome": "ok", "client_id", "scopes", "tenant"}, or another outcome: user_disabled, not_permitted, admin_only,
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
  -- A user has ten begun connections at most; the oldest goes.
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

-- Uses a state up. Answers {"outcome": "ok", "user_id", "role_id", "service", "account", "site", "verifier", "client_id",
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
