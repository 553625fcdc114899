-- API tokens, states of pending connections, and deletion of old records.
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
select throws_ok($$select public.create_api_token('x', now() + interval '400 days')$$, '23514', null, 'nor later than in a year');
select throws_ok($$select public.create_api_token('x', modules => '{}')$$, '23514', null, 'it is good for something');
select throws_ok($$select public.create_api_token('x', modules => '{github,nothing}')$$, '23514', 'There is no module ''nothing''.', 'that there is');
select is((select (answer ->> 'expires_at')::timestamptz from made), now() + interval '365 days', 'without an end, it expires in a year');
select tests.become_owner();
select is(public.resolve_api_token(pg_temp.hash((select answer ->> 'token' from made))), (select bob from ids), 'it stands for its user');
select is(public.resolve_api_token(pg_temp.hash('mcpist_x')), null, 'an unknown one has no user');
select isnt((select last_used_at from public.api_tokens), null, 'its use is noted');
select is_empty($$select from public.api_tokens, made where to_jsonb(api_tokens)::text like '%' || (answer ->> 'token') || '%'$$, 'it is not stored');
select tests.check('ada', $$select public.revoke_api_token((select (answer ->> 'id')::uuid from made))$$, '1');
update public.api_tokens set expires_at = now() - interval '1 second';
select is(public.resolve_api_token(pg_temp.hash((select answer ->> 'token' from made))), null, 'an expired one has no user');
update public.api_tokens set expires_at = null;
select tests.become('bob');
select lives_ok($$select public.revoke_api_token((select (answer ->> 'id')::uuid from made))$$, 'its owner revokes it');
select throws_ok($$select public.revoke_api_token(gen_random_uuid())$$, 'PT404', null, 'what does not exist cannot be revoked');
select lives_ok($$select public.create_api_token('t' || n) from generate_series(2, 10) n$$, 'a user may make ten an hour');
select throws_ok($$select public.create_api_token('one more')$$, 'PT429', null, 'and no more, revoked ones included');
select tests.check('ada', $$select public.create_api_token('x')$$, '1');
select tests.become_owner();
update public.api_tokens set created_at = now() - interval '1 hour';
select tests.become('bob');
select lives_ok($$select public.create_api_token('u' || n) from generate_series(1, 10) n$$, 'ten more after an hour');
select tests.become_owner();
update public.api_tokens set created_at = now() - interval '1 hour';
select tests.become('bob');
select lives_ok($$select public.create_api_token('twentieth')$$, 'a user may have twenty');
select throws_ok($$select public.create_api_token('one more')$$, 'PT409', null, 'and no more');
select tests.become_owner();
select is(public.resolve_api_token(pg_temp.hash((select answer ->> 'token' from made))), null, 'a revoked one has no user');
select is(public.identify_api_token(pg_temp.hash((select answer ->> 'token' from made)), '0'), null, 'however it is asked for');
select is(
  public.identify_api_token(pg_temp.hash((select answer ->> 'token' from made)), '10 minutes'),
  (select jsonb_build_object('user_id', bob, 'token_id', answer ->> 'id') from ids, made), 'but its last events can still be recorded'
);
update public.api_tokens set revoked_at = now() - interval '11 minutes' where name = 'laptop';
select is(public.identify_api_token(pg_temp.hash((select answer ->> 'token' from made)), '10 minutes'), null, 'for ten minutes');

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

-- The callback's credential is kept for the user who started.
create function pg_temp.hold(state text) returns boolean language sql as $$
  select public.hold_oauth_token(
    pg_temp.hash(state), pg_temp.hash('handle of ' || state), 'work', 'access', 'refresh', '{repo}', '2100-01-01', '{"site": "here"}'
  )
$$;
create function pg_temp.finish(who text, state text) returns jsonb language plpgsql as $$
declare
  answer jsonb;
begin
  perform tests.become(who);
  answer := public.finish_oauth('handle of ' || state);
  perform tests.become_owner();
  return answer;
end
$$;
-- A state that the callback used.
create function pg_temp.used(who uuid, state text, role uuid default null) returns boolean language sql as $$
  select pg_temp.start(who, state, role => role) = 'ok' and public.consume_oauth_state(pg_temp.hash(state)) ->> 'outcome' = 'ok'
