-- Access to each table. A number is the count of visible or changed rows; 42501 is "permission denied", by a missing grant or a
-- policy.
begin;
select no_plan();

create temp table ids as select
  tests.user('ada@example.com') as ada, tests.user('bob@example.com') as bob, tests.user('eve@example.com') as eve,
  tests.user('dan@example.com') as dan, gen_random_uuid() as readers, gen_random_uuid() as writers;
grant select on ids to public;
insert into public.roles (id, name, read_only) select readers, 'Readers', true from ids union all select writers, 'Writers', false from ids;
insert into public.user_roles (user_id, role_id) select bob, readers from ids union all select dan, readers from ids union all select eve, writers from ids;
insert into public.role_permissions (role_id, module, tools) select readers, 'github', '{*}'::text[] from ids union all select writers, 'notion', '{*}' from ids;
update public.users set disabled_at = now() where id = (select dan from ids);
select private.store_token(bob, null, 'github', 'bob', 'bearer', 'secret-of-bob', 'refresh-of-bob', '{}', null, '{}') from ids;
select private.store_token(null, writers, 'notion', 'team', 'bearer', 'secret-of-team', null, '{}', null, '{}') from ids;
select private.store_token(dan, null, 'github', 'dan', 'bearer', 'secret-of-dan', null, '{}', null, '{}') from ids;
insert into public.oauth_apps (service, client_id, client_secret_id) values ('github', 'client', vault.create_secret('secret-of-app'));
insert into public.oauth_states (state_hash, user_id, service, expires_at) select '\x00', bob, 'github', now() from ids;
insert into public.api_tokens (user_id, name, token_hash) select bob, 'laptop', '\x01' from ids;
insert into public.access_requests (user_id, module) select bob, 'jira' from ids;
delete from public.audit_logs;
insert into public.audit_logs (user_id, action, outcome) select bob, 'tool.call', 'success' from ids union all select eve, 'tool.call', 'success' from ids;

