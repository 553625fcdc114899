-- Access requests of users, for admins to decide.

create table public.access_requests (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null default auth.uid() references public.users (id) on delete cascade,
  module text not null references public.module_registry (module) on delete cascade,
  -- Null: the whole module.
  tool text,
  message text not null default '' check (char_length(message) <= 1000),
  status text not null default 'open' check (status in ('open', 'granted', 'declined')),
  decided_by uuid references public.users (id) on delete set null,
  decided_at timestamptz,
  created_at timestamptz not null default now(),
  foreign key (module, tool) references public.tools (module, tool) on delete cascade
);
create unique index on public.access_requests (user_id, module, coalesce(tool, '')) where status = 'open';
create index on public.access_requests (status, created_at);

create function private.decide_access_request() returns trigger
language plpgsql set search_path = '' as $$
begin
  if new.status is distinct from old.status then
    new.decided_by := case when new.status <> 'open' then auth.uid() end;
    new.decided_at := case when new.status <> 'open' then now() end;
  end if;
  return new;
end
$$;
create trigger decide before update on public.access_requests for each row execute function private.decide_access_request();

alter table public.access_requests enable row level security;
grant select, insert (module, tool, message), update (status), delete on public.access_requests to authenticated;
create policy active on public.access_requests as restrictive to authenticated using ((select private.is_active()));
create policy own on public.access_requests for select to authenticated using (user_id = (select auth.uid()));
create policy ask on public.access_requests for insert to authenticated with check (user_id = (select auth.uid()) and status = 'open');
create policy withdraw on public.access_requests for delete to authenticated using (user_id = (select auth.uid()) and status = 'open');
create policy admin_reads on public.access_requests for select to authenticated using ((select private.is_admin()));
create policy admin_decides on public.access_requests for update to authenticated using ((select private.is_admin()));
