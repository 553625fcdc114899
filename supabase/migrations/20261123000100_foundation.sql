-- Basis of all later migrations: no default grants, and a schema for helpers that the REST API does not expose.

do $$
begin
  if to_regprocedure('vault.create_secret(text, text, text, uuid)') is null then
    raise exception 'The Vault is missing.'
      using hint = 'Enable the extension supabase_vault (Dashboard > Integrations > Vault), then apply the migrations again.';
  end if;
end
$$;

create extension if not exists pgcrypto with schema extensions;

-- Older projects grant all new objects in `public` to the API roles, and by default PostgreSQL lets everyone execute functions.
alter default privileges revoke execute on functions from public;
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;

-- The REST API exposes only `public`. This schema is for functions that only policies and triggers call.
create schema private;
grant usage on schema private to authenticated;

-- Sets updated_at.
create function private.touch() returns trigger
language plpgsql set search_path = '' as $$
begin
  new.updated_at := now();
  return new;
end
$$;

-- Deletes Vault secrets with their row, or when the column changes. The arguments are the columns with secret ids.
create function private.drop_secrets() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  secret_column text;
  before jsonb := to_jsonb(old);
  after jsonb := case when tg_op = 'UPDATE' then to_jsonb(new) else '{}' end;
begin
  foreach secret_column in array tg_argv loop
    if before ->> secret_column is distinct from after ->> secret_column then
      delete from vault.secrets where id = (before ->> secret_column)::uuid;
    end if;
  end loop;
  return null;
end
$$;