select tests.check(actor, statement, expected) from (values
  -- settings
  ('anon', 'select from public.settings', '42501'),
  ('bob', 'select from public.settings', '0'),
  ('ada', 'select from public.settings', '1'),
  ('ada', $$update public.settings set public_url = 'https://mcp.example.com' where id$$, '1'),
  ('ada', $$update public.settings set public_url = 'https://mcp.example.com/' where id$$, '23514'),
  ('bob', 'update public.settings set audit_retention_days = 100 where id', '0'),
  ('ada', 'update public.settings set audit_retention_days = 30 where id', '1'),
  ('ada', 'update public.settings set audit_retention_days = 29 where id', '23514'),
  ('ada', 'update public.settings set grants_required = false where id', '42501'),
  ('ada', 'delete from public.settings', '42501'),
  -- users
  ('anon', 'select from public.users', '42501'),
  ('bob', 'select from public.users', '1'),
  ('eve', $$select from public.users where email = 'bob@example.com'$$, '0'),
  ('ada', 'select from public.users', '4'),
  ('dan', 'select from public.users', '0'),
  ('service', 'select from public.users', '4'),
  ('bob''s client', 'select from public.users', '0'),
  ('ada''s client', 'select from public.users', '0'),
  ('ada''s factor', 'select from public.users', '0'),
  ('bob', $$update public.users set display_name = 'Bob'$$, '1'),
  ('bob', $$update public.users set system_role = 'admin'$$, '42501'),
  ('bob', $$update public.users set email = 'eve@example.com'$$, '42501'),
  ('dan', 'update public.users set disabled_at = null', '0'),
  ('ada', $$update public.users set system_role = 'admin' where email = 'bob@example.com'$$, '1'),
  ('ada', 'update public.users set disabled_at = now() where id <> auth.uid()', '3'),
  ('ada', $$update public.users set system_role = 'user'$$, 'PT409'),
  ('ada', 'update public.users set disabled_at = now() where id = auth.uid()', 'PT409'),
  ('ada''s client', $$update public.users set system_role = 'admin'$$, '0'),
  ('ada''s factor', $$update public.users set system_role = 'admin'$$, '0'),
  ('ada', 'delete from public.users', '42501'),
  ('service', 'delete from public.users', '42501'),
  -- allowed_emails
  ('anon', 'select from public.allowed_emails', '42501'),
  ('bob', 'select from public.allowed_emails', '0'),
  ('ada', 'select from public.allowed_emails', '4'),
  ('bob', $$insert into public.allowed_emails (email) values ('mallory@example.com')$$, '42501'),
  ('ada', $$insert into public.allowed_emails (email) values ('new@example.com')$$, '1'),
  ('ada', $$insert into public.allowed_emails (email) values ('New@example.com')$$, '23514'),
  ('ada', $$delete from public.allowed_emails where email = 'eve@example.com'$$, '1'),
  -- roles
  ('anon', 'select from public.roles', '42501'),
  ('bob', 'select from public.roles', '1'),
  ('dan', 'select from public.roles', '0'),
  ('ada', 'select from public.roles', '2'),
  ('bob', 'update public.roles set read_only = false', '0'),
  ('bob', $$insert into public.roles (name) values ('Mine')$$, '42501'),
  ('bob', 'delete from public.roles', '0'),
  ('ada', 'update public.roles set read_only = false', '2'),
  ('ada', $$insert into public.roles (name) values ('New')$$, '1'),
  ('ada', 'delete from public.roles', '2'),
  -- user_roles
  ('anon', 'select from public.user_roles', '42501'),
  ('bob', 'select from public.user_roles', '1'),
  ('dan', 'select from public.user_roles', '0'),
  ('ada', 'select from public.user_roles', '3'),
  ('bob', 'insert into public.user_roles (user_id, role_id) select bob, writers from ids', '42501'),
  ('bob', 'delete from public.user_roles', '0'),
  ('ada', 'insert into public.user_roles (user_id, role_id) select bob, writers from ids', '1'),
  ('ada', 'delete from public.user_roles', '3'),
  -- role_permissions
  ('anon', 'select from public.role_permissions', '42501'),
  ('bob', 'select from public.role_permissions', '1'),
  ('eve', $$select from public.role_permissions where module = 'github'$$, '0'),
  ('dan', 'select from public.role_permissions', '0'),
  ('ada', 'select from public.role_permissions', '2'),
  ('ada', $$update public.role_permissions set tools = '{*}'$$, '42501'),
  ('ada', $$insert into public.role_permissions (role_id, module, tools) select readers, 'jira', '{*}' from ids$$, '42501'),
  ('ada', 'delete from public.role_permissions', '42501'),
  ('bob', $$select public.save_role_permissions(readers, '[]') from ids$$, '42501'),
  ('ada''s client', $$select public.save_role_permissions(readers, '[]') from ids$$, '42501'),
  ('ada', $$select public.save_role_permissions(readers, '[]') from ids$$, '1'),
  -- module_registry, tools
  ('anon', 'select from public.module_registry', '42501'),
  ('bob', 'select from public.module_registry', '7'),
  ('dan', 'select from public.module_registry', '0'),
  ('bob', $$update public.module_registry set status = 'broken'$$, '0'),
  ('ada', $$update public.module_registry set status = 'broken' where module = 'jira'$$, '1'),
  ('ada', $$update public.module_registry set module = 'x' where module = 'jira'$$, '42501'),
  ('ada', 'delete from public.module_registry', '42501'),
  ('anon', 'select from public.tools', '42501'),
  ('bob', $$select from public.tools where module = 'github' and tool = 'get_me'$$, '1'),
  ('dan', 'select from public.tools', '0'),
  ('ada', 'update public.tools set read_only = true', '42501'),
  -- oauth_apps
  ('anon', 'select client_id from public.oauth_apps', '42501'),
  ('bob', 'select client_id from public.oauth_apps', '0'),
  ('ada', 'select client_id from public.oauth_apps', '1'),
  ('ada', 'select client_secret_id from public.oauth_apps', '42501'),
  ('ada', 'delete from public.oauth_apps', '1'),
  ('bob', 'delete from public.oauth_apps', '0'),
  ('service', 'select client_id from public.oauth_apps', '42501'),
  -- oauth_tokens
  ('anon', 'select id from public.oauth_tokens', '42501'),
  ('bob', 'select id, service, account, status, metadata from public.oauth_tokens', '1'),
  ('eve', 'select id from public.oauth_tokens', '0'),
  ('dan', 'select id from public.oauth_tokens', '0'),
  ('bob''s client', 'select id from public.oauth_tokens', '0'),
  ('ada', 'select account from public.oauth_tokens', '1'),
  ('bob', 'select access_secret_id from public.oauth_tokens', '42501'),
  ('bob', 'select refresh_secret_id from public.oauth_tokens', '42501'),
  ('ada', 'select access_sha256 from public.oauth_tokens', '42501'),
  ('bob', 'delete from public.oauth_tokens where service = ''github''', '1'),
  ('eve', 'delete from public.oauth_tokens where service = ''notion''', '0'),
  ('ada', 'delete from public.oauth_tokens where service is not null', '1'),
  ('bob', 'update public.oauth_tokens set status = ''active''', '42501'),
  ('service', 'select id from public.oauth_tokens', '42501'),
  ('bob', 'select from vault.decrypted_secrets', '42501'),
  ('ada', 'select from vault.secrets', '42501'),
  -- oauth_states
  ('anon', 'select from public.oauth_states', '42501'),
  ('bob', 'select from public.oauth_states', '42501'),
  ('ada', 'select from public.oauth_states', '42501'),
  ('service', 'select from public.oauth_states', '42501'),
  ('dan', $$select public.finish_oauth('x')$$, '42501'),
  ('bob''s client', $$select public.finish_oauth('x')$$, '42501'),
  ('bob', $$select public.hold_oauth_token('00', '00', 'a', 'b', null, '{}', null, '{}')$$, '42501'),
  -- api_tokens
  ('anon', 'select id from public.api_tokens', '42501'),
  ('bob', 'select id, name, revoked_at from public.api_tokens', '1'),
  ('eve', 'select id from public.api_tokens', '0'),
  ('ada', 'select id from public.api_tokens', '1'),
  ('dan', 'select id from public.api_tokens', '0'),
  ('bob', 'select token_hash from public.api_tokens', '42501'),
  ('bob', 'update public.api_tokens set revoked_at = null', '42501'),
  ('bob', 'delete from public.api_tokens', '42501'),
  ('bob', $$insert into public.api_tokens (user_id, name, token_hash) select bob, 'x', '\x02' from ids$$, '42501'),
  -- access_requests
  ('anon', 'select from public.access_requests', '42501'),
  ('bob', 'select from public.access_requests', '1'),
  ('eve', 'select from public.access_requests', '0'),
  ('ada', 'select from public.access_requests', '1'),
  ('dan', $$insert into public.access_requests (module) values ('jira')$$, '42501'),
  ('eve', $$insert into public.access_requests (module, tool, message) values ('github', 'get_me', 'please')$$, '1'),
  ('bob', $$insert into public.access_requests (module) values ('jira')$$, '23505'),
  ('eve', $$insert into public.access_requests (module, user_id) select 'github', bob from ids$$, '42501'),
  ('bob', $$update public.access_requests set status = 'granted'$$, '0'),
  ('ada', $$update public.access_requests set status = 'granted'$$, '1'),
  ('bob', 'delete from public.access_requests', '1'),
  ('eve', 'delete from public.access_requests', '0'),
  -- audit_logs
  ('anon', 'select from public.audit_logs', '42501'),
  ('bob', 'select from public.audit_logs', '1'),
  ('ada', 'select from public.audit_logs', '2'),
  ('dan', 'select from public.audit_logs', '0'),
  ('ada', 'delete from public.audit_logs', '42501'),
  ('ada', $$update public.audit_logs set outcome = 'x'$$, '42501'),
  ('ada', $$insert into public.audit_logs (action, outcome) values ('x', 'y')$$, '42501'),
  ('service', 'delete from public.audit_logs', '42501'),
  ('service', $$update public.audit_logs set outcome = 'x'$$, '42501'),
  ('service', $$insert into public.audit_logs (action, outcome) values ('x', 'y')$$, '1'),
  -- client_grants, confirmations
  ('bob', 'select from public.client_grants', '42501'),
  ('ada', 'update public.client_grants set read_only = false', '42501'),
  ('service', 'select from public.client_grants', '42501'),
  ('bob', 'select from public.confirmations', '42501'),
  ('ada', $$update public.confirmations set decision = 'yes'$$, '42501'),
  ('service', 'select from public.confirmations', '42501'),
  ('bob''s client', $$select public.my_clients()$$, '42501'),
  ('bob''s factor', $$select public.my_confirmations()$$, '42501'),
  ('bob''s factor', $$select public.decide_confirmation(gen_random_uuid(), true)$$, '42501'),
  ('bob', $$select public.ask_confirmation(bob, null, null, '00', '{}', '{}') from ids$$, '42501'),
  ('bob', $$select public.take_confirmation(bob, null, null, '00') from ids$$, '42501'),
  ('bob', $$select public.permissions(bob, null, null) from ids$$, '42501'),
  ('bob', $$select public.delete_account(eve) from ids$$, '42501'),
  ('ada''s factor', $$select public.delete_account(eve) from ids$$, '42501'),
  ('ada', $$select public.delete_account(ada) from ids$$, 'PT409'),
  ('ada', $$select public.delete_account(gen_random_uuid())$$, 'PT404'),
  ('ada', $$select public.delete_account(eve) from ids$$, '1'),
  ('ada', 'select from private.rates', '42501'),
  -- schemas outside the REST API
  ('bob', 'select * from private.tools_of(auth.uid())', '42501'),
  ('service', 'select private.secret(gen_random_uuid())', '42501')
) v (actor, statement, expected);

select * from finish();
rollback;
