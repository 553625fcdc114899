-- Creation of users; there is always an admin.
begin;
select no_plan();

create function pg_temp.sign_up(address text, confirmed boolean default true) returns uuid language sql as $$
  insert into auth.users (id, email, email_confirmed_at, raw_user_meta_data)
  values (gen_random_uuid(), address, case when confirmed then now() end, '{"full_name": "  Somebody  "}') returning id
$$;
create function pg_temp.role_of(address text) returns text language sql as $$
  select system_role from public.users where email = address
$$;

-- The hook before_user_created.
insert into public.roles (id, name) values ('00000000-0000-4000-8000-000000000001', 'Team');
insert into public.allowed_emails (email, role_id) values ('first@example.com', null), ('second@example.com', '00000000-0000-4000-8000-000000000001');
select is(public.before_user_created_hook('{"user": {"email": "First@Example.com"}}'), '{}', 'an address on the list may sign up');
select is(public.before_user_created_hook('{"user": {"email": "x@example.com"}}') #>> '{error,http_code}', '403', 'another one may not');
select is(public.before_user_created_hook('{"user": {"email": ""}}') #>> '{error,http_code}', '403', 'nor one without an address');
select is(public.before_user_created_hook('{"user": {}}') #>> '{error,http_code}', '403', 'nor an anonymous one');

-- Accounts become users.
select pg_temp.sign_up('first@example.com', false);
select is(pg_temp.role_of('first@example.com'), null, 'who has not confirmed the address is no user');
select pg_temp.sign_up('second@example.com');
select is(pg_temp.role_of('second@example.com'), 'admin', 'the first user is the admin');
update auth.users set email_confirmed_at = now() where email = 'first@example.com';
select is(pg_temp.role_of('first@example.com'), 'user', 'the next ones are users');
select is((select display_name from public.users where email = 'first@example.com'), 'Somebody', 'with the name that they signed up with');
select results_eq(
  $$select r.name, u.email from public.user_roles ur join public.roles r on r.id = ur.role_id join public.users u on u.id = ur.user_id$$,
  $$values ('Team', 'second@example.com')$$, 'the list gives a role'
);
select pg_temp.sign_up('late@example.com');
select is(pg_temp.role_of('late@example.com'), null, 'an account that is not on the list is no user, hook or not');
insert into public.allowed_emails (email) values ('late@example.com');
select is(pg_temp.role_of('late@example.com'), 'user', 'until it is on the list');
update auth.users set email = 'later@example.com' where email = 'late@example.com';
select is(pg_temp.role_of('later@example.com'), 'user', 'a changed address is taken over');

-- The hook custom_access_token.
create function pg_temp.token(address text, aud jsonb default '"authenticated"') returns jsonb language sql as $$
  select public.custom_access_token_hook(jsonb_build_object(
    'user_id', coalesce((select id from auth.users where email = address), gen_random_uuid()), 'claims', jsonb_build_object('aud', aud, 'role', 'authenticated')
  ))
$$;
update public.settings set public_url = null where id;
select is(pg_temp.token('second@example.com') -> 'claims', '{"aud": ["authenticated"], "role": "authenticated", "system_role": "admin"}', 'a token says what the user is');
update public.settings set public_url = 'https://mcp.example.com' where id;
select is(pg_temp.token('first@example.com') #> '{claims,aud}', '["authenticated", "https://mcp.example.com/mcp"]', 'and is for the MCP server');
select is(
  pg_temp.token('first@example.com', '["authenticated", "https://mcp.example.com/mcp"]') #> '{claims,aud}', '["authenticated", "https://mcp.example.com/mcp"]', 'once'
);
select is(pg_temp.token('nobody@example.com') #>> '{error,http_code}', '403', 'who is no user gets none');
update public.users set disabled_at = now() where email = 'first@example.com';
select is(pg_temp.token('first@example.com') #>> '{error,message}', 'This account is disabled.', 'nor who is disabled');
update public.users set disabled_at = null where email = 'first@example.com';

-- The last admin cannot be removed.
select throws_ok($$delete from auth.users where email = 'second@example.com'$$, 'PT409', 'The last admin stays.', 'not deleted with the account');
select throws_ok($$update public.users set system_role = 'user'$$, 'PT409', 'The last admin stays.', 'not made a user');
select throws_ok($$update public.users set disabled_at = now()$$, 'PT409', 'The last admin stays.', 'not disabled');
update public.users set system_role = 'admin' where email = 'first@example.com';
select throws_ok($$update public.users set system_role = 'user'$$, 'PT409', 'The last admin stays.', 'nor two of them at once');
update public.users set disabled_at = now() where email = 'second@example.com';
select throws_ok($$delete from public.users where email = 'first@example.com'$$, 'PT409', 'The last admin stays.', 'a disabled admin does not count');
select lives_ok($$delete from auth.users where email = 'second@example.com'$$, 'a disabled admin can go');
select is(pg_temp.role_of('second@example.com'), null, 'and goes with the account');

-- Access requests record who decided.
insert into public.access_requests (user_id, module) select id, 'jira' from public.users where email = 'later@example.com';
insert into auth.sessions (id, user_id) select id, id from public.users where email = 'first@example.com';
select tests.become('first');
update public.access_requests set status = 'granted';
select tests.become_owner();
select is(
  (select decided_by from public.access_requests), (select id from public.users where email = 'first@example.com'), 'an access request says who decided'
);
select isnt((select decided_at from public.access_requests), null, 'and when');

-- Changes are audited.
select isnt_empty($$select from public.audit_logs where action = 'users.insert'$$, 'a new user is in the audit log');
select is(
  (select detail -> 'changed' from public.audit_logs where action = 'users.update' and detail -> 'changed' ? 'system_role' limit 1), '["system_role"]',
  'a change names what changed'
);
select is_empty($$select from public.audit_logs where detail::text like '%token_hash%'$$, 'and holds nothing else');

select * from finish();
rollback;
