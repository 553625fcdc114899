-- Calls that wait for the user's decision.
begin;
select no_plan();

create temp table ids as select tests.user('ada@example.com') as ada, tests.user('bob@example.com') as bob;
grant select on ids to public;
create function pg_temp.digest(text) returns text language sql as $$ select encode(sha256($1::bytea), 'hex') $$;
create function pg_temp.ask(deed text, who uuid default null) returns jsonb language sql as $$
  select public.ask_confirmation(coalesce(who, (select bob from ids)), null, null, pg_temp.digest(deed), '{github.delete_repository}', json_build_object('text', deed)::text)
$$;
create function pg_temp.take(deed text, who uuid default null) returns text language sql as $$
  select public.take_confirmation(coalesce(who, (select bob from ids)), null, null, pg_temp.digest(deed)) ->> 'decision'
$$;
create function pg_temp.id(deed text) returns uuid language sql security definer as $$
  select id from public.confirmations where digest = decode(pg_temp.digest(deed), 'hex')
$$;
grant execute on function pg_temp.id(text), pg_temp.digest(text) to public;

select is(pg_temp.take('one'), 'unknown', 'it was not asked for');
create temp table first as select pg_temp.ask('one') as answer;
select is(first.answer ->> 'outcome', 'ok', 'asked') from first;
select is(pg_temp.ask('one'), answer, 'once more is the same one') from first;
select is(pg_temp.take('one'), 'pending', 'it waits');
select is((select count(*) from vault.secrets), 1::bigint, 'the deed is in the Vault');
select is_empty($$select from public.confirmations where to_jsonb(confirmations)::text like '%one%'$$, 'and not in the row');
select is_empty($$select from vault.secrets where name || description like '%one%'$$, 'nor in its label');

-- Its user sees it in the console.
select tests.become('bob');
select results_eq('select tools from public.my_confirmations()', $$values ('{github.delete_repository}'::text[])$$, 'the user sees that something waits');
select is(public.confirmation(pg_temp.id('one')) ->> 'deed', '{"text" : "one"}', 'and what');
select tests.check('bob''s client', $$select public.confirmation(pg_temp.id('one'))$$, '42501');
select tests.check('bob''s factor', $$select public.decide_confirmation(pg_temp.id('one'), true)$$, '42501');
select tests.check('ada', $$select public.confirmation(pg_temp.id('one'))$$, 'PT404');
select tests.check('ada', $$select public.decide_confirmation(pg_temp.id('one'), true)$$, 'PT404');
select tests.check('bob', $$select public.decide_confirmation(pg_temp.id('one'), null)$$, '23502');
select tests.become('ada');
select is_empty('select from public.my_confirmations()', 'other users and admins do not');

-- A yes is returned once.
select tests.become('bob');
select public.decide_confirmation(pg_temp.id('one'), true);
select throws_ok($$select public.decide_confirmation(pg_temp.id('one'), false)$$, 'PT410', null, 'it is decided once');
select throws_ok($$select public.confirmation(pg_temp.id('one'))$$, 'PT410', null, 'the deed is gone');
select is_empty('select from public.my_confirmations()', 'no call waits');
select tests.become_owner();
select is((select count(*) from vault.secrets), 0::bigint, 'from the Vault, too');
select is(pg_temp.take('another'), 'unknown', 'another deed was not decided');
select is(pg_temp.take('one', (select ada from ids)), 'unknown', 'nor this one for another user');
select is(pg_temp.take('one'), 'yes', 'the server gets it');
select is(pg_temp.take('one'), 'unknown', 'once');
select isnt_empty(
  $$select from public.audit_logs, ids where user_id = bob and action = 'confirmation' and outcome = 'yes' and detail = '{"tools": ["github.delete_repository"]}'$$, 'the trail says who agreed'
);
select pg_temp.ask('two');
select tests.become('bob');
select public.decide_confirmation(pg_temp.id('two'), false);
select tests.become_owner();
select is(pg_temp.take('two'), 'no', 'a no as well');

-- It ends after ten minutes, decided or not.
select pg_temp.ask('three'), pg_temp.ask('four');
select tests.become('bob');
select public.decide_confirmation(pg_temp.id('four'), true);
select tests.become_owner();
update public.confirmations set expires_at = now() where true;
select is(pg_temp.take('four'), 'unknown', 'a yes does not wait longer');
select is((select count(*) from vault.secrets), 0::bigint, 'nor does a deed');
select is_empty('select from public.confirmations', 'nor its row');
select pg_temp.ask('five');
update public.confirmations set expires_at = now() where true;
select tests.check('bob', $$select public.decide_confirmation(pg_temp.id('five'), true)$$, 'PT404');
select public.delete_old_records();
select is((select count(*) from vault.secrets), 0::bigint, 'housekeeping deletes unused ones');

-- At most eight at a time.
select is(pg_temp.ask('wait ' || n) ->> 'outcome', 'ok', 'eight wait') from generate_series(1, 8) n;
select is(pg_temp.ask('wait 9') ->> 'outcome', 'too_many', 'no ninth');
select is(pg_temp.ask('wait 8') ->> 'outcome', 'ok', 'one that waits already');
select is(pg_temp.ask('hers', (select ada from ids)) ->> 'outcome', 'ok', 'others have their own eight');
select tests.become('bob');
select public.decide_confirmation(pg_temp.id('wait 1'), false);
select tests.become_owner();
select is(pg_temp.ask('wait 9') ->> 'outcome', 'ok', 'a decision makes room');

-- At most 8 MiB wait at once.
delete from public.confirmations where user_id = (select bob from ids);
select is(pg_temp.ask(n || repeat('x', 3 * 1024 * 1024)) ->> 'outcome', case when n < 3 then 'ok' else 'too_many' end, 'large deed ' || n) from generate_series(1, 3) n;

-- Texts that PostgreSQL's jsonb cannot store.
delete from public.confirmations where user_id = (select bob from ids);
select public.ask_confirmation(bob, null, null, pg_temp.digest('nul'), '{a.b}', '{"x": "\u0000\ud800"}') from ids;
select tests.become('bob');
select is(public.confirmation(pg_temp.id('nul')) ->> 'deed', '{"x": "\u0000\ud800"}', 'come out as they went in');
select tests.become_owner();

-- A caller without access cannot ask.
select is(public.ask_confirmation(bob, gen_random_uuid(), null, pg_temp.digest('x'), '{a.b}', '{}') ->> 'outcome', 'session_ended', 'a session that is over') from ids;
select is(public.take_confirmation(bob, null, gen_random_uuid(), pg_temp.digest('x')) ->> 'outcome', 'session_ended', 'a token that is over') from ids;
update public.users set disabled_at = now() where id = (select bob from ids);
select is(pg_temp.ask('x') ->> 'outcome', 'user_disabled', 'a disabled user');
delete from auth.users where id = (select bob from ids);
select is((select count(*) from vault.secrets), 1::bigint, 'a user''s deeds go with the user');

select * from finish();
rollback;
