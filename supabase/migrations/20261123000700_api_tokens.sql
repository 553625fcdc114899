-- API tokens for clients without OAuth: shown once, stored as a hash.

create table public.api_tokens (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.users (id) on delete cascade,
  name text not null check (char_length(name) between 1 and 60),
  token_hash bytea not null unique,
  last_used_at timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz not null default now()
);
create index on public.api_tokens (user_id);

-- `mcpist_` and 32 random bytes in base62, always 43 digits long.
create function private.new_api_token() returns text
language plpgsql volatile set search_path = '' as $$
declare
  digits constant text := '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  bytes constant bytea := extensions.gen_random_bytes(32);
  number numeric := 0;
  text_form text := '';
begin
  for position in 0..31 loop
    number := number * 256 + get_byte(bytes, position);
  end loop;
  for position in 1..43 loop
    text_form := substr(digits, mod(number, 62)::integer + 1, 1) || text_form;
    number := div(number, 62);
  end loop;
  return 'mcpist_' || text_form;
end
$$;

-- Creates a token for the caller and returns it once: {"id", "token"}. At most ten per hour and twenty active ones.
create function public.create_api_token(name text, expires_at timestamptz default null) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  fresh text;
  fresh_id uuid;
begin
  perform private.require_active();
  if expires_at <= now() then
    raise check_violation using message = 'expires_at lies in the past.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('mcpist.api_tokens.' || auth.uid(), 0));
  -- Revoked tokens count too; they are kept longer.
  if (select count(*) from public.api_tokens t where t.user_id = auth.uid() and t.created_at > now() - interval '1 hour') >= 10 then
    raise sqlstate 'PT429' using message = 'You have made ten tokens within an hour.', hint = 'Wait a little.';
  end if;
  if (
    select count(*) from public.api_tokens t
    where t.user_id = auth.uid() and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
  ) >= 20 then
    raise sqlstate 'PT409' using message = 'You have 20 tokens, which is all there may be.', hint = 'Revoke one that is not in use.';
  end if;
  fresh := private.new_api_token();
  insert into public.api_tokens (user_id, name, token_hash, expires_at)
  values (auth.uid(), create_api_token.name, private.token_digest(fresh), create_api_token.expires_at)
  returning id into fresh_id;
  return jsonb_build_object('id', fresh_id, 'token', fresh);
end
$$;
grant execute on function public.create_api_token(text, timestamptz) to authenticated;

-- Revokes the caller's own token, or for an admin any token. Revoking twice is not an error.
create function public.revoke_api_token(id uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
  perform private.require_active();
  update public.api_tokens t set revoked_at = coalesce(t.revoked_at, now())
  where t.id = revoke_api_token.id and (t.user_id = auth.uid() or private.is_admin());
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such token.';
  end if;
end
$$;
grant execute on function public.revoke_api_token(uuid) to authenticated;

-- Returns the token's user; null for an unknown, revoked or expired token.
create function public.resolve_api_token(p_token_hash text) returns uuid
language plpgsql security definer set search_path = '' as $$
declare
  token public.api_tokens;
begin
  select * into token from public.api_tokens
  where token_hash = decode(p_token_hash, 'hex') and revoked_at is null and (expires_at is null or expires_at > now());
  if token.last_used_at is null or token.last_used_at < now() - interval '1 minute' then
    update public.api_tokens set last_used_at = now() where id = token.id;
  end if;
  return token.user_id;
end
$$;
grant execute on function public.resolve_api_token(text) to service_role;

alter table public.api_tokens enable row level security;
grant select (id, user_id, name, last_used_at, expires_at, revoked_at, created_at) on public.api_tokens to authenticated;
create policy active on public.api_tokens as restrictive to authenticated using ((select private.is_active()));
create policy own on public.api_tokens for select to authenticated using (user_id = (select auth.uid()));
create policy admin on public.api_tokens for select to authenticated using ((select private.is_admin()));
