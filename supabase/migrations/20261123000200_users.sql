-- Users, the allow-list, and settings of the installation.

create table public.settings (
  id boolean primary key default true check (id),
  -- The MCP server's URL without a trailing slash; tokens get `<public_url>/mcp` as an audience.
  public_url text check (public_url ~ '^https?://[^\s/?#]+(/[^\s?#]*[^\s/?#])?$'),
  audit_retention_days integer not null default 180 check (audit_retention_days between 1 and 3650),
  updated_at timestamptz not null default now()
);
insert into public.settings default values;
create trigger touch before update on public.settings for each row execute function private.touch();

create table public.users (
  id uuid primary key references auth.users (id) on delete cascade,
  email text not null,
  display_name text check (char_length(display_name) between 1 and 100),
  system_role text not null default 'user' check (system_role in ('admin', 'user')),
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create trigger touch before update on public.users for each row execute function private.touch();

create table public.roles (
  id uuid primary key default gen_random_uuid(),
  name text not null unique check (char_length(name) between 1 and 60),
  description text not null default '' check (char_length(description) <= 500),
  -- Such a role permits only read tools, whatever its permissions contain.
  read_only boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create trigger touch before update on public.roles for each row execute function private.touch();

create table public.user_roles (
  user_id uuid not null references public.users (id) on delete cascade,
  role_id uuid not null references public.roles (id) on delete cascade,
  created_at timestamptz not null default now(),
  primary key (user_id, role_id)
);
create index on public.user_roles (role_id);

create table public.allowed_emails (
  email text primary key check (email = lower(email) and email ~ '^[^@\s]+@[^@\s]+$'),
  -- The user's initial role.
  role_id uuid references public.roles (id) on delete set null,
  created_at timestamptz not null default now()
);
create index on public.allowed_emails (role_id);

-- The caller's role. A token with client_id belongs to an OAuth client (an MCP client). It is for the MCP server and has no access
-- here; otherwise a client could use this database as its user, even as an admin. A token whose session has ended has no access
-- either: it would be valid for up to an hour, long enough to create an API token. Auth issues no tokens without a session; claims
-- without one were set in the SQL editor (docs/deploy.md).
create function private.active_role() returns text
language sql stable security definer set search_path = '' as $$
  select u.system_role from public.users u
  where u.id = auth.uid() and u.disabled_at is null and auth.jwt() ->> 'client_id' is null and (
    auth.jwt() ->> 'session_id' is null
    or exists (select from auth.sessions s where s.id = (auth.jwt() ->> 'session_id')::uuid)
  );
$$;

create function private.is_active() returns boolean
language sql stable security definer set search_path = '' as $$
  select private.active_role() is not null;
$$;

create function private.is_admin() returns boolean
language sql stable security definer set search_path = '' as $$
  select coalesce(private.active_role() = 'admin', false);
$$;

create function private.has_role(p_role uuid) returns boolean
language sql stable security definer set search_path = '' as $$
  select exists (select from public.user_roles where user_id = auth.uid() and role_id = p_role);
$$;

grant execute on function private.is_active(), private.is_admin(), private.has_role(uuid) to authenticated;

-- Refuses callers who are not admins. For functions that run with more rights than their caller.
create function private.require_active() returns void
language plpgsql stable set search_path = '' as $$
begin
  if not private.is_active() then
    raise insufficient_privilege using message = 'This needs a signed-in user whose account is not disabled.';
  end if;
end
$$;

create function private.require_admin() returns void
language plpgsql stable set search_path = '' as $$
begin
  if not private.is_admin() then
    raise insufficient_privilege using message = 'This is for admins.';
  end if;
end
$$;

-- Users may only change their name; columns that only admins may change are refused.
create function private.guard_user_columns() returns trigger
language plpgsql set search_path = '' as $$
begin
  if current_user = 'authenticated' and not private.is_admin()
    and (new.system_role, new.disabled_at) is distinct from (old.system_role, old.disabled_at) then
    raise insufficient_privilege using message = 'Only an admin changes system_role and disabled_at.';
  end if;
  return new;
end
$$;
create trigger guard_user_columns before update on public.users for each row execute function private.guard_user_columns();

-- Serializes changes of admins, because two admins could otherwise remove each other.
create function private.keep_an_admin() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' and new.system_role = 'admin' and new.disabled_at is null then
    return new;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('mcpist.admins', 0));
  if not exists (select from public.users where id <> old.id and system_role = 'admin' and disabled_at is null) then
    raise sqlstate 'PT409' using message = 'The last admin stays.', hint = 'Make somebody else an admin first.';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end
$$;
create trigger keep_an_admin before update or delete on public.users for each row
  when (old.system_role = 'admin' and old.disabled_at is null) execute function private.keep_an_admin();

-- Creates a user when Auth has an account with a confirmed address on the allow-list. The hook below refuses others before the
-- account exists; this function also works if the hook is not enabled. The first user becomes the admin.
create function private.provision_user(p_account auth.users) returns void
language plpgsql security definer set search_path = '' as $$
declare
  allowed public.allowed_emails;
begin
  if p_account.email_confirmed_at is null then
    return;
  end if;
  update public.users set email = lower(p_account.email) where id = p_account.id and email <> lower(p_account.email);
  select * into allowed from public.allowed_emails where email = lower(p_account.email);
  if not found or exists (select from public.users where id = p_account.id) then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('mcpist.admins', 0));
  insert into public.users (id, email, display_name, system_role)
  values (
    p_account.id,
    lower(p_account.email),
    nullif(left(trim(coalesce(p_account.raw_user_meta_data ->> 'full_name', p_account.raw_user_meta_data ->> 'name', '')), 100), ''),
    case when exists (select from public.users where system_role = 'admin') then 'user' else 'admin' end
  );
  if allowed.role_id is not null then
    insert into public.user_roles (user_id, role_id) values (p_account.id, allowed.role_id);
  end if;
