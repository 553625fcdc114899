-- Periodic cleanup, and revocation after a leak.

-- Deletes old records. Run it once a day (see docs/deploy.md). Returns the numbers of deleted rows.
create function public.delete_old_records() returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  gone jsonb := '{}';
  n bigint;
begin
  delete from public.audit_logs
  where at < now() - (select make_interval(days => audit_retention_days) from public.settings);
  get diagnostics n = row_count;
  gone := gone || jsonb_build_object('audit_logs', n);
  perform private.drop_expired_secrets();
  delete from public.oauth_states where expires_at < now() - interval '1 day';
  get diagnostics n = row_count;
  gone := gone || jsonb_build_object('oauth_states', n);
  delete from public.api_tokens where least(revoked_at, expires_at) < now() - interval '90 days';
  get diagnostics n = row_count;
  gone := gone || jsonb_build_object('api_tokens', n);
  delete from public.access_requests where decided_at < now() - interval '180 days';
  get diagnostics n = row_count;
  return gone || jsonb_build_object('access_requests', n);
end
$$;
grant execute on function public.delete_old_records() to service_role;

-- Ends the sessions of one user, or of everyone (null), in the console and in MCP clients: Auth's sessions with their refresh tokens;
-- clients' consents, revoked as Auth does it, because clients could otherwise sign in again without asking; and pending
-- authorizations with their codes. Issued access tokens stay valid until they expire. Returns the number of sessions.
create function private.end_sign_ins(p_user uuid) returns bigint
language plpgsql security definer set search_path = '' as $$
declare
  ended bigint;
begin
  delete from auth.sessions where p_user is null or user_id = p_user;
  get diagnostics ended = row_count;
  update auth.oauth_consents set revoked_at = greatest(granted_at, now())
  where revoked_at is null and (p_user is null or user_id = p_user);
  delete from auth.oauth_authorizations where p_user is null or user_id = p_user;
  return ended;
end
$$;

-- Deletes every credential of one user, or of everyone (null): service tokens and their secrets, pending connections, API tokens,
-- sessions. Revoke the tokens at the services separately.
create function private.revoke_tokens(p_user uuid) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  connections bigint;
  tokens bigint;
  sessions bigint;
begin
  delete from public.oauth_tokens where p_user is null or user_id = p_user;
  get diagnostics connections = row_count;
  delete from public.oauth_states where p_user is null or user_id = p_user;
  update public.api_tokens set revoked_at = now() where revoked_at is null and (p_user is null or user_id = p_user);
  get diagnostics tokens = row_count;
  begin
    sessions := private.end_sign_ins(p_user);
  exception when others then
    -- Auth may change its tables; that must not prevent revocation after a leak.
    raise warning 'The sign-ins were not ended: %', sqlerrm;
  end;
  return jsonb_build_object('oauth_tokens', connections, 'api_tokens', tokens, 'sessions', sessions);
end
$$;

-- Revokes everything after a leak. Returns the revoked numbers: {"oauth_tokens": n, "api_tokens": n, "sessions": n}. `sessions` is null
-- if Auth's sessions could not be ended.
create function public.revoke_all_tokens() returns jsonb
language plpgsql security definer set search_path = '' as $$
begin
  -- Not `current_user`, which is this function's owner here. The dashboard's SQL editor does not use an API role.
  if current_setting('role') not in ('service_role', 'none') then
    perform private.require_admin();
  end if;
  return private.revoke_tokens(null);
end
$$;
grant execute on function public.revoke_all_tokens() to authenticated, service_role;

-- The same for one user, for example when they leave; for admins, and for users themselves.
create function public.revoke_user_tokens(p_user uuid) returns jsonb
language plpgsql security definer set search_path = '' as $$
begin
  if p_user = auth.uid() then
    perform private.require_active();
  else
    perform private.require_admin();
  end if;
  return private.revoke_tokens(coalesce(p_user, '00000000-0000-0000-0000-000000000000'));
end
$$;
grant execute on function public.revoke_user_tokens(uuid) to authenticated;