$$;
select is(pg_temp.hold('t'), false, 'an unknown state keeps no credential');
select is(pg_temp.start(bob, 'unused'), 'ok', 'nor') from ids;
select is(pg_temp.hold('unused'), false, 'for one that the callback has not used');
delete from public.oauth_states where state_hash = decode(pg_temp.hash('unused'), 'hex');
select is(pg_temp.hold('s'), true, 'but for one that it has');
select is(pg_temp.hold('s'), false, 'once');
select is((select count(*) from vault.secrets), 3::bigint, 'in the Vault');
select is_empty($$select from public.oauth_states where to_jsonb(oauth_states)::text like '%handle of%'$$, 'the handle is stored as a hash');
select is_empty('select from public.oauth_tokens', 'no user has it yet');
select is(pg_temp.finish('bob', 's'), '{"outcome": "ok", "service": "github", "account": "work"}', 'the one who began gets it');
select is(
  (select to_jsonb(t) - 'id' - 'user_id' - 'created_at' - 'updated_at' - 'access_secret_id' - 'refresh_secret_id' - 'access_sha256' from public.oauth_tokens t),
  '{"role_id": null, "service": "github", "account": "work", "token_type": "bearer", "scopes": ["repo"], "expires_at": "2100-01-01T00:00:00+00:00", "status": "active", "metadata": {"site": "here"}, "last_used_at": null, "refresh_lease": null, "refresh_lease_until": null, "refresh_failed_at": null, "probed_at": null, "refreshed_at": null}',
  'as the provider gave it'
);
select is((select array[private.secret(access_secret_id), private.secret(refresh_secret_id)] from public.oauth_tokens), '{access,refresh}', 'with its secrets');
select is((select count(*) from vault.secrets), 3::bigint, 'which are held no longer');
select is(pg_temp.finish('bob', 's'), '{"outcome": "replayed", "service": "github"}', 'once');
select is(pg_temp.finish('bob', 'never'), '{"outcome": "unknown_state"}', 'another handle is for nothing');
select ok(pg_temp.used(bob, 'again') and pg_temp.hold('again')) from ids;
select is(pg_temp.finish('bob', 'again') ->> 'outcome', 'ok', 'connecting again');
select is((select count(*) from public.oauth_tokens), 1::bigint, 'replaces what there was');
delete from public.oauth_tokens;
select ok(pg_temp.used(bob, 'sent') and pg_temp.hold('sent')) from ids;
select is(pg_temp.finish('ada', 'sent'), '{"outcome": "other_user", "service": "github"}', 'another user does not get it');
select is(pg_temp.finish('bob', 'sent') ->> 'outcome', 'replayed', 'nor the one who began, then');
select isnt_empty($$select from public.audit_logs, ids where user_id = ada and action = 'oauth.finish' and detail ->> 'begun_by' = bob::text$$, 'which is in the audit trail');
select ok(pg_temp.used(bob, 'late') and pg_temp.hold('late')) from ids;
update public.oauth_states set expires_at = now() where finished_at is null and handle_hash is not null;
select is(pg_temp.finish('bob', 'late'), '{"outcome": "expired", "service": "github"}', 'after ten minutes it is deleted');
select ok(pg_temp.used(bob, 'narrowed') and pg_temp.hold('narrowed')) from ids;
update public.users set disabled_at = now() where id = (select bob from ids);
select tests.check('bob', $$select public.finish_oauth('handle of narrowed')$$, '42501');
update public.users set disabled_at = null where id = (select bob from ids);
update public.role_permissions set tools = '{}';
select is(pg_temp.finish('bob', 'narrowed'), '{"outcome": "not_permitted", "service": "github"}', 'nor when no role permits the service any more');
update public.role_permissions set tools = '{*}';
select ok(pg_temp.used(ada, 'shared', team) and pg_temp.hold('shared')) from ids;
select is(pg_temp.finish('ada', 'shared') ->> 'outcome', 'ok', 'an admin shares with a role');
select results_eq('select role_id from public.oauth_tokens', 'select team from ids', 'which has it then');
select ok(pg_temp.used(ada, 'demoted', team) and pg_temp.hold('demoted')) from ids;
update public.users set system_role = 'admin' where id = (select bob from ids);
update public.users set system_role = 'user' where id = (select ada from ids);
select is(pg_temp.finish('ada', 'demoted') ->> 'outcome', 'not_permitted', 'who is no admin any more does not');
update public.users set system_role = 'admin' where id = (select ada from ids);
update public.users set system_role = 'user' where id = (select bob from ids);
select ok(pg_temp.used(bob, 'forgotten') and pg_temp.hold('forgotten')) from ids;
update public.oauth_states set expires_at = now() where state_hash = decode(pg_temp.hash('forgotten'), 'hex');
delete from public.oauth_tokens;
select is((select count(*) from vault.secrets), 3::bigint, 'unfinished ones');
select pg_temp.start(ada, 'next', role => team) from ids;
delete from public.oauth_states where state_hash = decode(pg_temp.hash('next'), 'hex');
select is((select count(*) from vault.secrets), 1::bigint, 'goes with the next connection');
delete from public.oauth_states where user_id = (select bob from ids);
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

-- Events are stored once, for their sender.
select public.record_audit_events(bob, '[{"id": "11111111-1111-4111-8111-111111111111", "action": "tool.call", "outcome": "success", "user_id": "22222222-2222-4222-8222-222222222222"}]')
  from ids, generate_series(1, 2);
select results_eq($$select user_id from public.audit_logs where action = 'tool.call'$$, 'select bob from ids', 'an event is its sender''s, and sent twice it is there once');

-- Failed calls cost the caller nothing, so they are not all stored individually; successful calls are.
select public.record_audit_events(bob, (
  select jsonb_agg(jsonb_build_object('action', 'tool.call', 'outcome', outcome, 'tool', outcome)) from generate_series(1, 1500) n,
    unnest(array['denied', 'success']) outcome
)) from ids, generate_series(1, 2);
select is((select count(*) from public.audit_logs where tool = 'denied'), 2000::bigint, 'of what failed 2,000 an hour');
select is((select count(*) from public.audit_logs where tool = 'success'), 3000::bigint, 'of what was done everything');
select results_eq(
  $$select detail from public.audit_logs where action = 'audit.suppressed'$$, $$values ('{"count": 1000}'::jsonb)$$, 'and how many are missing'
);
select public.record_audit_events(bob, '[{"action": "tool.call", "outcome": "denied"}]') from ids;
select results_eq(
  $$select detail from public.audit_logs where action = 'audit.suppressed'$$, $$values ('{"count": 1001}'::jsonb)$$, 'is counted on'
);
select public.record_audit_events(ada, '[{"action": "tool.call", "outcome": "denied", "tool": "of another user"}]') from ids;
select is((select count(*) from public.audit_logs where tool = 'of another user'), 1::bigint, 'for that user alone');

select * from finish();
rollback;