end
$$;

create function private.on_account() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  perform private.provision_user(new);
  return null;
end
$$;
create trigger mcpist_on_account after insert or update of email, email_confirmed_at on auth.users
  for each row execute function private.on_account();

-- An account whose address is added to the allow-list later.
create function private.on_allowed_email() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  perform private.provision_user(account) from auth.users account where lower(account.email) = new.email;
  return null;
end
$$;
create trigger on_allowed_email after insert on public.allowed_emails for each row execute function private.on_allowed_email();

-- The hook before_user_created.
create function public.before_user_created_hook(event jsonb) returns jsonb
language sql stable security definer set search_path = '' as $$
  select case
    when exists (select from public.allowed_emails where email = lower(event -> 'user' ->> 'email')) then '{}'::jsonb
    else '{"error": {"http_code": 403, "message": "This address is not on the list. Ask an admin to add it."}}'::jsonb
  end;
$$;

-- The hook custom_access_token: adds this MCP server as an audience (RFC 8707) and the user's system role. `authenticated` stays
-- the first audience, because Auth reads the first one.
create function public.custom_access_token_hook(event jsonb) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  claims jsonb := event -> 'claims';
  account public.users;
  audience jsonb := case jsonb_typeof(claims -> 'aud') when 'array' then claims -> 'aud' else jsonb_build_array(claims -> 'aud') end;
  server text;
begin
  select * into account from public.users where id = (event ->> 'user_id')::uuid;
  if not found then
    return '{"error": {"http_code": 403, "message": "This account has no access. Ask an admin to add its address."}}';
  end if;
  if account.disabled_at is not null then
    return '{"error": {"http_code": 403, "message": "This account is disabled."}}';
  end if;
  select public_url || '/mcp' into server from public.settings;
  if server is not null and not audience ? server then
    audience := audience || to_jsonb(server);
  end if;
  return jsonb_build_object('claims', claims || jsonb_build_object('aud', audience, 'system_role', account.system_role));
end
$$;

grant usage on schema public to supabase_auth_admin;
grant execute on function public.before_user_created_hook(jsonb), public.custom_access_token_hook(jsonb) to supabase_auth_admin;

-- Access. Every table has one restrictive policy: disabled users and OAuth clients' tokens see no rows.
alter table public.settings enable row level security;
alter table public.users enable row level security;
alter table public.roles enable row level security;
alter table public.user_roles enable row level security;
alter table public.allowed_emails enable row level security;

grant select, update (public_url, audit_retention_days) on public.settings to authenticated;
create policy active on public.settings as restrictive to authenticated using ((select private.is_active()));
create policy admin on public.settings to authenticated using ((select private.is_admin()));

grant select, update (display_name, system_role, disabled_at) on public.users to authenticated;
create policy active on public.users as restrictive to authenticated using ((select private.is_active()));
create policy self on public.users to authenticated using (id = (select auth.uid()));
create policy admin on public.users to authenticated using ((select private.is_admin()));

grant select, insert, delete, update (name, description, read_only) on public.roles to authenticated;
create policy active on public.roles as restrictive to authenticated using ((select private.is_active()));
create policy own on public.roles for select to authenticated using (private.has_role(id));
create policy admin on public.roles to authenticated using ((select private.is_admin()));

grant select, insert, delete on public.user_roles to authenticated;
create policy active on public.user_roles as restrictive to authenticated using ((select private.is_active()));
create policy own on public.user_roles for select to authenticated using (user_id = (select auth.uid()));
create policy admin on public.user_roles to authenticated using ((select private.is_admin()));

grant select, insert, delete, update (role_id) on public.allowed_emails to authenticated;
create policy active on public.allowed_emails as restrictive to authenticated using ((select private.is_active()));
create policy admin on public.allowed_emails to authenticated using ((select private.is_admin()));

-- For the console's server side; the functions of this project do not use it.
grant select on public.settings, public.users, public.roles, public.user_roles, public.allowed_emails to service_role;
