-- Limits of API tokens and OAuth clients: a part of their user's permissions, and an end.
begin;
select no_plan();

create temp table ids as select tests.user('ada@example.com') as ada, tests.user('bob@example.com') as bob, gen_random_uuid() as team;
grant select on ids to public;
insert into public.roles (id, name) select team, 'Team' from ids;
insert into public.user_roles (user_id, role_id) select bob, team from ids;
insert into public.role_permissions (role_id, module, tools)
  select team, 'github', '{get_me,create_issue}'::text[] from ids union all select team, 'notion', '{search}' from ids;
select private.store_token(bob, null, 'github', 'bob', 'bearer', 'access', null, '{}', null, '{}') from ids;

-- The tools within a credential's limits, as `module.tool`.
create function pg_temp.tools(p_session uuid, p_token uuid default null) returns text language sql as $$
  select coalesce(string_agg(module || '.' || tool, ' ' order by module, tool), '') from private.tools_of((select bob from ids), p_session, p_token)
$$;
create function pg_temp.exchange(service text, p_session uuid, p_token uuid default null) returns text language sql as $$
  select public.begin_exchange((select bob from ids), service, null, null, p_session, p_token) ->> 'outcome'
$$;
create function pg_temp.outcome(p_session uuid, p_token uuid default null) returns text language sql as $$
  select public.permissions((select bob from ids), p_session, p_token) ->> 'outcome'
$$;
select is(pg_temp.tools(null), 'github.create_issue github.get_me notion.search', 'what the user may do');
select is(pg_temp.tools(bob), 'github.create_issue github.get_me notion.search', 'is what the console may') from ids;

-- API tokens.
select tests.become('bob');
create temp table made as
  select name, (public.create_api_token(name, now() + interval '1 hour', reads, modules) ->> 'id')::uuid as id from (values
    ('all', false, null::text[]), ('reads', true, null), ('github', false, '{github}'), ('both', true, '{github,jira}'), ('none', false, '{jira}')
  ) v (name, reads, modules);
select tests.become_owner();
select is(pg_temp.tools(null, id), expected, name) from made join (values
  ('all', 'github.create_issue github.get_me notion.search'), ('reads', 'github.get_me notion.search'),
  ('github', 'github.create_issue github.get_me'), ('both', 'github.get_me'), ('none', '')
) v (name, expected) using (name);
select is(pg_temp.exchange('github', null, id), 'use', 'a credential is lent within the limits') from made where name = 'github';
select is(pg_temp.exchange('notion', null, id), 'not_permitted', 'and not outside') from made where name = 'github';
select is(pg_temp.exchange('github', null, id), 'not_permitted', 'although its user may use it') from made where name = 'none';
select is(
  public.permissions(bob, null, id) #> '{modules}' -> 'notion', null, 'a module outside the limits is not named'
) from ids, made where name = 'github';
select is((public.permissions(bob, null, id) ->> 'ends_in_s')::int, 3600, 'how long it is good') from ids, made where name = 'all';
select is(pg_temp.tools(null, id), '', 'another''s token is good for nothing')
  from public.permissions((select ada from ids), null, (select id from made where name = 'all')) p, made where name = 'all' and p ->> 'outcome' <> 'session_ended';
select is(public.permissions(ada, null, id) ->> 'outcome', 'session_ended', 'nor for another user') from ids, made where name = 'all';
update public.api_tokens set revoked_at = now() where name = 'all';
update public.api_tokens set expires_at = now() where name = 'github';
select is(pg_temp.outcome(null, id) || ' ' || pg_temp.exchange('github', null, id) || ' ' || pg_temp.tools(null, id), 'session_ended session_ended ', 'over: ' || name)
  from made where name in ('all', 'github');
select is(pg_temp.outcome(null, gen_random_uuid()), 'session_ended', 'a token that there is not');
select is(pg_temp.outcome(gen_random_uuid()), 'session_ended', 'a session that there is not');

-- OAuth clients: the user decides what a client gets.
select tests.client('00000000-0000-4000-8000-0000000000c1');
create function pg_temp.ask(p_id text, p_client uuid default '00000000-0000-4000-8000-0000000000c1') returns void language sql as $$
  insert into auth.oauth_authorizations (id, authorization_id, client_id, redirect_uri, scope)
  values (gen_random_uuid(), p_id, p_client, 'cursor://anysphere/callback', 'openid email')
