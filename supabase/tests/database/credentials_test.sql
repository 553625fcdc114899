-- Secrets are in the Vault and are deleted with their row; one exchange at a time.
begin;
select no_plan();

create temp table ids as select
  tests.user('ada@example.com') as ada, tests.user('bob@example.com') as bob, tests.user('eve@example.com') as eve, gen_random_uuid() as team;
grant select on ids to public;
insert into public.roles (id, name) select team, 'Team' from ids;
insert into public.user_roles (user_id, role_id) select bob, team from ids;
insert into public.role_permissions (role_id, module, tools) select team, module, '{*}' from ids, unnest(array['github', 'notion', 'jira']) module;
create function pg_temp.secrets() returns bigint language sql as $$ select count(*) from vault.secrets $$;
create function pg_temp.exchange(service text, account text default null, rejected text default null) returns jsonb language sql as $$
  select public.begin_exchange((select bob from ids), service, account, encode(sha256(convert_to(rejected, 'UTF8')), 'hex'))
$$;
create function pg_temp.store(account text, access text, refresh text default null, expires interval default null, shared boolean default false)
returns uuid language sql as $$
  select private.store_token(
    case when not shared then bob end, case when shared then team end, 'github', account, 'bearer', access, refresh, '{repo}', now() + expires, '{}'
  ) from ids
$$;

-- OAuth apps.
select tests.become('bob');
select throws_ok($$select public.save_oauth_app('github', 'id', 'secret')$$, '42501', 'This is for admins.', 'users register no apps');
select throws_ok($$select public.connectable_services() from (select set_config('request.jwt.claims', '{}', true)) x$$, '42501', null, 'a caller without a user cannot ask');
select tests.become('ada');
select throws_ok($$select public.save_oauth_app('github', 'id')$$, '23502', null, 'a new app has a secret');
select lives_ok($$select public.save_oauth_app('github', 'id', 'app-secret', '{repo}')$$, 'admins do');
select lives_ok($$select public.save_oauth_app('github', 'other-id')$$, 'and change it without the secret');
select is((select client_id from public.oauth_apps), 'other-id', 'which takes the place of the old one');
select results_eq('select public.connectable_services()', array['github'], 'the console knows what can be connected');
select tests.become_owner();
select is(pg_temp.secrets(), 1::bigint, 'there is one secret');
select is((select private.secret(client_secret_id) from public.oauth_apps), 'app-secret', 'which is the app''s');

-- Pasted tokens.
select tests.check('eve', $$select public.connect_with_token('github', 'ghp_12345678')$$, '42501');
select tests.check('bob', $$select public.connect_with_token('github', 'ghp_12345678')$$, '1');
select tests.check('bob''s client', $$select public.connect_with_token('github', 'ghp_12345678')$$, '42501');
select tests.check('bob', $$select public.connect_with_token('github', E'ghp_12345678\r\nx: y')$$, '23514');
select tests.check('bob', $$select public.connect_with_token('github', 'ghp_12345678', E'a\nb')$$, '23514');
select tests.check('bob', $$select public.connect_with_token('github', 'ghp_12345678', base_url => 'https://evil.example.com')$$, '23514');
select tests.check('bob', $$select public.connect_with_token('jira', 'bob@example.com:12345678', 'acme', 'basic', 'https://acme.atlassian.net')$$, '1');
select tests.check('bob', $$select public.connect_with_token('jira', 'bob@example.com:12345678', 'acme', 'basic', 'https://acme.atlassian.net.evil.com')$$, '23514');
select tests.check('bob', $$select public.connect_with_token('jira', 'bob@example.com:12345678', 'acme', 'basic')$$, '23514');
select tests.check('bob', $$select public.connect_with_token('jira', '12345678', 'acme', 'basic', 'https://acme.atlassian.net')$$, '23514');
select tests.check('bob', $$select public.connect_with_token('jira', 'bob@example.com:12345678', base_url => 'https://acme.atlassian.net')$$, '23514');
select tests.check('bob', $$select public.connect_with_token('github', 'ghp_12345678', shared_with_role => (select team from ids))$$, '42501');
select tests.check('ada', $$select public.connect_with_token('github', 'ghp_12345678', shared_with_role => (select team from ids))$$, '1');

