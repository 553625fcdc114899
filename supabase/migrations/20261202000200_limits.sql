-- Limits: an API token or an OAuth client can have a part of its user's permissions, and an end.

alter table public.api_tokens
  add read_only boolean not null default false,
  -- Null: every module.
  add modules text[] check (cardinality(modules) between 1 and 100 and array_position(modules, null) is null);
grant select (read_only, modules) on public.api_tokens to authenticated;

-- The confirmation that a role demands before a tool that deletes, publishes or costs money: at least a code that is sent back, or a person
-- who decides. Null: the server's own policy. A role can only be stricter than the server.
alter table public.roles add confirm text check (confirm in ('code', 'human'));
grant update (confirm) on public.roles to authenticated;

-- Returns what a credential permits: a session of Auth (of the console or a client), an API token, or, if both are null, the user without
-- limits. No row: this user has no such credential. `alive` is false after it was revoked or has ended. `client` is its name.
create function private.limits_of(p_user uuid, p_session uuid, p_token uuid)
returns table (alive boolean, read_only boolean, modules text[], ends_at timestamptz, client text)
language sql stable security definer set search_path = '' as $$
  select true, false, null::text[], null::timestamptz, null::text where p_session is null and p_token is null
  union all
  select t.revoked_at is null and coalesce(t.expires_at > now(), true), t.read_only, t.modules, t.expires_at, t.name
  from public.api_tokens t where t.id = p_token and t.user_id = p_user
  union all
  select
    coalesce(s.not_after > now(), true)
      and (s.oauth_client_id is null or c.deleted_at is null and private.client_allowed(p_user, s.oauth_client_id)),
    coalesce(g.read_only, false), g.modules, least(s.not_after, g.expires_at), c.client_name
  from auth.sessions s
  left join auth.oauth_clients c on c.id = s.oauth_client_id
  left join public.client_grants g on g.user_id = s.user_id and g.client_id = s.oauth_client_id
  where s.id = p_session and s.user_id = p_user and p_token is null;
$$;

-- Returns the tools that a user can use with a credential: permitted by the roles, without broken modules, within the credential's limits.
-- The server and the console both use it.
drop function private.tools_of(uuid);
create function private.tools_of(p_user uuid, p_session uuid default null, p_token uuid default null)
returns table (module text, tool text)
language sql stable security definer set search_path = '' as $$
  select t.module, t.tool
  from private.limits_of(p_user, p_session, p_token) l
  cross join private.permitted(p_user) p
  join public.tools t on t.module = p.module and t.tool = p.tool
  join public.module_registry m on m.module = p.module
  where l.alive and m.status <> 'broken' and (t.read_only or not l.read_only) and (l.modules is null or t.module = any (l.modules));
$$;

create function private.modules_of(p_user uuid, p_session uuid, p_token uuid) returns jsonb
language sql stable security definer set search_path = '' as $$
  select coalesce(jsonb_object_agg(p.module, jsonb_build_object(
    'status', p.status, 'tools', p.tools, 'accounts', private.accounts_of(p_user, p.module),
    'connected', exists (
      select from public.oauth_tokens where service = p.module and status = 'active'
        and (user_id = p_user or role_id in (select role_id from public.user_roles where user_id = p_user))
    )
  )), '{}')
  from (
    select m.module, m.status, jsonb_agg(t.tool order by t.tool) as tools
    from private.tools_of(p_user, p_session, p_token) t
    join public.module_registry m on m.module = t.module
    group by m.module, m.status
  ) p;
$$;

-- The answer for tool-sieve, as {"outcome": …}: user_disabled, session_ended, or ok with "modules", "confirm" (the strictest demand of the
-- user's roles) and "ends_in_s" (until the credential's end; null: no end).
create function public.permissions(p_user uuid, p_session uuid, p_token uuid) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  limits record;
begin
  if not exists (select from public.users where id = p_user and disabled_at is null) then
    return '{"outcome": "user_disabled"}';
  end if;
  select * into limits from private.limits_of(p_user, p_session, p_token);
  if limits.alive is not true then
    return '{"outcome": "session_ended"}';
  end if;
  return jsonb_build_object(
    'outcome', 'ok',
    'modules', private.modules_of(p_user, p_session, p_token),
    'ends_in_s', floor(extract(epoch from limits.ends_at - now())),
    'confirm', (
      select case when bool_or(r.confirm = 'human') then 'human' when bool_or(r.confirm = 'code') then 'code' end
      from public.roles r join public.user_roles ur on ur.role_id = r.id where ur.user_id = p_user
    )
  );
