-- Admins test the credentials that roles share, also of roles that they do not have: token-exchanger/test.

-- What may be given out of one credential, whose row is locked. The second half of what begin_exchange was.
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
      -- Somebody is at it, or it does not work now. A token that is good for some seconds more serves meanwhile.
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

-- As before; lend has its second half.
create or replace function public.begin_exchange(p_user uuid, p_service text, p_account text, p_rejected text) returns jsonb
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

  -- The user's own first, then what is shared with their roles; the oldest where two roles share the same name.
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
    -- It was removed a moment ago.
    return '{"outcome": "not_connected", "accounts": []}';
  end if;
  return private.lend(token, p_rejected);
end
$$;

-- The same for an admin who tests a shared credential, by its id; with "service". Outcomes beside those of begin_exchange:
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