$$;
select pg_temp.ask('first');
select tests.become('bob');
select is(
  public.oauth_authorization('first') - 'expires_at' #- '{client,created_at}',
  '{"authorization_id": "first", "redirect_uri": "cursor://anysphere/callback", "state": null, "scopes": ["openid", "email"], "known": false, "limits": null,
    "client": {"id": "00000000-0000-4000-8000-0000000000c1", "name": "a client", "uri": null, "logo_uri": null, "registered": "dynamic"}}',
  'the consent page sees who asks for what'
);
select tests.become_owner();
select results_eq('select status::text, user_id from auth.oauth_authorizations', $$values ('pending', null::uuid)$$, 'and nothing has changed');
select tests.check('bob''s client', $$select public.oauth_authorization('first')$$, '42501');
select tests.check('bob', $$select public.oauth_authorization('another')$$, 'PT404');
update auth.oauth_authorizations set user_id = (select ada from ids);
select tests.check('bob', $$select public.oauth_authorization('first')$$, 'PT404');
select tests.check('bob', $$select public.allow_client('first')$$, 'PT404');
update auth.oauth_authorizations set user_id = null, status = 'approved';
select tests.check('bob', $$select public.oauth_authorization('first')$$, 'PT404');
update auth.oauth_authorizations set status = 'pending', created_at = now() - interval '4 minutes', expires_at = now();
select tests.check('bob', $$select public.oauth_authorization('first')$$, 'PT404');
delete from auth.oauth_authorizations where true;
select pg_temp.ask('second');
select tests.become('bob');
select throws_ok($$select public.allow_client('second', p_modules => '{}')$$, '23514', null, 'nothing is no choice');
select throws_ok($$select public.allow_client('second', p_expires_at => now() + interval '2 years')$$, '23514', null, 'nor for ever');
select is(public.allow_client('second', true, '{github}', now() + interval '1 day'), jsonb_build_object('expires_at', now() + interval '1 day'), 'the user says');
select tests.become_owner();

-- Auth stores the consent, creates the session, then requests the token.
create function pg_temp.token(p_session uuid, p_claims jsonb default '{}') returns jsonb language sql as $$
  select public.custom_access_token_hook(jsonb_build_object('user_id', (select bob from ids), 'claims', p_claims || jsonb_build_object('aud', 'authenticated', 'session_id', p_session)))
$$;
insert into auth.oauth_consents (id, user_id, client_id, scopes) select gen_random_uuid(), bob, '00000000-0000-4000-8000-0000000000c1', 'email' from ids;
insert into auth.sessions (id, user_id, oauth_client_id, created_at)
  select '00000000-0000-4000-8000-0000000000e1', bob, '00000000-0000-4000-8000-0000000000c1', now() from ids;
