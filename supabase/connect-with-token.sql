-- Connects a service for a user with a token created there, without the console. The token is read from standard input, so it is in no command
-- line, history, saved snippet or logged statement.
--
--   read -rs TOKEN && printf '%s\n' "$TOKEN" |
--     psql 'postgresql://postgres.<ref>@….pooler.supabase.com:5432/postgres' -v email=you@example.com -v service=github -f supabase/connect-with-token.sql
--
-- For Jira and Confluence also: -v base_url=https://acme.atlassian.net -v token_type=basic (the token is then email:API token).
\set ON_ERROR_STOP on
\if :{?base_url}
\else
  \set base_url ''
\endif
\if :{?token_type}
\else
  \set token_type bearer
\endif
begin;
create temp table typed (token text) on commit drop;
-- A separator and a quote that tokens do not contain.
\copy typed from pstdin with (format csv, delimiter E'\x01', quote E'\x02')
grant select on typed to authenticated;
select set_config('request.jwt.claims', json_build_object('sub', id, 'role', 'authenticated')::text, true) <> '' as "user"
  from public.users where email = lower(:'email');
set local role authenticated;
select public.connect_with_token(:'service', token, token_type => :'token_type', base_url => nullif(:'base_url', '')) as id from typed;
commit;
