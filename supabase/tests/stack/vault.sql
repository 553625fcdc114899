-- A double of the extension supabase_vault, which is in no registry: the same names, arguments, columns and grants, and secrets bound to
-- their row's id. The cipher differs: pgcrypto's AES instead of XChaCha20.
create schema vault;
create table vault.test_key (key bytea not null);
insert into vault.test_key values (extensions.gen_random_bytes(32));
revoke all on vault.test_key from public;

create table vault.secrets (
  id uuid primary key default gen_random_uuid(),
  name text,
  description text not null default '',
  secret text not null,
  key_id uuid,
  nonce bytea default extensions.gen_random_bytes(16),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index on vault.secrets (name) where name is not null;

create function vault._crypto_encrypt(message text, bound_to uuid, nonce bytea) returns text
language sql security definer set search_path = '' as $$
  select encode(extensions.encrypt_iv(convert_to(bound_to || ':' || message, 'UTF8'), key, nonce, 'aes-cbc/pad:pkcs'), 'base64')
  from vault.test_key
$$;
create function vault._crypto_decrypt(secret text, bound_to uuid, nonce bytea) returns text
language plpgsql security definer set search_path = '' as $$
declare
  plain text;
begin
  select convert_from(extensions.decrypt_iv(decode(secret, 'base64'), key, nonce, 'aes-cbc/pad:pkcs'), 'UTF8') into plain from vault.test_key;
  if left(plain, 37) <> bound_to || ':' then
    raise exception 'invalid ciphertext';
  end if;
  return substr(plain, 38);
end
$$;
create view vault.decrypted_secrets as
select id, name, description, secret, vault._crypto_decrypt(secret, id, nonce) as decrypted_secret, key_id, nonce, created_at, updated_at
from vault.secrets;

create function vault.create_secret(new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null)
returns uuid language plpgsql security definer set search_path = '' as $$
declare
  fresh uuid := gen_random_uuid();
  nonce bytea := extensions.gen_random_bytes(16);
begin
  insert into vault.secrets (id, nonce, secret, name, description)
  values (fresh, nonce, vault._crypto_encrypt(new_secret, fresh, nonce), new_name, coalesce(new_description, ''));
  return fresh;
end
$$;
create function vault.update_secret(
  secret_id uuid, new_secret text default null, new_name text default null, new_description text default null, new_key_id uuid default null
) returns void language plpgsql security definer set search_path = '' as $$
begin
  update vault.secrets s
  set secret = case when new_secret is null then s.secret else vault._crypto_encrypt(new_secret, s.id, s.nonce) end,
    name = coalesce(new_name, s.name), description = coalesce(new_description, s.description), updated_at = now()
  where s.id = secret_id;
end
$$;

revoke all on all functions in schema vault from public;
grant usage on schema vault to postgres with grant option;
grant usage on schema vault to service_role;
grant select, delete on vault.secrets, vault.decrypted_secrets to postgres with grant option;
grant select, delete on vault.secrets, vault.decrypted_secrets to service_role;
grant execute on function vault.create_secret, vault.update_secret, vault._crypto_decrypt to postgres with grant option;
grant execute on function vault.create_secret, vault.update_secret, vault._crypto_decrypt to service_role;