select is(pg_temp.token('00000000-0000-4000-8000-0000000000e1') #>> '{claims,client_id}', '00000000-0000-4000-8000-0000000000c1', 'the token says whose it is, though Auth did not');
select is(pg_temp.tools('00000000-0000-4000-8000-0000000000e1'), 'github.get_me', 'the client gets what the user said');
select is(pg_temp.exchange('notion', '00000000-0000-4000-8000-0000000000e1'), 'not_permitted', 'and nothing else');
select is((public.permissions(bob, '00000000-0000-4000-8000-0000000000e1', null) ->> 'ends_in_s')::int, 86400, 'for a day') from ids;
select tests.become('bob');
select results_eq(
  'select client_id, name, registered, sessions, read_only, modules, expires_at from public.my_clients()',
  $$values ('00000000-0000-4000-8000-0000000000c1'::uuid, 'a client', 'dynamic', 1::bigint, true, '{github}'::text[], now() + interval '1 day')$$, 'which the user sees'
);
select is((public.limit_client('00000000-0000-4000-8000-0000000000c1', false, null, null) ->> 'expires_at')::timestamptz, now() + interval '365 days', 'and changes');
select throws_ok($$select public.limit_client(gen_random_uuid(), false, null, null)$$, 'PT404', null, 'where there is such a client');
select tests.become_owner();
select is(pg_temp.tools('00000000-0000-4000-8000-0000000000e1'), 'github.create_issue github.get_me notion.search', 'at once');
select isnt_empty($$select from public.audit_logs, ids where user_id = bob and action = 'client_grants.update' and detail -> 'changed' @> '["expires_at", "read_only"]'$$, 'which is in the trail');
select tests.become('ada');
select throws_ok($$select public.revoke_client('00000000-0000-4000-8000-0000000000c1')$$, 'PT404', null, 'a user cannot revoke another user''s');
select is_empty('select from public.my_clients()', 'nor sees it');
select tests.become_owner();

-- The end of a grant.
update public.client_grants set expires_at = now() where true;
select is(pg_temp.outcome('00000000-0000-4000-8000-0000000000e1'), 'session_ended', 'what was allowed has an end');
select is(pg_temp.token('00000000-0000-4000-8000-0000000000e1') #>> '{error,http_code}', '403', 'for the next token as well');
update public.client_grants set expires_at = now() + interval '1 day' where true;
update auth.sessions set refreshed_at = (now() at time zone 'utc') - interval '91 days' where oauth_client_id is not null;
select is(pg_temp.token('00000000-0000-4000-8000-0000000000e1') #>> '{error,http_code}', '403', 'and so has one that was not used for 90 days');
update auth.sessions set refreshed_at = null, created_at = now() - interval '31 days' where true;
select isnt(pg_temp.token('00000000-0000-4000-8000-0000000000e1') -> 'claims', null, 'a client''s sign-in may be older than 30 days');
select is(pg_temp.token(bob) #>> '{error,http_code}', '403', 'the console''s may not') from ids;
update auth.sessions set created_at = now() where true;
-- Auth accepts a consent from anyone with a token of the user.
update auth.oauth_consents set granted_at = now() + interval '11 minutes' where true;
select is(pg_temp.token('00000000-0000-4000-8000-0000000000e1') #>> '{error,http_code}', '403', 'a consent from outside the console is not valid');
select is(pg_temp.outcome('00000000-0000-4000-8000-0000000000e1'), 'session_ended', 'for the server either');
update auth.oauth_consents set granted_at = now() where true;
update auth.oauth_clients set deleted_at = now() where true;
select is(pg_temp.outcome('00000000-0000-4000-8000-0000000000e1'), 'session_ended', 'nor is a client that Auth has deleted');
update auth.oauth_clients set deleted_at = null where true;
select is(pg_temp.outcome('00000000-0000-4000-8000-0000000000e1'), 'ok', 'else it is good');
select pg_temp.ask('third');
select tests.become('bob');
select is(public.oauth_authorization('third') -> 'known', 'true', 'the consent page knows it again');
select public.revoke_client('00000000-0000-4000-8000-0000000000c1');
select tests.become_owner();
select is(pg_temp.outcome('00000000-0000-4000-8000-0000000000e1'), 'session_ended', 'revoked');
select is_empty('select from public.client_grants', 'with what was allowed');
select is_empty('select from auth.sessions where oauth_client_id is not null', 'its sign-ins');
select is_empty('select from auth.oauth_consents where revoked_at is null', 'and the consent');
select is(
  pg_temp.token(gen_random_uuid(), '{"client_id": "00000000-0000-4000-8000-0000000000c1"}') #>> '{error,http_code}', '403', 'a client that was not allowed gets no token'
);

-- An older installation: existing and new clients work until the console asks for the first time.
update public.settings set grants_required = false where id;
update auth.oauth_consents set revoked_at = null where true;
insert into auth.sessions (id, user_id, oauth_client_id, created_at)
  select '00000000-0000-4000-8000-0000000000e1', bob, '00000000-0000-4000-8000-0000000000c1', now() from ids;
select is(pg_temp.outcome('00000000-0000-4000-8000-0000000000e1'), 'ok', 'before that a consent of Auth''s is enough');
-- It was taken back and given again by the console of before, after it was adopted.
insert into public.client_grants (user_id, client_id, expires_at, allowed_at) select user_id, client_id, now() + interval '365 days', now() - interval '1 day' from auth.oauth_consents;
select is(pg_temp.outcome('00000000-0000-4000-8000-0000000000e1'), 'ok', 'also a younger one');
select tests.client('00000000-0000-4000-8000-0000000000c2');
select pg_temp.ask('fourth', '00000000-0000-4000-8000-0000000000c2');
select tests.become('ada');
select public.allow_client('fourth');
select tests.become_owner();
select is((select grants_required from public.settings), true, 'from then on it is not');
select is(pg_temp.outcome('00000000-0000-4000-8000-0000000000e1'), 'ok', 'but what was allowed goes on');
select results_eq($$select expires_at from public.client_grants, ids where user_id = bob$$, $$values (now() + interval '365 days')$$, 'for a year');
update public.client_grants set allowed_at = now() - interval '1 day' where true;
select private.adopt_consents();
select is(pg_temp.outcome('00000000-0000-4000-8000-0000000000e1'), 'session_ended', 'no consent is adopted after that');

-- The functions of 0.1.0 only pass a user.
select is(public.sieve(bob), public.permissions(bob, null, null) -> 'modules', 'they get what the user may do') from ids;
select is(public.sieve(gen_random_uuid()), null, 'or nothing');
select is(public.begin_exchange(bob, 'github', null, null) ->> 'outcome', 'use', 'and its credentials') from ids;

-- A role can demand confirmation by a person or a code.
create function pg_temp.demand() returns text language sql as $$ select public.permissions((select bob from ids), null, null) ->> 'confirm' $$;
insert into public.roles (id, name, confirm) values ('00000000-0000-4000-8000-000000000001', 'Careful', 'code'), ('00000000-0000-4000-8000-000000000002', 'Strict', 'human');
select is(pg_temp.demand(), null, 'no role demands anything');
insert into public.user_roles (user_id, role_id) select bob, '00000000-0000-4000-8000-000000000001' from ids;
select is(pg_temp.demand(), 'code', 'one does');
insert into public.user_roles (user_id, role_id) select bob, '00000000-0000-4000-8000-000000000002' from ids;
select is(pg_temp.demand(), 'human', 'the strictest counts');
select tests.check('ada', $$update public.roles set confirm = 'never'$$, '23514');
select tests.check('ada', $$update public.roles set confirm = null where confirm = 'code'$$, '1');
select tests.check('bob', $$update public.roles set confirm = null$$, '0');

select * from finish();
rollback;
