-- More columns in the audit log, and a limit per user.

alter table public.audit_logs
  -- The id of the API token, or of the token's Auth session.
  add token_id uuid,
  -- W3C Trace Context.
  add trace_id text check (trace_id ~ '^[0-9a-f]{32}$'),
  -- The tokens of a result, and those saved by its format.
  add result_tokens integer check (result_tokens >= 0),
  add saved_tokens integer check (saved_tokens >= 0);

-- An audit log that is deleted after a day does not help after a leak.
update public.settings set audit_retention_days = 30 where audit_retention_days < 30;
alter table public.settings drop constraint settings_audit_retention_days_check;
alter table public.settings add constraint settings_audit_retention_days_check check (audit_retention_days between 30 and 3650);

-- Stores the events of one user; a `user_id` in them is ignored. An id that is already stored was sent twice. Failed and refused calls cost the
-- caller nothing, so only 2,000 of them an hour are stored one by one; one row counts the others. Returns false if the user does not exist.
create or replace function public.record_audit_events(p_user uuid, p_events jsonb) returns boolean
language plpgsql security definer set search_path = '' as $$
declare
  room bigint;
  suppressed bigint;
  this_hour constant timestamptz := date_trunc('hour', now());
begin
  if not exists (select from public.users where id = p_user) then
    return false;
  end if;
  select greatest(2000 - count(*), 0) into room
  from public.audit_logs where user_id = p_user and at >= this_hour and outcome <> 'success' and action <> 'audit.suppressed';
  with events as (
    select e.*, row_number() over (partition by e.outcome = 'success' order by e.at) as n
    from jsonb_to_recordset(p_events) as e (
      id uuid, at timestamptz, action text, module text, tool text, account text, outcome text, duration_ms integer, request_id text,
      client text, argument_names text[], detail jsonb, token_id uuid, trace_id text, result_tokens integer, saved_tokens integer
    )
  ), written as (
    insert into public.audit_logs (
      id, at, user_id, action, module, tool, account, outcome, duration_ms, request_id, client, argument_names, detail, token_id, trace_id,
      result_tokens, saved_tokens
    )
    select
      coalesce(id, gen_random_uuid()), coalesce(at, now()), p_user, action, module, tool, account, outcome, duration_ms, request_id, client,
      coalesce(argument_names, '{}'), detail, token_id, trace_id, result_tokens, saved_tokens
    from events where outcome = 'success' or n <= room
    on conflict (id) do nothing
  )
  select count(*) into suppressed from events where outcome <> 'success' and n > room;
  if suppressed > 0 then
    insert into public.audit_logs as held (id, at, user_id, action, outcome, detail)
    values (
      md5(p_user || ' ' || extract(epoch from this_hour))::uuid, this_hour, p_user, 'audit.suppressed', 'suppressed',
      jsonb_build_object('count', suppressed)
    )
    on conflict (id) do update set detail = jsonb_build_object('count', (held.detail ->> 'count')::bigint + suppressed);
  end if;
  return true;
end
$$;

-- Records a change of access: `<table>.<insert|update|delete>`, the row's key and the names of changed columns.
create or replace function private.audit_change() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) else '{}' end;
  after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) else '{}' end;
  -- Normal use of a credential is not a change.
  unremarkable constant text[] := array['updated_at', 'last_used_at'] || case tg_table_name
    when 'oauth_tokens' then array[
      'access_sha256', 'expires_at', 'refresh_lease', 'refresh_lease_until', 'refresh_failed_at', 'probed_at', 'refreshed_at'
    ]
    when 'client_grants' then array['allowed_at']
    else '{}'
  end;
  changed text[];
  key jsonb;
begin
  select coalesce(array_agg(k order by k), '{}') into changed
  from jsonb_object_keys(before || after) k
  where tg_op = 'UPDATE' and before -> k is distinct from after -> k and k <> all (unremarkable);
  if tg_op = 'UPDATE' and changed = '{}' then
    return null;
  end if;
  select jsonb_object_agg(k, v) into key
  from jsonb_each(before || after) entry (k, v)
  where k in ('id', 'user_id', 'role_id', 'client_id', 'module', 'service', 'email', 'system_role', 'status') and v <> 'null';
  -- Users can change their own name at any time; it is recorded once an hour.
  if tg_table_name = 'users' and changed = '{display_name}' and exists (
    select from public.audit_logs
    where user_id = auth.uid() and at > now() - interval '1 hour' and action = 'users.update'
      and detail -> 'changed' = '["display_name"]' and detail #>> '{key,id}' = key ->> 'id'
  ) then
    return null;
  end if;
  insert into public.audit_logs (user_id, action, module, account, outcome, detail)
  values (
    -- The functions act for the credential's owner.
    coalesce(auth.uid(), case when tg_table_name in ('oauth_tokens', 'api_tokens') then (key ->> 'user_id')::uuid end),
    tg_table_name || '.' || lower(tg_op), coalesce(after ->> 'service', before ->> 'service', after ->> 'module', before ->> 'module'),
    coalesce(after ->> 'account', before ->> 'account'), 'success',
    jsonb_build_object('key', key) || case when tg_op = 'UPDATE' then jsonb_build_object('changed', changed) else '{}' end
  );
  return null;
end
$$;
create trigger audit_change after insert or update or delete on public.client_grants for each row execute function private.audit_change();

-- Deletes old records. Run it once a day (see docs/deploy.md). Returns the numbers of deleted rows.
create or replace function public.delete_old_records() returns jsonb
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
  delete from private.rates where hour < now() - interval '1 day';
  delete from public.access_requests where decided_at < now() - interval '180 days';
  get diagnostics n = row_count;
  return gone || jsonb_build_object('access_requests', n);
end
$$;
