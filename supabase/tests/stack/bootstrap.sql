-- For tests: what a Supabase database has before our migrations, so far as they rely on it. Run by supabase_admin.
grant all on schema public to postgres with grant option;
grant usage on schema public to anon, authenticated, service_role;
do $$ begin execute format('grant create on database %I to postgres', current_database()); end $$;
create schema extensions;
grant usage, create on schema extensions to postgres;
grant usage on schema extensions to anon, authenticated, service_role;
create extension pgcrypto with schema extensions;
do $$ begin execute format('alter database %I set search_path = "$user", public, extensions', current_database()); end $$;

-- Older projects grant everything new to the API roles. The tests take this harder case: the migrations must undo it.
alter default privileges for role postgres in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to anon, authenticated, service_role;

create schema auth authorization supabase_auth_admin;
grant usage on schema auth to postgres, anon, authenticated, service_role;
create table auth.users (
  id uuid primary key default gen_random_uuid(),
  aud text default 'authenticated',
  role text default 'authenticated',
  email text unique,
  encrypted_password text,
  raw_app_meta_data jsonb not null default '{}',
  raw_user_meta_data jsonb not null default '{}',
  email_confirmed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
-- Of Auth's other tables the columns that matter here, with the references and the rights of the real ones: `postgres` may change
-- rows by the owner's default privileges, and row level security is on, which `postgres` bypasses.
create table auth.oauth_clients (
  id uuid primary key default gen_random_uuid(),
  client_name text,
  redirect_uris text not null,
  created_at timestamptz not null default now()
);
create table auth.sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  oauth_client_id uuid references auth.oauth_clients on delete cascade,
  created_at timestamptz default now()
);
create table auth.refresh_tokens (
  token text primary key,
  session_id uuid references auth.sessions on delete cascade,
  revoked boolean not null default false
);
create table auth.oauth_authorizations (
  id uuid primary key default gen_random_uuid(),
  authorization_id text not null unique,
  client_id uuid not null references auth.oauth_clients on delete cascade,
  user_id uuid references auth.users on delete cascade,
  redirect_uri text not null,
  scope text not null,
  state text,
  code_challenge text,
  authorization_code text unique,
  expires_at timestamptz not null default now() + interval '3 minutes'
);
create table auth.oauth_consents (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  client_id uuid not null references auth.oauth_clients on delete cascade,
  scopes text not null,
  granted_at timestamptz not null default now(),
  revoked_at timestamptz check (revoked_at is null or revoked_at >= granted_at),
  unique (user_id, client_id)
);
do $$
declare
  name text;
begin
  foreach name in array array['users', 'sessions', 'refresh_tokens', 'oauth_clients', 'oauth_authorizations', 'oauth_consents'] loop
    execute format('alter table auth.%I owner to supabase_auth_admin', name);
    execute format('grant all on auth.%I to postgres', name);
  end loop;
end
$$;
alter table auth.users enable row level security;
alter table auth.sessions enable row level security;
alter table auth.refresh_tokens enable row level security;
grant all on auth.users to postgres with grant option;

create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
create function auth.uid() returns uuid language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), auth.jwt() ->> 'sub')::uuid
$$;
create function auth.role() returns text language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.role', true), ''), auth.jwt() ->> 'role')
$$;
grant execute on all functions in schema auth to postgres, anon, authenticated, service_role;
