-- Deleting accounts and ending sessions completely.

-- Deletes an account and all its data: in Auth, and by cascade here and in the Vault. Only for admins, not for oneself and not for the last
-- admin. The address stays on the allow-list.
create function public.delete_account(p_user uuid) returns void
language plpgsql security definer set search_path = '' as $$
declare
  holder text;
begin
  perform private.require_admin();
  if p_user = auth.uid() then
    raise sqlstate 'PT409' using message = 'You cannot delete your own account.', hint = 'Ask another admin.';
  end if;
  delete from auth.users where id = p_user;
  if not found then
    raise sqlstate 'PT404' using message = 'The account does not exist.';
  end if;
  -- Pending sign-ins have no foreign key.
  begin
    delete from auth.flow_state where user_id = p_user;
  exception when others then
    raise warning 'auth.flow_state was not cleared: %', sqlerrm;
  end;
exception when foreign_key_violation then
  get stacked diagnostics holder = table_name;
  raise sqlstate 'PT409' using message = format('The account is still used outside MCPist, in the table %s.', holder),
    hint = 'Delete its rows there first.';
end
$$;
grant execute on function public.delete_account(uuid) to authenticated;

-- Ends the sessions of one user, or of everyone (null), in the console and in MCP clients, and removes everything that an attacker could sign
-- in with: passwords, factors, passkeys, emailed links, pending sign-ins. Issued access tokens then have no access here or at the MCP server.
-- Returns {"sessions": n, "incomplete": [what is left]}. Auth may change its tables, so each is cleared separately: a failure must not prevent
-- the others.
drop function private.end_sign_ins(uuid);
create function private.end_sign_ins(p_user uuid) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  ended bigint;
  incomplete text[] := '{}';
begin
  begin
    delete from auth.sessions where p_user is null or user_id = p_user;
    get diagnostics ended = row_count;
  exception when others then
    incomplete := array_append(incomplete, 'auth.sessions');
  end;
  begin
    delete from public.client_grants where p_user is null or user_id = p_user;
    update auth.oauth_consents set revoked_at = greatest(granted_at, now())
    where revoked_at is null and (p_user is null or user_id = p_user);
  exception when others then
    incomplete := array_append(incomplete, 'auth.oauth_consents');
  end;
  begin
    delete from auth.oauth_authorizations where p_user is null or user_id = p_user;
  exception when others then
    incomplete := array_append(incomplete, 'auth.oauth_authorizations');
  end;
  begin
    update auth.users set encrypted_password = null where encrypted_password is not null and (p_user is null or id = p_user);
  exception when others then
    incomplete := array_append(incomplete, 'auth.users.encrypted_password');
  end;
  begin
    update auth.users
    set confirmation_token = '', recovery_token = '', email_change = '', email_change_token_new = '', email_change_token_current = '',
      phone_change = '', phone_change_token = '', reauthentication_token = ''
    where (p_user is null or id = p_user) and concat(
      confirmation_token, recovery_token, email_change, email_change_token_new, email_change_token_current, phone_change, phone_change_token,
      reauthentication_token
    ) <> '';
  exception when others then
    incomplete := array_append(incomplete, 'auth.users.…_token');
  end;
  begin
    delete from auth.one_time_tokens where p_user is null or user_id = p_user;
  exception when others then
    incomplete := array_append(incomplete, 'auth.one_time_tokens');
  end;
  begin
    delete from auth.flow_state where p_user is null or user_id = p_user;
  exception when others then
    incomplete := array_append(incomplete, 'auth.flow_state');
  end;
  begin
    delete from auth.mfa_factors where p_user is null or user_id = p_user;
  exception when others then
    incomplete := array_append(incomplete, 'auth.mfa_factors');
  end;
  begin
    delete from auth.webauthn_credentials where p_user is null or user_id = p_user;
  exception when others then
    incomplete := array_append(incomplete, 'auth.webauthn_credentials');
  end;
  return jsonb_build_object('sessions', ended, 'incomplete', incomplete);
end
$$;

create or replace function private.revoke_tokens(p_user uuid) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  connections bigint;
  tokens bigint;
begin
  delete from public.oauth_tokens where p_user is null or user_id = p_user;
  get diagnostics connections = row_count;
  delete from public.oauth_states where p_user is null or user_id = p_user;
  delete from public.confirmations where p_user is null or user_id = p_user;
  update public.api_tokens set revoked_at = now() where revoked_at is null and (p_user is null or user_id = p_user);
  get diagnostics tokens = row_count;
  return jsonb_build_object('oauth_tokens', connections, 'api_tokens', tokens) || private.end_sign_ins(p_user);
end
$$;
