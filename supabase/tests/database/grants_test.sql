-- All rights of the API roles, compared as complete lists.
begin;
select no_plan();

create temp view api_roles as select unnest(array['anon', 'authenticated', 'service_role', 'supabase_auth_admin']) as role;

select results_eq(
  $$select (grantee || ': ' || table_name || ' ' || string_agg(lower(privilege_type), ' ' order by privilege_type)) collate "default"
    from information_schema.role_table_grants
    where table_schema in ('public', 'private') and grantee in (select role from api_roles union select 'PUBLIC')
    group by grantee, table_name order by 1$$,
  array[
    'authenticated: access_requests delete select',
    'authenticated: allowed_emails delete insert select',
    'authenticated: audit_logs select',
    'authenticated: module_registry select',
    'authenticated: oauth_apps delete',
    'authenticated: oauth_tokens delete',
    'authenticated: role_permissions select',
    'authenticated: roles delete insert select',
    'authenticated: settings select',
    'authenticated: tools select',
    'authenticated: user_roles delete insert select',
    'authenticated: users select',
    'service_role: allowed_emails select',
    'service_role: audit_logs insert select',
    'service_role: module_registry select',
    'service_role: role_permissions select',
    'service_role: roles select',
    'service_role: settings select',
    'service_role: tools select',
    'service_role: user_roles select',
    'service_role: users select'
  ],
  'what each role may do with whole tables'
);

select results_eq(
  $$select (
      c.grantee || ': ' || c.table_name || ' ' || lower(c.privilege_type) || ' ' || string_agg(c.column_name, ' ' order by c.column_name)
    ) collate "default"
    from information_schema.role_column_grants c
    where c.table_schema in ('public', 'private') and c.grantee in (select role from api_roles union select 'PUBLIC')
      and not exists (
        select from information_schema.role_table_grants t
        where (t.table_schema, t.table_name, t.grantee, t.privilege_type) = (c.table_schema, c.table_name, c.grantee, c.privilege_type)
      )
    group by c.grantee, c.table_name, c.privilege_type order by 1$$,
  array[
    'authenticated: access_requests insert message module tool',
    'authenticated: access_requests update status',
    'authenticated: allowed_emails update role_id',
    'authenticated: api_tokens select created_at expires_at id last_used_at modules name read_only revoked_at user_id',
    'authenticated: module_registry update api_version last_verified_at notes status',
    'authenticated: oauth_apps select client_id created_at scopes service tenant updated_at',
    'authenticated: oauth_tokens select account created_at expires_at id last_used_at metadata role_id scopes service status token_type updated_at user_id',
    'authenticated: roles update confirm description name read_only',
    'authenticated: settings update audit_retention_days public_url',
    'authenticated: users update disabled_at display_name system_role'
  ],
  'what each role may do with some columns'
);

select results_eq(
  $$select (r.role || ': ' || p.pronamespace::regnamespace || '.' || p.proname) collate "default"
    from pg_proc p cross join api_roles r
    where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and has_function_privilege(r.role, p.oid, 'execute')
    order by 1$$,
  array[
    'authenticated: private.has_role',
    'authenticated: private.is_active',
    'authenticated: private.is_admin',
    'authenticated: public.allow_client',
    'authenticated: public.confirmation',
    'authenticated: public.connect_with_token',
    'authenticated: public.connectable_services',
    'authenticated: public.create_api_token',
    'authenticated: public.decide_confirmation',
    'authenticated: public.delete_account',
    'authenticated: public.effective_tools',
    'authenticated: public.finish_oauth',
    'authenticated: public.limit_client',
    'authenticated: public.my_clients',
    'authenticated: public.my_confirmations',
    'authenticated: public.oauth_authorization',
    'authenticated: public.own_services',
    'authenticated: public.revoke_all_tokens',
    'authenticated: public.revoke_api_token',
    'authenticated: public.revoke_client',
    'authenticated: public.revoke_user_tokens',
    'authenticated: public.save_oauth_app',
    'authenticated: public.save_role_permissions',
    'service_role: public.ask_confirmation',
    'service_role: public.begin_exchange',
    'service_role: public.begin_test',
    'service_role: public.consume_oauth_state',
    'service_role: public.delete_old_records',
    'service_role: public.fail_probe',
    'service_role: public.fail_refresh',
    'service_role: public.finish_refresh',
    'service_role: public.hold_oauth_token',
    'service_role: public.identify_api_token',
    'service_role: public.is_console_session',
    'service_role: public.permissions',
    'service_role: public.record_audit_events',
    'service_role: public.resolve_api_token',
    'service_role: public.revoke_all_tokens',
    'service_role: public.sieve',
    'service_role: public.start_oauth',
    'service_role: public.sync_catalogue',
    'service_role: public.take_confirmation',
    'supabase_auth_admin: public.before_user_created_hook',
    'supabase_auth_admin: public.custom_access_token_hook'
  ],
  'which functions each role may execute'
);

select is_empty(
  $$select p.oid::regprocedure from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and a.grantee = 0$$,
  'nothing may be executed by everybody'
);

select is_empty(
  $$select c.oid::regclass from pg_class c
    where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm')
      and not c.relrowsecurity$$,
  'every table has row level security'
);

select is_empty(
  $$select c.oid::regclass from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and has_any_column_privilege('authenticated', c.oid, 'select')
      and not exists (
        select from pg_policy p where p.polrelid = c.oid and not p.polpermissive and p.polcmd = '*'
          and pg_get_expr(p.polqual, p.polrelid) ilike '%is_active()%'
      )$$,
  'no table is open to a disabled user or to the token of an OAuth client'
);

select is_empty(
  $$select p.oid::regprocedure from pg_proc p
    where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and not coalesce(p.proconfig, '{}') @> array['search_path=""']$$,
  'every function fixes its search path'
);

select is_empty(
  $$select c.oid::regclass from pg_class c, aclexplode(c.relacl) a
    where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind = 'S'$$,
  'no sequence is granted'
);

select is_empty(
  $$select tgname from pg_trigger where tgrelid in (select oid from pg_class where relnamespace = 'auth'::regnamespace)
    and not tgisinternal and (cardinality(tgattr::int2[]) > 0 or tgqual is not null)$$,
  'no trigger on Auth''s tables names a column'
);

select * from finish();
rollback;
