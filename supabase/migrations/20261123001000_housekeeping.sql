-- What is run now and then, and what is run after a leak.

-- Takes away what has had its time. Run it once a day (see docs/deploy.md); the answer says how much went.
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

-- Ends the sign-ins of one user, or of everybody (null), in the console and in MCP clients: Auth's sessions, with which their
-- refresh tokens go; what clients were allowed, as Auth itself takes it back, or they would get in again without a question; and
-- begun authorizations with their codes. Access tokens that are out there are good until they end. Gives the number of sessions.
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

-- Takes every credential of one user away, or of everybody (null): tokens of services and their secrets, begun connections,
-- tokens of MCPist, sign-ins. The services are to be told separately.
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
    -- Auth's tables are Auth's to change; after a leak that must not keep the credentials in place.
    raise warning 'The sign-ins were not ended: %', sqlerrm;
  end;
  return jsonb_build_object('oauth_tokens', connections, 'api_tokens', tokens, 'sessions', sessions);
end
$$;

-- The answer to a leak: {"oauth_tokens": n, "api_tokens": n, "sessions": n} that were there. `sessions` is null where Auth did
-- not let them be ended.
create function public.revoke_all_tokens() returns jsonb
language plpgsql security definer set search_path = '' as $$
begin
  -- Not `current_user`, which is this function's owner by now. The dashboard's SQL editor comes as no API role.
  if current_setting('role') not in ('service_role', 'none') then
    perform private.require_admin();
  end if;
  return private.revoke_tokens(null);
end
$$;
grant execute on function public.revoke_all_tokens() to authenticated, service_role;

-- The same for one user, when they leave, say; for admins, and for everybody their own.
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
