-- Checks the upgraded data of every release: `holds` must be true in every row.
select 'ada is the admin' as what, (select system_role from public.users where email = 'ada@example.com') = 'admin' as holds
union all
select 'bob may use what he might', array(select module || '.' || tool from private.tools_of('00000000-0000-4000-8000-00000000000b')) = array['github.get_me']
union all
select 'bob''s credential is given out',
  public.begin_exchange('00000000-0000-4000-8000-00000000000b', 'github', null, null) ->> 'access_token' = 'access-bob'
union all
select 'bob''s token of MCPist works', public.resolve_api_token(encode(sha256('token'), 'hex')) = '00000000-0000-4000-8000-00000000000b'
union all
select 'the tools are this version''s, and the operator''s own are left', (
  select array_agg(module || '.' || tool order by module, tool) from public.tools
  where (module, tool) in (('github', 'get_me'), ('github', 'create_issue'), ('github', 'retired'), ('own', 'ask'))
) = array['github.create_issue', 'github.get_me', 'own.ask']
union all
select 'bob''s token of MCPist is as it was', (select not read_only and modules is null and expires_at is null from public.api_tokens where token_hash = sha256('token'))
union all
select 'bob''s client goes on', array(
  select module || '.' || tool from private.tools_of('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000e1')
) = array['github.get_me']
union all
select 'which has an end from now on', (
  select expires_at between now() + interval '364 days' and now() + interval '366 days' from public.client_grants
  where user_id = '00000000-0000-4000-8000-00000000000b' and client_id = '00000000-0000-4000-8000-0000000000c1'
)
union all
select 'the trail is kept for 30 days at least', (select audit_retention_days >= 30 from public.settings);
