-- The console's view of a user's services: the same permissions, and accounts shared by the user's own roles.
begin;
select no_plan();

create temp table ids as select
  tests.user('ada@example.com') as ada, tests.user('bob@example.com') as bob, tests.user('eve@example.com') as eve,
  gen_random_uuid() as team, gen_random_uuid() as others;
grant select on ids to public;
insert into public.roles (id, name) select team, 'Team' from ids union all select others, 'Others' from ids;
insert into public.user_roles (user_id, role_id) select bob, team from ids;
insert into public.role_permissions (role_id, module, tools) select team, module, '{*}' from ids, unnest(array['github', 'jira']) module;
insert into public.role_permissions (role_id, module, tools, denied_tools) select team, 'notion', '{*}', '{*}' from ids;
select private.store_token(null, role, 'github', account, 'bearer', 'access-' || account, null, '{}', null, '{}')
from ids, lateral (values (team, 'team'), (others, 'others')) shared (role, account);
create function pg_temp.services() returns text language sql as $$ select string_agg(module || ' ' || shared, ', ') from public.own_services() $$;
grant execute on function pg_temp.services() to authenticated;

select tests.become('bob');
select is(
  pg_temp.services(), 'github [{"role": "Team", "status": "active", "account": "team"}], jira []',
  'what one''s roles permit, with what these roles share'
);
select is_empty('select id from public.oauth_tokens', 'whose rows are not theirs to read');
select tests.become_owner();
update public.module_registry set status = 'broken' where module = 'github';
update public.oauth_tokens set status = 'reconnect_required' where account = 'team';
select tests.become('bob');
select is(
  pg_temp.services(), 'github [{"role": "Team", "status": "reconnect_required", "account": "team"}], jira []',
  'a module that is out of order is still theirs'
);
select is_empty($$select tool from public.effective_tools(auth.uid()) where module = 'github'$$, 'but its tools are not permitted');
select tests.check('eve', 'select * from public.own_services()', '0');
select tests.check('bob''s client', 'select * from public.own_services()', '42501');
update public.users set disabled_at = now() where id = (select bob from ids);
select tests.check('bob', 'select * from public.own_services()', '42501');

select * from finish();
rollback;
