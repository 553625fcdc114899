-- The row of Auth's session decides whose session a token belongs to. The claim `client_id` is not enough: Auth leaves it out of the token
-- that it issues after an MFA factor was verified. Auth also accepts a client's token at every endpoint that accepts the console's: with it a client could
-- set a password, or allow another client. So every check below reads the row.

alter table public.settings add grants_required boolean not null default false;
-- A new installation has no clients that were allowed before the table below existed.
update public.settings set grants_required = true where not exists (select from public.users);

-- What an OAuth client may do for a user, as chosen in the console: at most the user's own permissions, until an end. Auth's own consents
-- (auth.oauth_consents) do not contain this choice, and a client's token can create one. No foreign key to auth.oauth_clients, which belongs
-- to Auth.
create table public.client_grants (
  user_id uuid not null references public.users (id) on delete cascade,
  client_id uuid not null,
  read_only boolean not null default false,
  -- Null: every module.
  modules text[] check (cardinality(modules) between 1 and 100 and array_position(modules, null) is null),
  expires_at timestamptz not null,
  -- When the user last decided.
  allowed_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (user_id, client_id)
);
create trigger touch before update on public.client_grants for each row execute function private.touch();
-- Read through my_clients().
alter table public.client_grants enable row level security;

-- Creates grants for the consents of 0.1.0's console, which does not know this table. Does nothing after the first call of allow_client.
create function private.adopt_consents() returns void
language sql security definer set search_path = '' as $$
  insert into public.client_grants (user_id, client_id, expires_at)
  select c.user_id, c.client_id, now() + interval '365 days'
  from auth.oauth_consents c join public.users u on u.id = c.user_id
  where c.revoked_at is null and not (select grants_required from public.settings)
  on conflict (user_id, client_id) do update set allowed_at = now();
$$;
select private.adopt_consents();

-- Returns whether a client may act for a user now. A consent in Auth that is newer than the user's answer was not given in the console:
-- another client of the user gave it, because Auth accepts its token there.
create function private.client_allowed(p_user uuid, p_client uuid) returns boolean
language sql stable security definer set search_path = '' as $$
  select case
    when not s.grants_required then coalesce(held.expires_at > now(), true)
    else coalesce(held.expires_at > now(), false) and not exists (
      select from auth.oauth_consents c
      where c.user_id = p_user and c.client_id = p_client and c.revoked_at is null
        and c.granted_at > held.allowed_at + interval '10 minutes'
    )
  end
  from public.settings s left join public.client_grants held on held.user_id = p_user and held.client_id = p_client;
$$;

-- Whether a session is the console's; for functions that only the console may call.
create function public.is_console_session(p_user uuid, p_session uuid) returns boolean
language sql stable security definer set search_path = '' as $$
  select exists (
    select from auth.sessions s
    where s.id = p_session and s.user_id = p_user and s.oauth_client_id is null and (s.not_after is null or s.not_after > now())
  );
$$;
grant execute on function public.is_console_session(uuid, uuid) to service_role;

-- Returns the caller's role, `admin` or `user`; null if the caller may do nothing here: a disabled or signed-out user, or an OAuth client.
-- Claims without a session come from the SQL editor (docs/deploy.md), which signs in as postgres.
create or replace function private.active_role() returns text
language sql stable security definer set search_path = '' as $$
  select u.system_role from public.users u
  where u.id = auth.uid() and u.disabled_at is null and auth.jwt() ->> 'client_id' is null and case
    when auth.jwt() ->> 'session_id' is null then session_user = 'postgres'
    else public.is_console_session(u.id, (auth.jwt() ->> 'session_id')::uuid)
  end;
$$;

-- The hook custom_access_token: adds the user's role and the MCP server's audience (RFC 8707), and the client if Auth left it out. It runs
-- in the transaction that creates the session, and at every refresh. So it also ends old sign-ins (RFC 9700, section 4.14.2): of the console after
-- 30 days, of a client when its grant ends or after 90 days without use.
-- `authenticated` stays the first audience, because Auth reads the first one.
create or replace function public.custom_access_token_hook(event jsonb) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  claims jsonb := event -> 'claims';
  account public.users;
  sign_in auth.sessions;
  client uuid;
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
  select * into sign_in from auth.sessions where id = (claims ->> 'session_id')::uuid;
  client := coalesce(sign_in.oauth_client_id, (claims ->> 'client_id')::uuid);
  if client is not null then
    claims := claims || jsonb_build_object('client_id', client);
    if not private.client_allowed(account.id, client) then
      return '{"error": {"http_code": 403, "message": "This client is not allowed in the console, or its access has ended. Connect it again."}}';
    end if;
  end if;
  if client is null and sign_in.created_at < now() - interval '30 days'
    or client is not null and sign_in.refreshed_at < (now() at time zone 'utc') - interval '90 days' then
    return '{"error": {"http_code": 403, "message": "This session has expired. Sign in again."}}';
  end if;
  select public_url || '/mcp' into server from public.settings;
  if server is not null and not audience ? server then
    audience := audience || to_jsonb(server);
  end if;
  return jsonb_build_object('claims', claims || jsonb_build_object('aud', audience, 'system_role', account.system_role));
end
$$;

-- What a client's token must not change in its user's account if email is enabled in Auth (docs/deploy.md). The triggers run on every update
-- and compare inside: triggers on named columns would block Auth's own migrations of these columns.

-- Auth deletes all other sessions in the transaction that sets a password. So the session that is left at its end is the one that set it.
create function private.guard_password() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if coalesce(new.encrypted_password, '') not in ('', coalesce(old.encrypted_password, ''))
    and exists (select from auth.sessions s where s.user_id = new.id and s.oauth_client_id is not null) then
    raise insufficient_privilege using message = 'A client cannot set its user''s password.';
  end if;
  return null;
end
$$;
create constraint trigger mcpist_guard_password after update on auth.users deferrable initially deferred
  for each row execute function private.guard_password();

-- Two more checks, before the row is written:
-- - A password set before the address was confirmed may belong to an attacker who signed up with another person's address and waits for that
--   person to follow the link in the email. An account created by an admin is confirmed without an email and keeps its password.
-- - Users cannot change their address, because the allow-list depends on it. (An admin's change in the dashboard sends no email.)
create function private.guard_account() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if old.email_confirmed_at is null and new.email_confirmed_at is not null
    and coalesce(old.confirmation_sent_at, old.recovery_sent_at, old.invited_at) is not null then
    new.encrypted_password := null;
  end if;
  if coalesce(new.email_change, '') not in ('', coalesce(old.email_change, '')) then
    raise insufficient_privilege using message = 'Only an admin can change an address.';
  end if;
  return new;
end
$$;
create trigger mcpist_guard_account before update on auth.users for each row execute function private.guard_account();

-- Replaces the earlier trigger by one on every update, for the same reason.
create or replace function private.on_account() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'INSERT' or (new.email, new.email_confirmed_at) is distinct from (old.email, old.email_confirmed_at) then
    perform private.provision_user(new);
  end if;
  return null;
end
$$;
create or replace trigger mcpist_on_account after insert or update on auth.users for each row execute function private.on_account();
