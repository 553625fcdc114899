-- The existing tools, the permissions of roles, and the function that returns a user's tools.

create table public.module_registry (
  module text primary key check (module ~ '^[a-z][a-z0-9_]{0,39}$'),
  display_name text not null,
  description text not null default '',
  -- The API version that the module uses.
  api_version text not null,
  -- A broken module's tools are not available to anyone.
  status text not null default 'stable' check (status in ('stable', 'deprecated', 'broken')),
  last_verified_at timestamptz,
  notes text not null default '' check (char_length(notes) <= 2000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create trigger touch before update on public.module_registry for each row execute function private.touch();

create table public.tools (
  module text not null references public.module_registry (module) on delete cascade,
  tool text not null check (tool ~ '^[a-z][a-z0-9_]{0,59}$'),
  description text not null default '',
  read_only boolean not null,
  destructive boolean not null,
  primary key (module, tool)
);

create table public.role_permissions (
  role_id uuid not null references public.roles (id) on delete cascade,
  module text not null references public.module_registry (module) on delete cascade,
  -- Tool names without the module's; `*` is every tool, including those of later versions.
  tools text[] not null default '{}' check (array_position(tools, null) is null),
  denied_tools text[] not null default '{}' check (array_position(denied_tools, null) is null),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (role_id, module)
);
create index on public.role_permissions (module);
create trigger touch before update on public.role_permissions for each row execute function private.touch();

-- Loads the catalogue of a server version: {"modules": [{"module", "title", "description", "api_version",
-- "tools": [{"tool", "description", "read_only", "destructive"}]}]}. It replaces the tools of these modules and does
-- not change others: an operator may have added their own in the same way.
create function public.sync_catalogue(catalogue jsonb) returns void
language plpgsql security definer set search_path = '' as $$
begin
  insert into public.module_registry as known (module, display_name, description, api_version)
  select entry ->> 'module', entry ->> 'title', entry ->> 'description', entry ->> 'api_version'
  from jsonb_array_elements(catalogue -> 'modules') entry
  on conflict (module) do update
  set display_name = excluded.display_name, description = excluded.description, api_version = excluded.api_version
  where (known.display_name, known.description, known.api_version)
    is distinct from (excluded.display_name, excluded.description, excluded.api_version);

  insert into public.tools as known (module, tool, description, read_only, destructive)
  select
    entry ->> 'module', offered ->> 'tool', offered ->> 'description', (offered -> 'read_only')::boolean,
    (offered -> 'destructive')::boolean
  from jsonb_array_elements(catalogue -> 'modules') entry, jsonb_array_elements(entry -> 'tools') offered
  on conflict (module, tool) do update
  set description = excluded.description, read_only = excluded.read_only, destructive = excluded.destructive;

  delete from public.tools known
  using jsonb_array_elements(catalogue -> 'modules') entry
  where known.module = entry ->> 'module'
    and not exists (select from jsonb_array_elements(entry -> 'tools') offered where offered ->> 'tool' = known.tool);
end
$$;
grant execute on function public.sync_catalogue(jsonb) to service_role;

-- The tools permitted by a user's roles, available or not: the union of all roles. A role's denied tools limit only that role, and a
-- read-only role permits only read tools. A disabled user has no tools.
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

-- The tools a user can use: the permitted ones without broken modules.
create function private.tools_of(p_user uuid) returns table (module text, tool text)
language sql stable security definer set search_path = '' as $$
  select p.module, p.tool
  from private.permitted(p_user) p
  join public.module_registry m on m.module = p.module
  where m.status <> 'broken';
$$;

-- The same for the console: the caller's own tools, or for an admin any user's.
create function public.effective_tools(p_user uuid) returns table (module text, tool text)
language plpgsql stable security definer set search_path = '' as $$
begin
  if p_user = auth.uid() then
    perform private.require_active();
  else
    perform private.require_admin();
  end if;
  return query select * from private.tools_of(p_user) order by 1, 2;
end
$$;
grant execute on function public.effective_tools(uuid) to authenticated;

-- Replaces all permissions of a role in one transaction: [{"module", "tools", "denied_tools"}]. Modules that are not in the list lose
-- their permissions.
create function public.save_role_permissions(p_role uuid, p_permissions jsonb) returns void
language plpgsql security definer set search_path = '' as $$
begin
  perform private.require_admin();
  -- Serializes admins, because parallel changes would mix.
  perform from public.roles where id = p_role for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such role.';
  end if;
  delete from public.role_permissions held
  where held.role_id = p_role
    and not exists (select from jsonb_array_elements(p_permissions) wanted where wanted ->> 'module' = held.module);
  insert into public.role_permissions as held (role_id, module, tools, denied_tools)
  select p_role, wanted.module, wanted.tools, wanted.denied_tools
  from jsonb_to_recordset(p_permissions) as wanted (module text, tools text[], denied_tools text[])
  on conflict (role_id, module) do update
  set tools = excluded.tools, denied_tools = excluded.denied_tools
  where (held.tools, held.denied_tools) is distinct from (excluded.tools, excluded.denied_tools);
end
$$;
grant execute on function public.save_role_permissions(uuid, jsonb) to authenticated;

alter table public.module_registry enable row level security;
alter table public.tools enable row level security;
alter table public.role_permissions enable row level security;

grant select, update (status, last_verified_at, notes, api_version) on public.module_registry to authenticated;
create policy active on public.module_registry as restrictive to authenticated using ((select private.is_active()));
create policy everybody on public.module_registry for select to authenticated using (true);
create policy admin on public.module_registry for update to authenticated using ((select private.is_admin()));

grant select on public.tools to authenticated;
create policy active on public.tools as restrictive to authenticated using ((select private.is_active()));
create policy everybody on public.tools for select to authenticated using (true);

grant select on public.role_permissions to authenticated;
create policy active on public.role_permissions as restrictive to authenticated using ((select private.is_active()));
create policy own on public.role_permissions for select to authenticated using (private.has_role(role_id));
create policy admin on public.role_permissions for select to authenticated using ((select private.is_admin()));

grant select on public.module_registry, public.tools, public.role_permissions to service_role;
