-- Credentials of services. A row describes a credential and contains the ids of its secrets, which are in the Vault.

create table public.oauth_apps (
  service text primary key references public.module_registry (module) on delete cascade,
  client_id text not null check (char_length(client_id) between 1 and 500),
  client_secret_id uuid not null,
  -- Empty: the default scopes in the functions' provider table.
  scopes text[] not null default '{}',
  -- Microsoft: which accounts can connect (consumers, organizations, common, or a directory id). Empty: consumers.
  tenant text check (tenant ~ '^[A-Za-z0-9.-]{1,100}$'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create trigger touch before update on public.oauth_apps for each row execute function private.touch();
create trigger drop_secrets after delete or update of client_secret_id on public.oauth_apps
  for each row execute function private.drop_secrets('client_secret_id');

create table public.oauth_tokens (
  id uuid primary key default gen_random_uuid(),
  -- Exactly one of the two: a user's own credential, or shared with everyone who has the role.
  user_id uuid references public.users (id) on delete cascade,
  role_id uuid references public.roles (id) on delete cascade,
  service text not null references public.module_registry (module) on delete cascade,
  account text not null check (account ~ '^[^[:cntrl:]]{1,100}$'),
  -- basic: the access secret is `user:password` (RFC 7617) before base64 encoding.
  token_type text not null default 'bearer' check (token_type in ('bearer', 'basic')),
  access_secret_id uuid not null,
  refresh_secret_id uuid,
  -- For comparing a rejected token without decrypting this one.
  access_sha256 bytea not null,
  scopes text[] not null default '{}',
  -- Null: does not expire.
  expires_at timestamptz,
  status text not null default 'active' check (status in ('active', 'reconnect_required')),
  -- base_url, cloud_id
  metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  last_used_at timestamptz,
  -- The lease of a running refresh and its end; the last failure.
  refresh_lease uuid,
  refresh_lease_until timestamptz,
  refresh_failed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check ((user_id is null) <> (role_id is null)),
  unique (user_id, service, account),
  unique (role_id, service, account)
);
create index on public.oauth_tokens (service);
create trigger touch before update on public.oauth_tokens for each row execute function private.touch();
create trigger drop_secrets after delete or update of access_secret_id, refresh_secret_id on public.oauth_tokens
  for each row execute function private.drop_secrets('access_secret_id', 'refresh_secret_id');

create table public.oauth_states (
  state_hash bytea primary key,
  user_id uuid not null references public.users (id) on delete cascade,
  service text not null references public.module_registry (module) on delete cascade,
  role_id uuid references public.roles (id) on delete cascade,
  account text check (account ~ '^[^[:cntrl:]]{1,100}$'),
  site text,
  -- PKCE (RFC 7636); deleted from the Vault when the state is used.
  verifier_secret_id uuid,
  expires_at timestamptz not null,
  used_at timestamptz,
  -- The provider's answer, from the callback until the user who started finishes with the handle.
  handle_hash bytea unique,
  access_secret_id uuid,
  refresh_secret_id uuid,
  scopes text[],
  credential_expires_at timestamptz,
  metadata jsonb,
  finished_at timestamptz,
  created_at timestamptz not null default now()
);
create index on public.oauth_states (user_id, created_at);
create trigger drop_secrets after delete or update of verifier_secret_id, access_secret_id, refresh_secret_id on public.oauth_states
  for each row execute function private.drop_secrets('verifier_secret_id', 'access_secret_id', 'refresh_secret_id');

create function private.secret(p_id uuid) returns text
language sql stable security definer set search_path = '' as $$
  select decrypted_secret from vault.decrypted_secrets where id = p_id;
$$;

create function private.token_digest(p_token text) returns bytea
language sql immutable set search_path = '' as $$
  select sha256(convert_to(p_token, 'UTF8'));
$$;

-- Registers or replaces a service's OAuth app. The secret cannot be read again; null keeps the current one.
create function public.save_oauth_app(
  service text, client_id text, client_secret text default null, scopes text[] default '{}', tenant text default null
) returns void
language plpgsql security definer set search_path = '' as $$
declare
  known public.oauth_apps;
begin
  perform private.require_admin();
  if client_secret is not null and char_length(client_secret) not between 1 and 2000 then
    raise check_violation using message = 'client_secret is 1 to 2000 characters long.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('mcpist.app.' || save_oauth_app.service, 0));
  select * into known from public.oauth_apps app where app.service = save_oauth_app.service;
  if found then
    if client_secret is not null then
      perform vault.update_secret(known.client_secret_id, save_oauth_app.client_secret);
    end if;
    update public.oauth_apps app
    set client_id = save_oauth_app.client_id, scopes = save_oauth_app.scopes, tenant = save_oauth_app.tenant
    where app.service = save_oauth_app.service;
    return;
  end if;
  if client_secret is null then
    raise not_null_violation using message = 'A new OAuth app needs client_secret.';
  end if;
  insert into public.oauth_apps (service, client_id, client_secret_id, scopes, tenant)
  values (
    save_oauth_app.service, save_oauth_app.client_id,
    vault.create_secret(save_oauth_app.client_secret, null, 'MCPist: OAuth app of ' || save_oauth_app.service),
    save_oauth_app.scopes, save_oauth_app.tenant
  );
end
$$;
grant execute on function public.save_oauth_app(text, text, text, text[], text) to authenticated;

-- The services that can be connected by OAuth, for every user's console.
create function public.connectable_services() returns setof text
language plpgsql stable security definer set search_path = '' as $$
begin
  perform private.require_active();
  return query select service from public.oauth_apps order by 1;
end
$$;
grant execute on function public.connectable_services() to authenticated;

-- Stores a credential for an owner and replaces the one with the same service and account.
create function private.store_token(
  p_user uuid, p_role uuid, p_service text, p_account text, p_token_type text, p_access text, p_refresh text,
  p_scopes text[], p_expires_at timestamptz, p_metadata jsonb
) returns uuid
language plpgsql security definer set search_path = '' as $$
declare
  label constant text := 'MCPist: credential of ' || p_service;
  stored public.oauth_tokens;
begin
  perform pg_advisory_xact_lock(hashtextextended(concat_ws('.', 'mcpist.token', p_user, p_role, p_service, p_account), 0));
  select * into stored from public.oauth_tokens
  where service = p_service and account = p_account and (user_id = p_user or role_id = p_role) for update;
  if not found then
    insert into public.oauth_tokens (
      user_id, role_id, service, account, token_type, access_secret_id, refresh_secret_id, access_sha256, scopes, expires_at, metadata
    ) values (
      p_user, p_role, p_service, p_account, p_token_type, vault.create_secret(p_access, null, label),
      case when p_refresh is not null then vault.create_secret(p_refresh, null, label) end,
      private.token_digest(p_access), p_scopes, p_expires_at, p_metadata
    ) returning * into stored;
    return stored.id;
  end if;
  perform vault.update_secret(stored.access_secret_id, p_access);
  if stored.refresh_secret_id is not null and p_refresh is not null then
    perform vault.update_secret(stored.refresh_secret_id, p_refresh);
  end if;
  -- Clears the lease: a running refresh belongs to the replaced credential.
  update public.oauth_tokens
  set token_type = p_token_type, access_sha256 = private.token_digest(p_access), scopes = p_scopes, expires_at = p_expires_at,
    metadata = p_metadata, status = 'active', refresh_lease = null, refresh_lease_until = null, refresh_failed_at = null,
    refresh_secret_id = case
      when p_refresh is null then null
      when stored.refresh_secret_id is null then vault.create_secret(p_refresh, null, label)
      else stored.refresh_secret_id
    end
  where id = stored.id;
  return stored.id;
end
$$;

-- Connects a service with a token created there: a personal access token, or email and API token (basic). Admins can share it with a
-- role. Only Jira and Confluence have their own address, which must be an Atlassian Cloud site: the credential is sent to this
-- address, so users cannot choose it freely.
create function public.connect_with_token(
  service text, token text, account text default 'default', token_type text default 'bearer', base_url text default null,
  shared_with_role uuid default null
) returns uuid
language plpgsql security definer set search_path = '' as $$
begin
  perform private.require_active();
  if shared_with_role is not null then
    perform private.require_admin();
  elsif not exists (select from private.tools_of(auth.uid()) permitted where permitted.module = service) then
    raise insufficient_privilege using message = 'None of your roles permits this service.';
  end if;
  if char_length(token) not between 8 and 4000 or token ~ '[[:cntrl:][:space:]]' then
    raise check_violation using message = 'token is 8 to 4000 characters without blanks.';
  end if;
  if (token_type = 'basic') <> (token ~ '^[^:@]+@[^:@]+:.') then
    raise check_violation using message = 'A basic token is your e-mail address, a colon and the API token; a bearer token is none of that.';
  end if;
  if service in ('jira', 'confluence') then
    if base_url is null or base_url !~ '^https://([a-z0-9-]{1,63}\.atlassian\.net|api\.atlassian\.com/ex/(jira|confluence)/[0-9a-f-]{36})$' then
      raise check_violation using message = 'base_url is the site''s address, like https://acme.atlassian.net.';
    end if;
  elsif base_url is not null or token_type = 'basic' then
    raise check_violation using message = 'base_url and basic tokens are for Jira and Confluence alone.';
  end if;
  return private.store_token(
    case when shared_with_role is null then auth.uid() end, shared_with_role, service, account, token_type, token, null, '{}', null,
    case when base_url is null then '{}' else jsonb_build_object('base_url', base_url) end
  );
end
$$;
grant execute on function public.connect_with_token(text, text, text, text, text, uuid) to authenticated;

alter table public.oauth_apps enable row level security;
alter table public.oauth_tokens enable row level security;
alter table public.oauth_states enable row level security;

-- Columns are granted by name: only these functions can read the ids of secrets.
grant select (service, client_id, scopes, tenant, created_at, updated_at), delete on public.oauth_apps to authenticated;
create policy active on public.oauth_apps as restrictive to authenticated using ((select private.is_active()));
create policy admin on public.oauth_apps to authenticated using ((select private.is_admin()));

grant select (
  id, user_id, role_id, service, account, token_type, scopes, expires_at, status, metadata, last_used_at, created_at, updated_at
), delete on public.oauth_tokens to authenticated;
create policy active on public.oauth_tokens as restrictive to authenticated using ((select private.is_active()));
create policy own on public.oauth_tokens to authenticated using (user_id = (select auth.uid()));
create policy shared on public.oauth_tokens to authenticated using (role_id is not null and (select private.is_admin()));
