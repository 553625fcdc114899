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
) = array['github.create_issue', 'github.get_me', 'own.ask'];