-- Selection of the credential.
select is(pg_temp.exchange('confluence'), '{"outcome": "not_permitted"}', 'a module outside the roles');
select is(pg_temp.exchange('github'), '{"outcome": "not_connected", "accounts": []}', 'no credential');
select is(public.begin_exchange(gen_random_uuid(), 'github', null, null), '{"outcome": "user_disabled"}', 'no user');
select pg_temp.store('team', 'access-team', shared => true);
select is(pg_temp.exchange('github') - 'token_id', '{"outcome": "use", "access_token": "access-team", "account": "team", "token_type": "bearer", "expires_at": null, "base_url": null, "shared": true}', 'one shared with a role');
select is(pg_temp.secrets(), 2::bigint, 'it has one secret');
select pg_temp.store('own', 'access-own', 'refresh-own', '1 hour');
select is(pg_temp.exchange('github') ->> 'access_token', 'access-own', 'one''s own comes first');
select is(pg_temp.exchange('github', 'team') ->> 'access_token', 'access-team', 'the shared one has its name');
select is(pg_temp.exchange('github', 'other') ->> 'outcome', 'not_connected', 'an unknown account name');
select pg_temp.store('second', 'access-second');
select is(pg_temp.exchange('github'), '{"outcome": "account_required", "accounts": ["own", "second", "team"]}', 'two of one''s own need a name');
select is(pg_temp.exchange('github', 'second') ->> 'access_token', 'access-second', 'with which it is found');

-- Refresh: a lease on the row.
select is(pg_temp.exchange('github', 'own', 'another token') ->> 'outcome', 'use', 'what was refused is not what is stored any more');
create temp table lease as select pg_temp.exchange('github', 'own', 'access-own') as step;
select is((select step ->> 'outcome' from lease), 'refresh', 'a refused token is refreshed');
select is((select step ->> 'refresh_token' from lease), 'refresh-own', 'with the refresh token');
select is((select step ->> 'client_secret' from lease), 'app-secret', 'and the app''s secret');
select is(pg_temp.exchange('github', 'own', 'access-own') ->> 'outcome', 'wait', 'once at a time');
select is(pg_temp.exchange('github', 'own') ->> 'outcome', 'use', 'who was not refused need not wait');
select is(
  (select public.finish_refresh((step ->> 'token_id')::uuid, gen_random_uuid(), 'a', 'r', null) from lease), false, 'another''s lease stores nothing'
);
select is(
  (select public.finish_refresh((step ->> 'token_id')::uuid, (step ->> 'lease')::uuid, 'access-new', 'refresh-new', now() + interval '30 seconds') from lease),
  true, 'the lease''s holder stores'
);
update lease set step = pg_temp.exchange('github', 'own');
select is((select step ->> 'outcome' from lease), 'refresh', 'a token that ends within a minute is refreshed');
select is((select step ->> 'refresh_token' from lease), 'refresh-new', 'with the new refresh token');
select is(pg_temp.exchange('github', 'own') ->> 'access_token', 'access-new', 'and serves meanwhile');
select public.fail_refresh((step ->> 'token_id')::uuid, (step ->> 'lease')::uuid, false) from lease;
select is(pg_temp.exchange('github', 'own') ->> 'outcome', 'use', 'after a failure too');
select is(pg_temp.exchange('github', 'own', 'access-new') ->> 'outcome', 'backoff', 'but a refused one has to wait then');
update public.oauth_tokens set refresh_failed_at = null, refresh_lease_until = null where account = 'own';
update lease set step = pg_temp.exchange('github', 'own');
select public.fail_refresh((step ->> 'token_id')::uuid, (step ->> 'lease')::uuid, true) from lease;
select is(pg_temp.exchange('github', 'own'), '{"outcome": "reconnect_required", "account": "own"}', 'when the grant is over the user connects again');
select is(pg_temp.exchange('github', 'second') ->> 'outcome', 'use', 'for this credential alone');
select is(pg_temp.exchange('github', 'second', 'access-second') ->> 'outcome', 'reconnect_required', 'a refused one without a refresh token as well');
select pg_temp.store('own', 'access-again', 'refresh-again');
select is(pg_temp.exchange('github', 'own') ->> 'access_token', 'access-again', 'connecting again fixes it');

