-- What the console shows everybody of their services: those that are out of order too, and the accounts that roles share.

-- What a user's roles permit, whether it works now or not.
create function private.permitted(p_user uuid) returns table (module text, tool text)
language sql stable security definer set search_path = '' as $$
  select distinct t.module, t.tool
  from public.users u
  join public.user_roles ur on ur.user_id = u.id
  join public.roles r on r.id = ur.role_id
  join public.role_permissions p on p.role_id = r.id
  join public.tools t on t.module = p.module
  where u.id = p_user
    and u.disabled_at is null
    and p.tools && array['*', t.tool]
    and not p.denied_tools && array['*', t.tool]
    and (t.read_only or not r.read_only);
$$;

create or replace function private.tools_of(p_user uuid) returns table (module text, tool text)
language sql stable security definer set search_path = '' as $$
  select p.module, p.tool
  from private.permitted(p_user) p
  join public.module_registry m on m.module = p.module
  where m.status <> 'broken';
$$;

-- The services that the caller's roles permit, with the accounts that those roles share: [{"account", "role", "status"}]. The
-- rows of shared credentials are the admins' to read; that there is one, and its name, everybody knows who uses it.
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
