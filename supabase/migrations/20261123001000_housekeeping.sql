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

-- Takes every credential of one user away, or of everybody (null): tokens of services and their secrets, begun connections,
-- tokens of MCPist. The services are to be told separately; who is signed in stays so until the access token ends.
create function private.revoke_tokens(p_user uuid) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  connections bigint;
  tokens bigint;
begin
  delete from public.oauth_tokens where p_user is null or user_id = p_user;
  get diagnostics connections = row_count;
  delete from public.oauth_states where p_user is null or user_id = p_user;
  update public.api_tokens set revoked_at = now() where revoked_at is null and (p_user is null or user_id = p_user);
  get diagnostics tokens = row_count;
  return jsonb_build_object('oauth_tokens', connections, 'api_tokens', tokens);
end
$$;

-- The answer to a leak: {"oauth_tokens": n, "api_tokens": n} that were there.
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
