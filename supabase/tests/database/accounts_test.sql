-- Deleting accounts and ending sessions completely, and what a client must not change in its user's account.
begin;
select no_plan();

create temp table ids as select tests.user('ada@example.com') as ada, tests.user('bob@example.com') as bob, tests.user('eve@example.com') as eve;
grant select on ids to public;
select tests.client('00000000-0000-4000-8000-0000000000c1');
-- Bob has a row in every table of Auth.
create function pg_temp.furnish() returns void language sql as $$
  insert into auth.identities (provider_id, user_id, identity_data, provider) select bob::text, bob, '{}', 'google' from ids on conflict do nothing;
  insert into auth.sessions (id, user_id, oauth_client_id, created_at) select gen_random_uuid(), bob, '00000000-0000-4000-8000-0000000000c1'::uuid, now() from ids;
  insert into auth.refresh_tokens (token, session_id) select s.id::text, s.id from auth.sessions s, ids where user_id = bob on conflict do nothing;
  insert into auth.oauth_consents (id, user_id, client_id, scopes) select gen_random_uuid(), bob, '00000000-0000-4000-8000-0000000000c1', 'email' from ids
    on conflict (user_id, client_id) do update set revoked_at = null;
  insert into auth.oauth_authorizations (id, authorization_id, client_id, user_id, redirect_uri, scope)
    select gen_random_uuid(), gen_random_uuid(), '00000000-0000-4000-8000-0000000000c1', bob, 'x:y', 'email' from ids;
  insert into public.client_grants (user_id, client_id, expires_at) select bob, '00000000-0000-4000-8000-0000000000c1', now() + interval '1 day' from ids on conflict do nothing;
  insert into auth.mfa_factors (id, user_id, factor_type, status, secret, created_at, updated_at) select gen_random_uuid(), bob, 'totp', 'verified', 's', now(), now() from ids;
  insert into auth.webauthn_credentials (user_id, credential_id, public_key) select bob, extensions.gen_random_bytes(8), '\x01' from ids;
  insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to) select gen_random_uuid(), bob, 'recovery_token', 'h', 'bob' from ids;
  insert into auth.flow_state (id, user_id, provider_type, authentication_method) select gen_random_uuid(), bob, 'google', 'oauth' from ids;
$$;
create function pg_temp.left_of(who uuid) returns text language sql as $$
  select string_agg(what, ' ' order by what) from (
    select 'sessions' as what from auth.sessions where user_id = who
    union select 'identities' from auth.identities where user_id = who
    union select 'consents' from auth.oauth_consents where user_id = who and revoked_at is null
    union select 'grants' from public.client_grants where user_id = who
    union select 'authorizations' from auth.oauth_authorizations where user_id = who
    union select 'factors' from auth.mfa_factors where user_id = who
    union select 'passkeys' from auth.webauthn_credentials where user_id = who
    union select 'links' from auth.one_time_tokens where user_id = who
    union select 'link' from auth.users where id = who and recovery_token <> ''
    union select 'flows' from auth.flow_state where user_id = who
    union select 'password' from auth.users where id = who and encrypted_password <> ''
  ) x
$$;
update auth.users set encrypted_password = 'a hash', recovery_token = 'token of ' || id where id in (select unnest(array[bob, eve]) from ids);
set constraints all immediate;
select pg_temp.furnish();

-- Passwords: the session that remains after setting one is the one that set it.
set constraints all immediate;
select throws_ok(
  $$update auth.users set encrypted_password = 'another' where id = (select bob from ids)$$, '42501', 'A client cannot set its user''s password.', 'a client''s session is there'
);
select lives_ok($$update auth.users set encrypted_password = 'another' where id = (select eve from ids)$$, 'a session of the console''s');
select lives_ok($$update auth.users set last_sign_in_at = now() where id = (select bob from ids)$$, 'another change');
set constraints all deferred;
select lives_ok($$update auth.users set encrypted_password = 'another' where id = (select bob from ids)$$, 'what the console does');
delete from auth.sessions where user_id = (select bob from ids) and oauth_client_id is not null;
select lives_ok('set constraints all immediate', 'ends the clients'' sessions in the same transaction');
set constraints all deferred;
insert into auth.sessions (id, user_id, oauth_client_id, created_at) select gen_random_uuid(), bob, '00000000-0000-4000-8000-0000000000c1'::uuid, now() from ids;
select throws_ok(
  $$update auth.users set email_change = 'evil@example.com' where id = (select bob from ids)$$, '42501', 'Only an admin can change an address.', 'users cannot change their address'
);

