-- A user's tools: one function for tool-sieve and the console.
begin;
select no_plan();

select public.sync_catalogue('{"modules": [{"module": "toy", "title": "Toy", "description": "", "api_version": "1", "tools": [
  {"tool": "list_toys", "description": "", "read_only": true, "destructive": false},
  {"tool": "add_toy", "description": "", "read_only": false, "destructive": false},
  {"tool": "break_toy", "description": "", "read_only": false, "destructive": true}]}]}');
create temp table ids as select tests.user('ada@example.com') as ada, tests.user('bob@example.com') as bob, tests.user('eve@example.com') as eve;
grant select on ids to public;

-- Bob's tools with these roles: [read_only, tools, denied tools].
create function pg_temp.tools(variadic roles jsonb[]) returns text language plpgsql as $$
declare
  role jsonb;
  fresh uuid;
  answer text;
begin
  delete from public.roles;
  foreach role in array roles loop
    insert into public.roles (name, read_only) values (gen_random_uuid()::text, (role -> 0)::boolean) returning id into fresh;
    insert into public.user_roles (user_id, role_id) select bob, fresh from ids;
    insert into public.role_permissions (role_id, module, tools, denied_tools)
    values (fresh, 'toy', array(select jsonb_array_elements_text(role -> 1)), array(select jsonb_array_elements_text(coalesce(role -> 2, '[]'))));
  end loop;
  select string_agg(tool, ' ' order by tool) into answer from private.tools_of((select bob from ids));
  return coalesce(answer, '');
end
$$;

select is(pg_temp.tools(variadic '{}'), '', 'without a role there is nothing');
select is(pg_temp.tools('[false, ["*"]]'), 'add_toy break_toy list_toys', 'a star is every tool');
select is(pg_temp.tools('[false, ["add_toy", "no_such_tool"]]'), 'add_toy', 'a name is that tool, if there is one');
select is(pg_temp.tools('[false, ["*"], ["break_toy"]]'), 'add_toy list_toys', 'what is denied is taken away from the star');
select is(pg_temp.tools('[false, ["*"], ["*"]]'), '', 'a denied star takes everything away');
select is(pg_temp.tools('[true, ["*"]]'), 'list_toys', 'a read-only role gives what reads');
select is(pg_temp.tools('[true, ["add_toy"]]'), '', 'also where it names what writes');
select is(pg_temp.tools('[true, ["*"]]', '[false, ["add_toy"]]'), 'add_toy list_toys', 'roles add up');
select is(pg_temp.tools('[false, ["*"], ["break_toy"]]', '[false, ["break_toy"]]'), 'add_toy break_toy list_toys', 'a role denies for itself alone');

select pg_temp.tools('[false, ["*"]]');
update public.module_registry set status = 'deprecated' where module = 'toy';
select is(public.sieve((select bob from ids)) #>> '{toy,status}', 'deprecated', 'a deprecated module is there');
select is(
  public.sieve((select bob from ids)) -> 'toy',
  '{"tools": ["add_toy", "break_toy", "list_toys"], "status": "deprecated", "accounts": [], "connected": false}', 'with its tools and accounts'
);
select public.sync_catalogue('{"modules": [{"module": "toy", "title": "Toy", "description": "", "api_version": "2", "tools": [
  {"tool": "list_toys", "description": "", "read_only": true, "destructive": false},
  {"tool": "paint_toy", "description": "", "read_only": false, "destructive": false}]}]}');
select is(
  (select string_agg(tool, ' ' order by tool) from private.tools_of((select bob from ids))), 'list_toys paint_toy',
  'a star follows what a new version brings and drops'
);

-- A role's permissions are saved as a whole.
create function pg_temp.save(permissions jsonb) returns text language plpgsql as $$
begin
  perform tests.become('ada');
  perform public.save_role_permissions((select id from public.roles), permissions);
  perform tests.become_owner();
  return (select string_agg(concat_ws(' ', module, tools, denied_tools), ', ' order by module) from public.role_permissions);
end
$$;
select is(
  pg_temp.save('[{"module": "jira", "tools": ["get_issue"], "denied_tools": []}, {"module": "toy", "tools": ["*"], "denied_tools": ["paint_toy"]}]'),
  'jira {get_issue} {}, toy {*} {paint_toy}', 'what is there is changed, what is not is added'
);
delete from public.audit_logs;
select is(pg_temp.save('[{"module": "toy", "tools": ["*"], "denied_tools": ["paint_toy"]}]'), 'toy {*} {paint_toy}', 'what is missing goes');
select results_eq($$select action, module from public.audit_logs$$, $$values ('role_permissions.delete', 'jira')$$, 'and what stays is no change');
select throws_ok(
  $$select pg_temp.save('[{"module": "jira", "tools": ["*"], "denied_tools": []}, {"module": "no_such_module", "tools": ["*"], "denied_tools": []}]')$$,
  '23503', null, 'what is wrong in part'
);
select throws_ok($$select pg_temp.save('[{"module": "jira", "tools": ["*"]}]')$$, '23502', null, 'or not whole');
select throws_ok($$select pg_temp.save('{}')$$, '22023', null, 'or no list');
select tests.become_owner();
select results_eq('select module from public.role_permissions', array['toy'], 'changes nothing');
select tests.check('bob', $$select public.save_role_permissions(id, '[]') from public.roles$$, '42501');
select tests.check('ada', $$select public.save_role_permissions(gen_random_uuid(), '[]')$$, 'PT404');
select is(pg_temp.save('[{"module": "toy", "tools": ["*"], "denied_tools": []}]'), 'toy {*} {}', 'until it is right');

select tests.check('bob', 'select * from public.effective_tools(auth.uid())', '2');
select tests.check('ada', 'select * from public.effective_tools((select bob from ids))', '2');
select tests.check('eve', 'select * from public.effective_tools((select bob from ids))', '42501');

update public.users set disabled_at = now() where id = (select bob from ids);
select tests.check('ada', 'select * from public.effective_tools((select bob from ids))', '0');
update public.users set disabled_at = null where id = (select bob from ids);
update public.module_registry set status = 'broken' where module = 'toy';
select is(public.sieve((select bob from ids)), '{}', 'a broken module is not there');

select * from finish();
rollback;
