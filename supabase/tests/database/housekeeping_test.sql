-- Tokens of MCPist, states of begun connections, and what is taken away when it is old.
begin;
select no_plan();

create temp table ids as select tests.user('ada@example.com') as ada, tests.user('bob@example.com') as bob, gen_random_uuid() as team;
grant select on ids to public;
insert into public.roles (id, name) select team, 'Team' from ids;
insert into public.user_roles (user_id, role_id) select bob, team from ids;
insert into public.role_permissions (role_id, module, tools) select team, 'github', '{*}' from ids;
create function pg_temp.hash(token text) returns text language sql as $$ select encode(sha256(convert_to(token, 'UTF8')), 'hex') $$;

-- API tokens.
select tests.become('bob');
create temp table made as select public.create_api_token('laptop') as answer;
grant select on made to public;
select matches((select answer ->> 'token' from made), '^mcpist_[0-9A-Za-z]{43}$', 'a token has 32 random bytes in base62');
select throws_ok($$select public.create_api_token('x', now() - interval '1 second')$$, '23514', null, 'it does not end before it begins');
select tests.become_owner();
select is(public.resolve_api_token(pg_temp.hash((select answer ->> 'token' from made))), (select bob from ids), 'it stands for its user');
select is(public.resolve_api_token(pg_temp.hash('mcpist_x')), null, 'another one for nobody');
select isnt((select last_used_at from public.api_tokens), null, 'its use is noted');
select is_empty($$select from public.api_tokens, made where to_jsonb(api_tokens)::text like '%' || (answer ->> 'token') || '%'$$, 'it is not stored');
select tests.check('ada', $$select public.revoke_api_token((select (answer ->> 'id')::uuid from made))$$, '1');
update public.api_tokens set expires_at = now() - interval '1 second';
select is(public.resolve_api_token(pg_temp.hash((select answer ->> 'token' from made))), null, 'an expired one is for nobody');
update public.api_tokens set expires_at = null;
select tests.become('bob');
select lives_ok($$select public.revoke_api_token((select (answer ->> 'id')::uuid from made))$$, 'its owner revokes it');
select throws_ok($$select public.revoke_api_token(gen_random_uuid())$$, 'PT404', null, 'what does not exist cannot be revoked');
select lives_ok($$select public.create_api_token('t' || n) from generate_series(1, 20) n$$, 'a user may have twenty');
select throws_ok($$select public.create_api_token('one more')$$, 'PT409', null, 'and no more');
select tests.become_owner();
select is(public.resolve_api_token(pg_temp.hash((select answer ->> 'token' from made))), null, 'a revoked one is for nobody');

-- States.
insert into public.oauth_apps (service, client_id, client_secret_id) values ('github', 'client', vault.create_secret('app-secret'));
create function pg_temp.start(who uuid, state text, service text default 'github', role uuid default null) returns text language sql as $$
  select public.start_oauth(who, service, role, null, null, pg_temp.hash(state), 'verifier') ->> 'outcome'
$$;
select is(pg_temp.start(bob, 's'), 'ok', 'a user connects what a role permits') from ids;
select is(pg_temp.start(ada, 'x'), 'not_permitted', 'and nothing else') from ids;
select is(pg_temp.start(bob, 'x', role => team), 'admin_only', 'not for others') from ids;
select is(pg_temp.start(ada, 'x', role => team), 'ok', 'which admins do') from ids;
select is(pg_temp.start(ada, 'y', role => gen_random_uuid()), 'unknown_role', 'with a role that there is') from ids;
select is(
  public.consume_oauth_state(pg_temp.hash('s')) - 'user_id' - 'scopes',
  '{"outcome": "ok", "service": "github", "role_id": null, "account": null, "site": null, "verifier": "verifier", "client_id": "client", "client_secret": "app-secret", "tenant": null}',
  'a state gives back what was begun'
);
select is(public.consume_oauth_state(pg_temp.hash('s')) ->> 'outcome', 'replayed', 'once');
select is(public.consume_oauth_state(pg_temp.hash('t')) ->> 'outcome', 'unknown_state', 'another one gives nothing');
update public.oauth_states set expires_at = now() where state_hash = decode(pg_temp.hash('x'), 'hex');
select is(public.consume_oauth_state(pg_temp.hash('x')) ->> 'outcome', 'expired', 'nor does one that is too old');
select is((select count(*) from vault.secrets), 1::bigint, 'a used state leaves no verifier');
select pg_temp.start(bob, 'state' || n) from ids, generate_series(1, 15) n;
select is((select count(*) from public.oauth_states where user_id = (select bob from ids)), 10::bigint, 'ten may be open');

-- Retention.
delete from public.audit_logs;
insert into public.audit_logs (at, action, outcome) values (now() - interval '181 days', 'old', 'success'), (now() - interval '179 days', 'new', 'success');
update public.oauth_states set expires_at = now() - interval '2 days' where user_id = (select bob from ids);
update public.api_tokens set revoked_at = now() - interval '91 days' where name = 'laptop';
insert into public.access_requests (user_id, module, status, decided_at) select bob, 'jira', 'declined', now() - interval '181 days' from ids;
select is(public.delete_old_records(), '{"audit_logs": 1, "oauth_states": 10, "api_tokens": 1, "access_requests": 1}', 'what is old goes');
select is((select action from public.audit_logs where action in ('old', 'new')), 'new', 'what is not stays');

-- Events come once, and as their sender's.
select public.record_audit_events(bob, '[{"id": "11111111-1111-4111-8111-111111111111", "action": "tool.call", "outcome": "success", "user_id": "22222222-2222-4222-8222-222222222222"}]')
  from ids, generate_series(1, 2);
select results_eq($$select user_id from public.audit_logs where action = 'tool.call'$$, 'select bob from ids', 'an event is its sender''s, and sent twice it is there once');

select * from finish();
rollback;