-- Confirming the address removes a password that was set before.
insert into public.allowed_emails (email) values ('new@example.com'), ('made@example.com');
insert into auth.users (id, email, encrypted_password, confirmation_sent_at) values (gen_random_uuid(), 'new@example.com', 'a stranger''s', now());
update auth.users set email_confirmed_at = now() where email = 'new@example.com';
select is((select encrypted_password from auth.users where email = 'new@example.com'), null, 'a person followed an emailed link');
insert into auth.users (id, email, encrypted_password) values (gen_random_uuid(), 'made@example.com', 'an admin''s');
update auth.users set email_confirmed_at = now() where email = 'made@example.com';
select is((select encrypted_password from auth.users where email = 'made@example.com'), 'an admin''s', 'an admin made the account');

-- After a leak.
select is(
  pg_temp.left_of(bob), 'authorizations consents factors flows grants identities link links passkeys password sessions', 'there is one of everything'
) from ids;
select tests.become('ada');
select is(public.revoke_user_tokens((select bob from ids)), '{"oauth_tokens": 0, "api_tokens": 0, "sessions": 2, "incomplete": []}', 'everything is revoked');
select tests.become_owner();
select is(pg_temp.left_of(bob), 'identities', 'and an attacker has no way left to sign in') from ids;
select is(pg_temp.left_of(eve), 'link password sessions', 'of this user alone') from ids;
-- Auth may change its tables: everything that can be removed is removed.
select pg_temp.furnish();
create function pg_temp.refuse() returns trigger language plpgsql as $$ begin raise exception 'not yours'; end $$;
create trigger refuse before delete on auth.mfa_factors for each row execute function pg_temp.refuse();
create trigger refuse before delete on auth.flow_state for each row execute function pg_temp.refuse();
select tests.become('ada');
select is(
  public.revoke_user_tokens((select bob from ids)) -> 'incomplete', '["auth.flow_state", "auth.mfa_factors"]', 'and it is said what does not'
);
select tests.become_owner();
select is(pg_temp.left_of(bob), 'factors flows identities', 'which keeps nothing else') from ids;
create or replace function pg_temp.refuse() returns trigger language plpgsql as $$ begin return old; end $$;

-- Deleting an account removes all its data.
insert into public.roles (id, name) values ('00000000-0000-4000-8000-000000000001', 'Team');
insert into public.user_roles (user_id, role_id) select bob, '00000000-0000-4000-8000-000000000001' from ids;
select private.store_token(bob, null, 'github', 'bob', 'bearer', 'secret-of-bob', 'refresh-of-bob', '{}', null, '{}') from ids;
select is((select count(*) from vault.secrets), 2::bigint, 'secrets of a credential');
select tests.become('ada');
select lives_ok($$select public.delete_account((select bob from ids))$$, 'an admin deletes an account');
select tests.become_owner();
select is(pg_temp.left_of(bob), null, 'all of it is removed from Auth') from ids;
select is_empty('select from auth.users, ids where id = bob union all select from public.users, ids where id = bob union all select from public.oauth_tokens', 'nor here');
select is((select count(*) from vault.secrets), 0::bigint, 'nor in the Vault');
select isnt_empty(
  $$select from public.audit_logs, ids where user_id = ada and action = 'users.delete' and detail #>> '{key,id}' = bob::text$$, 'the trail says who did it'
);
select isnt_empty($$select from public.allowed_emails where email = 'bob@example.com'$$, 'the list is as it was');
update public.users set system_role = 'admin' where id = (select eve from ids);
select tests.become('eve');
select lives_ok($$select public.delete_account((select ada from ids))$$, 'another admin may go');
select throws_ok($$select public.delete_account((select eve from ids))$$, 'PT409', null, 'but an admin cannot delete their own account, so one remains');
select tests.become_owner();
select is((select count(*) from public.users where system_role = 'admin'), 1::bigint, 'the last one is there');
-- Another table of the project may refer to an account.
create table public.elsewhere (owner uuid references auth.users);
insert into public.elsewhere select id from auth.users where email = 'made@example.com';
select tests.become('eve');
select throws_ok(
  $$select public.delete_account((select id from public.users where email = 'made@example.com'))$$, 'PT409',
  'The account is still used outside MCPist, in the table elsewhere.', 'what holds it is named'
);

select * from finish();
rollback;
