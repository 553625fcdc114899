-- A user's OAuth clients: data for the consent page, the user's decision, and later changes. Auth's own endpoints are not enough: reading an
-- authorization there approves it if the client is known, and they have no limits.

-- Returns a pending authorization for the consent page. Changes nothing.
create function public.oauth_authorization(p_authorization_id text) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  shown jsonb;
begin
  perform private.require_active();
  select jsonb_build_object(
    'authorization_id', a.authorization_id,
    'client', jsonb_build_object(
      'id', c.id, 'name', c.client_name, 'uri', c.client_uri, 'logo_uri', c.logo_uri, 'registered', c.registration_type, 'created_at', c.created_at
    ),
    'redirect_uri', a.redirect_uri, 'state', a.state, 'scopes', regexp_split_to_array(trim(a.scope), '\s+'), 'expires_at', a.expires_at,
    'known', n.id is not null,
    'limits', case
      when g.user_id is not null then jsonb_build_object('read_only', g.read_only, 'modules', g.modules, 'expires_at', g.expires_at)
    end
  ) into shown
  from auth.oauth_authorizations a
  join auth.oauth_clients c on c.id = a.client_id and c.deleted_at is null
  left join auth.oauth_consents n on n.client_id = a.client_id and n.user_id = auth.uid() and n.revoked_at is null
  left join public.client_grants g on g.client_id = a.client_id and g.user_id = auth.uid()
  where a.authorization_id = p_authorization_id and a.status = 'pending' and a.expires_at > now() and coalesce(a.user_id, auth.uid()) = auth.uid();
  if not found then
    raise sqlstate 'PT404' using message = 'The request does not exist or has expired.', hint = 'Connect the client again.';
  end if;
  return shown;
end
$$;
grant execute on function public.oauth_authorization(text) to authenticated;

-- Sets what the client of a pending authorization may do: {"expires_at"}. Afterwards the console gives Auth's consent; without this row, that
-- consent gives no token.
create function public.allow_client(
  p_authorization_id text, p_read_only boolean default false, p_modules text[] default null, p_expires_at timestamptz default null
) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  client uuid := (public.oauth_authorization(p_authorization_id) -> 'client' ->> 'id')::uuid;
  ends_at timestamptz := private.end_of(p_expires_at);
begin
  perform private.check_modules(p_modules);
  -- The first call shows that this installation's console uses grants, so they are required from now on.
  if not (select grants_required from public.settings) then
    perform private.adopt_consents();
    update public.settings set grants_required = true where not grants_required;
  end if;
  insert into public.client_grants (user_id, client_id, read_only, modules, expires_at)
  values (auth.uid(), client, coalesce(p_read_only, false), p_modules, ends_at)
  on conflict (user_id, client_id) do update
  set read_only = excluded.read_only, modules = excluded.modules, expires_at = excluded.expires_at, allowed_at = now();
  return jsonb_build_object('expires_at', ends_at);
end
$$;
grant execute on function public.allow_client(text, boolean, text[], timestamptz) to authenticated;

-- Returns the caller's clients.
create function public.my_clients() returns table (
  client_id uuid, name text, uri text, redirect_uris text[], registered text, granted_at timestamptz, last_used_at timestamptz, sessions bigint,
  read_only boolean, modules text[], expires_at timestamptz
)
language plpgsql stable security definer set search_path = '' as $$
begin
  perform private.require_active();
  return query
    select
      c.id, c.client_name, c.client_uri, string_to_array(c.redirect_uris, ','), c.registration_type::text, n.granted_at, used.at, used.sessions,
      coalesce(g.read_only, false), g.modules, g.expires_at
    from auth.oauth_consents n
    join auth.oauth_clients c on c.id = n.client_id and c.deleted_at is null
    left join public.client_grants g on g.user_id = n.user_id and g.client_id = n.client_id
    cross join lateral (
      select max(coalesce(s.refreshed_at at time zone 'utc', s.created_at)) as at, count(*) as sessions
      from auth.sessions s where s.user_id = n.user_id and s.oauth_client_id = n.client_id
    ) used
    where n.user_id = auth.uid() and n.revoked_at is null
    order by n.granted_at desc;
end
$$;
grant execute on function public.my_clients() to authenticated;

-- Changes what a client may do: {"expires_at"}.
create function public.limit_client(p_client uuid, p_read_only boolean, p_modules text[], p_expires_at timestamptz) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  ends_at timestamptz := private.end_of(p_expires_at);
begin
  perform private.require_active();
  perform private.check_modules(p_modules);
  -- `allowed_at` stays: it is the time of the answer to a client's request.
  insert into public.client_grants as held (user_id, client_id, read_only, modules, expires_at, allowed_at)
  select n.user_id, n.client_id, coalesce(p_read_only, false), p_modules, ends_at, n.granted_at
  from auth.oauth_consents n where n.user_id = auth.uid() and n.client_id = p_client and n.revoked_at is null
  on conflict (user_id, client_id) do update
  set read_only = excluded.read_only, modules = excluded.modules, expires_at = excluded.expires_at;
  if not found then
    raise sqlstate 'PT404' using message = 'You have not allowed this client.';
  end if;
  return jsonb_build_object('expires_at', ends_at);
end
$$;
grant execute on function public.limit_client(uuid, boolean, text[], timestamptz) to authenticated;

-- Revokes a client: its sessions, pending authorizations, and the consents in Auth and here.
create function public.revoke_client(p_client uuid) returns void
language plpgsql security definer set search_path = '' as $$
declare
  had boolean;
begin
  perform private.require_active();
  delete from public.client_grants where user_id = auth.uid() and client_id = p_client;
  had := found;
  delete from auth.sessions where user_id = auth.uid() and oauth_client_id = p_client;
  had := had or found;
  delete from auth.oauth_authorizations where user_id = auth.uid() and client_id = p_client;
  update auth.oauth_consents set revoked_at = greatest(granted_at, now())
  where user_id = auth.uid() and client_id = p_client and revoked_at is null;
  if not (had or found) then
    raise sqlstate 'PT404' using message = 'You have not allowed this client.';
  end if;
end
$$;
grant execute on function public.revoke_client(uuid) to authenticated;
