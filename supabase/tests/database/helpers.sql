-- Shared by the database tests. Loaded once before them.
create schema tests;
grant usage on schema tests to public;

-- Creates a user with an Auth account and a session, on the allow-list.
create function tests.user(address text) returns uuid language plpgsql as $$
declare
  fresh uuid := gen_random_uuid();
begin
  insert into public.allowed_emails (email) values (address);
  insert into auth.users (id, email, email_confirmed_at) values (fresh, address, now());
  insert into auth.sessions (id, user_id, created_at) values (fresh, fresh, now());
  return fresh;
end
$$;

-- Creates an OAuth client that registered itself.
create function tests.client(client uuid) returns void language sql as $$
  insert into auth.oauth_clients (id, registration_type, redirect_uris, grant_types, client_name, client_type, token_endpoint_auth_method)
  values (client, 'dynamic', 'http://127.0.0.1/callback', 'authorization_code,refresh_token', 'a client', 'public', 'none')
  on conflict do nothing
$$;

-- Switches to the owner, the state at the start of the tests.
create function tests.become_owner() returns void language plpgsql as $$
begin
  perform set_config('request.jwt.claims', '', true);
  perform set_config('role', 'postgres', true);
end
$$;

-- Switches the role for the rest of the transaction: anon, service, or a user (the part of the address before the @) in the console.
-- `<user>'s client` is an OAuth client with that user's token; `<user>'s factor` is the same without the client claim.
create function tests.become(actor text) returns void language plpgsql as $$
declare
  client constant uuid := '11111111-1111-4111-8111-111111111111';
  who text := split_part(actor, '''s ', 1);
  account uuid;
  sign_in uuid;
  claims jsonb;
begin
  perform tests.become_owner();
  if actor in ('anon', 'service') then
    claims := jsonb_build_object('role', case actor when 'anon' then 'anon' else 'service_role' end);
  else
    select id, id into account, sign_in from auth.users where email like who || '@%';
    if who <> actor then
      sign_in := md5(account::text)::uuid;
      perform tests.client(client);
      insert into auth.sessions (id, user_id, oauth_client_id, created_at) values (sign_in, account, client, now()) on conflict do nothing;
    end if;
    claims := jsonb_build_object('role', 'authenticated', 'sub', account, 'session_id', sign_in);
    if actor like '%''s client' then
      claims := claims || jsonb_build_object('client_id', client);
    end if;
  end if;
  perform set_config('request.jwt.claims', claims::text, true);
  perform set_config('role', claims ->> 'role', true);
end
$$;

-- Tests a statement as a user and rolls it back: the number of rows, or the error code.
create function tests.check(actor text, statement text, expected text) returns text language plpgsql as $$
declare
  outcome text;
  n bigint;
begin
  begin
    perform tests.become(actor);
    execute statement;
    get diagnostics n = row_count;
    raise sqlstate 'UNDO0' using message = n::text;
  exception
    when sqlstate 'UNDO0' then outcome := sqlerrm;
    when others then outcome := sqlstate;
  end;
  perform tests.become_owner();
  return extensions.is(outcome, expected, actor || ': ' || statement);
end
$$;

grant execute on all functions in schema tests to public;
