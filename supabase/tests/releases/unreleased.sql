-- last migration: 20261202000700
insert into public.allowed_emails (email) values ('ada@example.com'), ('bob@example.com');
insert into auth.users (id, email, email_confirmed_at) values
  ('00000000-0000-4000-8000-00000000000a', 'ada@example.com', now()), ('00000000-0000-4000-8000-00000000000b', 'bob@example.com', now());
insert into public.roles (id, name) values ('00000000-0000-4000-8000-000000000001', 'Team');
insert into public.user_roles (user_id, role_id) values ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000001');
insert into public.role_permissions (role_id, module, tools) values ('00000000-0000-4000-8000-000000000001', 'github', '{get_me}');
select private.store_token(
  '00000000-0000-4000-8000-00000000000b', null, 'github', 'bob', 'bearer', 'access-bob', 'refresh-bob', '{repo}', now() + interval '1 hour', '{}'
);
insert into public.api_tokens (user_id, name, token_hash) values ('00000000-0000-4000-8000-00000000000b', 'laptop', sha256('token'));
-- Bob allowed a client to read, and has a session with it.
insert into auth.oauth_clients (id, registration_type, redirect_uris, grant_types, client_name, client_type, token_endpoint_auth_method) values
  ('00000000-0000-4000-8000-0000000000c1', 'dynamic', 'http://127.0.0.1/callback', 'authorization_code,refresh_token', 'a client', 'public', 'none');
insert into auth.oauth_consents (id, user_id, client_id, scopes, granted_at) values
  (gen_random_uuid(), '00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000c1', 'email', now() - interval '1 year');
insert into auth.sessions (id, user_id, oauth_client_id, created_at) values
  ('00000000-0000-4000-8000-0000000000e1', '00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000c1', now());
insert into public.client_grants (user_id, client_id, read_only, expires_at) values
  ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000c1', true, now() + interval '1 year');
