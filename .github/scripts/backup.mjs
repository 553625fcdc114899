// Writes an encrypted backup of the database to a file.
//
//   SUPABASE_DB_URL  BACKUP_RECIPIENT  node backup.mjs FILE
//
// The file is a plain-SQL dump of the data (the migrations are the schema), compressed with gzip and encrypted with age
// (https://age-encryption.org) for BACKUP_RECIPIENT, a public key. Who runs this cannot read what it wrote.
//
// Not included: the Vault and rows that refer to it (oauth_apps, oauth_tokens, oauth_states, confirmations). Their key
// belongs to the project and no role may write ciphertext back, so a copy would be useless; after a restore, users connect their
// services again.

import { createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { environment, main, Stop } from "./http.mjs";
import { connection, program, together } from "./postgres.mjs";

const WHAT = [
  "--data-only",
  "--no-owner",
  "--no-privileges",
  "--table=public.*",
  "--exclude-table=public.oauth_apps",
  "--exclude-table=public.oauth_tokens",
  "--exclude-table=public.oauth_states",
  "--exclude-table=public.confirmations",
  // Clients register with a project: another one does not know them.
  "--exclude-table=public.client_grants",
  // Accounts keep their ids and passwords.
  "--table=auth.users",
  "--table=auth.identities",
];
const AGE = "age-encryption.org/v1\n";

await main(async () => {
  const [url, recipient] = environment("SUPABASE_DB_URL", "BACKUP_RECIPIENT");
  const file = process.argv[2];
  if (!file) throw new Stop(2, "Usage: node backup.mjs FILE");
  const unfinished = `${file}.unfinished`;
  try {
    const dump = program("pg_dump", WHAT, { env: connection(url) });
    const age = program("age", ["--encrypt", "--recipient", recipient], { input: true });
    let rows = 0;
    await together([
      pipeline(
        dump.stdout,
        async function* (parts) {
          for await (const part of parts) {
            rows += part.toString("latin1").split("\n").length - 1;
            yield part;
          }
        },
        createGzip(),
        age.stdin,
      ),
      pipeline(age.stdout, createWriteStream(unfinished, { mode: 0o600 })),
      dump.done,
      age.done,
    ]);
    await check(unfinished);
    await rename(unfinished, file);
    console.log(`${file}: ${rows} lines of SQL, encrypted for ${recipient}`);
  } finally {
    await rm(unfinished, { force: true });
  }
});

async function check(path) {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(AGE.length), 0, AGE.length, 0);
    if (bytesRead < AGE.length || buffer.toString("latin1") !== AGE)
      throw new Stop(1, "age did not write an encrypted file");
  } finally {
    await file.close();
  }
}
