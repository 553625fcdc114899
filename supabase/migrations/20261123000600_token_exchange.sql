-- Lending credentials. Providers that rotate refresh tokens revoke the whole family if one is used twice, so a refresh first takes a
-- lease on the row: only one refresh runs at a time, across all function instances.

-- The names of the accounts of a service that a user can use, their own and those shared with their roles.
create function private.accounts_of(p_user uuid, p_service text) returns text[]
language sql stable security definer set search_path = '' as $$
  select coalesce(array_agg(distinct account order by account), '{}')
  from public.oauth_tokens
  where service = p_service
    and (user_id = p_user or role_id in (select role_id from public.user_roles where user_id = p_user));
$$;

-- The answer of tool-sieve: the modules with tools that the user can use. Null for a disabled or unknown user.
create function public.sieve(p_user uuid) returns jsonb
language sql stable security definer set search_path = '' as $$
  with permitted as (
    select m.module, m.status, jsonb_agg(t.tool order by t.tool) as tools
    from private.tools_of(p_user) t
    join public.module_registry m on m.module = t.module
    group by m.module, m.status
  )
  select coalesce(jsonb_object_agg(p.module, jsonb_build_object(
    'status', p.status, 'tools', p.tools, 'accounts', private.accounts_of(p_user, p.module),
    'connected', exists (
      select from public.oauth_tokens where service = p.module and status = 'active'
        and (user_id = p_user or role_id in (select role_id from public.user_roles where user_id = p_user))
    )
  )) filter (where p.module is not null), '{}')
  from public.users u left join permitted p on true
  where u.id = p_user and u.disabled_at is null
  group by u.id;
$$;
grant execute on function public.sieve(uuid) to service_role;

-- The same for the caller's console: the modules that their roles permit, including broken ones, with the accounts that these roles
-- share: [{"account", "role", "status"}]. Only admins can read the rows of shared credentials; users know their names.
create function public.own_services() returns table (module text, shared jsonb)
language plpgsql stable security definer set search_path = '' as $$
begin
  perform private.require_active();
  return query
    select mine.module, coalesce((
      select jsonb_agg(jsonb_build_object('account', t.account, 'role', r.name, 'status', t.status) order by t.account, r.name)
      from public.oauth_tokens t
      join public.roles r on r.id = t.role_id
      join public.user_roles ur on ur.role_id = r.id and ur.user_id = auth.uid()
      where t.service = mine.module
    ), '[]')
    from (select distinct permitted.module from private.permitted(auth.uid()) permitted) mine
    order by 1;
end
$$;
grant execute on function public.own_services() to authenticated;

-- The state of one credential, whose row is locked: reconnect_required, not_configured, use, refresh, wait or backoff.
create function private.lend(token public.oauth_tokens, p_rejected text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  margin constant interval := '60 seconds';
  lease_time constant interval := '30 seconds';
  pause constant interval := '5 seconds';
  app public.oauth_apps;
  answer jsonb;
  rejected boolean;
  lease uuid;
begin
  if token.status = 'reconnect_required' then
    return jsonb_build_object('outcome', 'reconnect_required', 'account', token.account);
  end if;

  rejected := p_rejected is not null and token.access_sha256 = decode(p_rejected, 'hex');
  answer := jsonb_build_object(
    'token_id', token.id, 'account', token.account, 'token_type', token.token_type, 'expires_at', token.expires_at,
    'base_url', token.metadata ->> 'base_url', 'shared', token.role_id is not null
  );

  if rejected or token.expires_at <= now() + margin then
    if token.refresh_secret_id is null then
      if rejected or token.expires_at <= now() then
        update public.oauth_tokens set status = 'reconnect_required' where id = token.id;
        return jsonb_build_object('outcome', 'reconnect_required', 'account', token.account);
      end if;
    elsif token.refresh_lease_until > now() or token.refresh_failed_at > now() - pause then
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

-- The answer for token-exchanger, as {"outcome": …}:
--   user_disabled, not_permitted, not_connected, account_required (with "accounts"), reconnect_required, not_configured
--   use      with the credential
--   refresh  with the refresh token and the lease: the caller refreshes, then calls finish_refresh or fail_refresh
--   wait     another call refreshes: ask again soon
--   backoff  a refresh failed recently
create function public.begin_exchange(p_user uuid, p_service text, p_account text, p_rejected text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  token public.oauth_tokens;
  names text[];
begin
  if not exists (select from public.users where id = p_user and disabled_at is null) then
    return '{"outcome": "user_disabled"}';
  elsif not exists (select from private.tools_of(p_user) where module = p_service) then
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
  return private.lend(token, p_rejected);
end
$$;
grant execute on function public.begin_exchange(uuid, text, text, text) to service_role;

-- The same for an admin who tests a shared credential, by its id; with "service". Outcomes in addition to those of begin_exchange:
--   forbidden  not an admin
--   unknown    no shared credential has this id
create function public.begin_test(p_user uuid, p_token uuid, p_rejected text) returns jsonb
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
  return private.lend(token, p_rejected) || jsonb_build_object('service', token.service);
end
$$;
grant execute on function public.begin_test(uuid, uuid, text) to service_role;

-- Stores refreshed tokens. False: another call has the lease, or the credential was replaced or removed.
create function public.finish_refresh(p_token uuid, p_lease uuid, p_access text, p_refresh text, p_expires_at timestamptz) returns boolean
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
  set access_sha256 = private.token_digest(p_access), expires_at = p_expires_at, last_used_at = now(),
    refresh_lease = null, refresh_lease_until = null, refresh_failed_at = null
  where id = token.id;
  return true;
end
$$;
grant execute on function public.finish_refresh(uuid, uuid, text, text, timestamptz) to service_role;

-- Ends a failed refresh. `p_dead`: the grant has ended, and the user must connect again; otherwise a later refresh may work.
create function public.fail_refresh(p_token uuid, p_lease uuid, p_dead boolean) returns void
language sql security definer set search_path = '' as $$
  update public.oauth_tokens
  set status = case when p_dead then 'reconnect_required' else status end,
    refresh_lease = null, refresh_lease_until = null, refresh_failed_at = now()
  where id = p_token and refresh_lease = p_lease;
$$;
grant execute on function public.fail_refresh(uuid, uuid, boolean) to service_role;