-- Secrets are deleted.
select is(pg_temp.secrets(), 5::bigint, 'three access tokens, a refresh token, an app');
select pg_temp.store('own', 'access-last');
select is(pg_temp.secrets(), 4::bigint, 'a replaced credential leaves no secret');
delete from public.oauth_tokens where account = 'second';
select is(pg_temp.secrets(), 3::bigint, 'nor does a removed one');
-- Bob has two clients besides the console; bob and ada each have a pending connection.
select tests.client('00000000-0000-4000-8000-0000000000c1'), tests.client('00000000-0000-4000-8000-0000000000c2');
insert into auth.sessions (id, user_id, oauth_client_id)
  select gen_random_uuid(), bob, client from ids, unnest(array['00000000-0000-4000-8000-0000000000c1', '00000000-0000-4000-8000-0000000000c2']::uuid[]) client;
insert into auth.refresh_tokens (token, session_id) select id::text, id from auth.sessions;
-- One was granted by a clock ahead of this transaction's.
insert into auth.oauth_consents (id, user_id, client_id, scopes, granted_at)
  select gen_random_uuid(), bob, '00000000-0000-4000-8000-0000000000c1'::uuid, 'email', now() + interval '1 second' from ids
  union all select gen_random_uuid(), ada, '00000000-0000-4000-8000-0000000000c2', 'email', now() from ids;
insert into auth.oauth_authorizations (id, authorization_id, client_id, user_id, redirect_uri, scope, authorization_code)
  select gen_random_uuid(), who::text, '00000000-0000-4000-8000-0000000000c1', who, '', 'email', who::text from ids, unnest(array[ada, bob]) who;
insert into public.oauth_states (state_hash, user_id, service, expires_at, used_at)
  select sha256(who::text::bytea), who, 'github', now() + interval '1 minute', now() from ids, unnest(array[ada, bob]) who;
select public.hold_oauth_token(encode(state_hash, 'hex'), encode(state_hash, 'hex'), 'x', 'access-held', 'refresh-held', '{}', null, '{}') from public.oauth_states;
select is(pg_temp.secrets(), 7::bigint, 'what is held has its secrets');
select tests.become('bob');
select throws_ok('select public.revoke_all_tokens()', '42501', 'This is for admins.', 'not everybody revokes everything');
select tests.become('ada');
select is(public.revoke_user_tokens((select bob from ids)), '{"oauth_tokens": 1, "api_tokens": 0, "sessions": 3, "incomplete": []}', 'one user''s are revoked');
select tests.become_owner();
select is_empty('select from auth.sessions, ids where user_id = bob', 'with that user''s sessions');
select is((select count(*) from auth.refresh_tokens), 2::bigint, 'and their refresh tokens, but not the others''');
select tests.check('bob', 'select from public.users', '0');
select tests.check('bob', $$select public.create_api_token('for ever')$$, '42501');
select results_eq('select user_id from auth.oauth_consents where revoked_at is null', 'select ada from ids', 'the clients have to ask again');
select results_eq('select user_id from auth.oauth_authorizations', 'select ada from ids', 'and a code that is under way is worth nothing');
select tests.become('ada');
select is(public.revoke_all_tokens(), '{"oauth_tokens": 1, "api_tokens": 0, "sessions": 2, "incomplete": []}', 'all are revoked');
select tests.become_owner();
select is(pg_temp.secrets(), 1::bigint, 'which leaves the app''s secret');
select is_empty('select from auth.sessions union all select from auth.oauth_consents where revoked_at is null union all select from auth.oauth_authorizations', 'and nobody signed in');
-- Auth may change its tables.
select pg_temp.store('own', 'access-own');
select tests.user('leo@example.com');
create function pg_temp.refuse() returns trigger language plpgsql as $$ begin raise exception 'not yours'; end $$;
create trigger refuse before delete on auth.sessions for each row execute function pg_temp.refuse();
select tests.become('service');
select is(public.revoke_all_tokens(), '{"oauth_tokens": 1, "api_tokens": 0, "sessions": null, "incomplete": ["auth.sessions"]}', 'credentials go also where the sessions cannot be ended');
select tests.become_owner();
delete from public.oauth_apps;
select is(pg_temp.secrets(), 0::bigint, 'until the app is removed');

select * from finish();
rollback;