end
$$;
grant execute on function public.permissions(uuid, uuid, uuid) to service_role;

-- The same for the functions of 0.1.0, which pass only a user.
create or replace function public.sieve(p_user uuid) returns jsonb
language sql stable security definer set search_path = '' as $$
  select private.modules_of(p_user, null, null) from public.users u where u.id = p_user and u.disabled_at is null;
$$;

-- Returns the owner of an API token: {"user_id", "token_id"}; null if it is unknown, revoked or expired. For `p_grace` after its end it is still
-- accepted, so that the audit events of its last calls arrive.
create function public.identify_api_token(p_token_hash text, p_grace interval) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  token public.api_tokens;
begin
  select * into token from public.api_tokens
  where token_hash = decode(p_token_hash, 'hex') and coalesce(least(revoked_at, expires_at) > now() - p_grace, true);
  if not found then
    return null;
  end if;
  if token.last_used_at is null or token.last_used_at < now() - interval '1 minute' then
    update public.api_tokens set last_used_at = now() where id = token.id;
  end if;
  return jsonb_build_object('user_id', token.user_id, 'token_id', token.id);
end
$$;
grant execute on function public.identify_api_token(text, interval) to service_role;

-- Returns the end of a new credential, within a year.
create function private.end_of(p_expires_at timestamptz) returns timestamptz
language plpgsql stable set search_path = '' as $$
begin
  if p_expires_at <= now() then
    raise check_violation using message = 'expires_at is in the past.';
  elsif p_expires_at > now() + interval '366 days' then
    raise check_violation using message = 'expires_at must be at most 365 days from now.';
  end if;
  return coalesce(p_expires_at, now() + interval '365 days');
end
$$;

-- Refuses an empty list of modules, and unknown names: both would give other rights than the user meant.
create function private.check_modules(p_modules text[]) returns void
language plpgsql stable security definer set search_path = '' as $$
declare
  unknown text;
begin
  if cardinality(p_modules) = 0 then
    raise check_violation using message = 'modules must not be empty: name at least one, or omit it for all modules.';
  end if;
  select name into unknown from unnest(p_modules) name
  where name is null or not exists (select from public.module_registry m where m.module = name) limit 1;
  if found then
    raise check_violation using message = format('There is no module %L.', unknown);
  end if;
end
$$;

-- Creates a token for the caller and returns it once: {"id", "token", "expires_at"}. At most ten per hour and twenty active ones. It expires
-- within a year.
drop function public.create_api_token(text, timestamptz);
create function public.create_api_token(
  name text, expires_at timestamptz default null, read_only boolean default false, modules text[] default null
) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  fresh text;
  fresh_id uuid;
  ends_at timestamptz;
begin
  perform private.require_active();
  ends_at := private.end_of(create_api_token.expires_at);
  perform private.check_modules(create_api_token.modules);
  perform pg_advisory_xact_lock(hashtextextended('mcpist.api_tokens.' || auth.uid(), 0));
  -- Revoked tokens count too; they are kept longer.
  if (select count(*) from public.api_tokens t where t.user_id = auth.uid() and t.created_at > now() - interval '1 hour') >= 10 then
    raise sqlstate 'PT429' using message = 'You have created ten tokens within an hour.', hint = 'Try again later.';
  end if;
  if (
    select count(*) from public.api_tokens t
    where t.user_id = auth.uid() and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
  ) >= 20 then
    raise sqlstate 'PT409' using message = 'You have reached the limit of 20 tokens.', hint = 'Revoke one that you no longer use.';
  end if;
  fresh := private.new_api_token();
  insert into public.api_tokens (user_id, name, token_hash, expires_at, read_only, modules)
  values (
    auth.uid(), create_api_token.name, private.token_digest(fresh), ends_at, coalesce(create_api_token.read_only, false),
    create_api_token.modules
  ) returning id into fresh_id;
  return jsonb_build_object('id', fresh_id, 'token', fresh, 'expires_at', ends_at);
end
$$;
grant execute on function public.create_api_token(text, timestamptz, boolean, text[]) to authenticated;
