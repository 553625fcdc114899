-- The audit log. Rows are only added; only the retention function deletes old ones.

create table public.audit_logs (
  id uuid primary key default gen_random_uuid(),
  at timestamptz not null default now(),
  -- Not a reference: events are kept when the user is deleted. Null: the system, or the dashboard.
  user_id uuid,
  action text not null check (char_length(action) <= 100),
  module text,
  tool text,
  account text,
  outcome text not null check (char_length(outcome) <= 60),
  duration_ms integer,
  request_id text,
  client text,
  -- Names, never values.
  argument_names text[] not null default '{}',
  detail jsonb
);
create index on public.audit_logs (at);
create index on public.audit_logs (user_id, at);

alter table public.audit_logs enable row level security;
grant select on public.audit_logs to authenticated;
create policy active on public.audit_logs as restrictive to authenticated using ((select private.is_active()));
create policy own on public.audit_logs for select to authenticated using (user_id = (select auth.uid()));
create policy admin on public.audit_logs for select to authenticated using ((select private.is_admin()));
grant select, insert on public.audit_logs to service_role;

-- Stores events for one user, regardless of the user in them. An event whose id already exists was sent twice. Returns false for an
-- unknown user.
create function public.record_audit_events(p_user uuid, p_events jsonb) returns boolean
language plpgsql security definer set search_path = '' as $$
begin
  if not exists (select from public.users where id = p_user) then
    return false;
  end if;
  insert into public.audit_logs (
    id, at, user_id, action, module, tool, account, outcome, duration_ms, request_id, client, argument_names, detail
  )
  select
    coalesce(e.id, gen_random_uuid()), coalesce(e.at, now()), p_user, e.action, e.module, e.tool, e.account, e.outcome, e.duration_ms,
    e.request_id, e.client, coalesce(e.argument_names, '{}'), e.detail
  from jsonb_to_recordset(p_events) as e (
    id uuid, at timestamptz, action text, module text, tool text, account text, outcome text, duration_ms integer, request_id text,
    client text, argument_names text[], detail jsonb
  )
  on conflict (id) do nothing;
  return true;
end
$$;
grant execute on function public.record_audit_events(uuid, jsonb) to service_role;

-- Records a change of access: `<table>.<insert|update|delete>`, the row's key and the names of changed columns.
create function private.audit_change() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) else '{}' end;
  after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) else '{}' end;
  changed text[];
  key jsonb;
begin
  select coalesce(array_agg(k order by k), '{}') into changed
  from jsonb_object_keys(before || after) k
  where tg_op = 'UPDATE' and before -> k is distinct from after -> k
    -- Normal use of a credential is not a change.
    and k not in ('updated_at', 'last_used_at', 'access_sha256', 'expires_at', 'refresh_lease', 'refresh_lease_until', 'refresh_failed_at');
  if tg_op = 'UPDATE' and changed = '{}' then
    return null;
  end if;
  select jsonb_object_agg(k, v) into key
  from jsonb_each(before || after) entry (k, v)
  where k in ('id', 'user_id', 'role_id', 'module', 'service', 'email', 'system_role', 'status') and v <> 'null';
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

do $$
declare
  audited text;
begin
  foreach audited in array array[
    'settings', 'users', 'allowed_emails', 'roles', 'user_roles', 'role_permissions', 'module_registry', 'oauth_apps',
    'oauth_tokens', 'api_tokens'
  ] loop
    execute format(
      'create trigger audit_change after insert or update or delete on public.%I for each row execute function private.audit_change()', audited
    );
  end loop;
end
$$;
