// Auth's settings from supabase/config.toml, as `config push` sends them.
import { readFileSync } from "node:fs";

const FILE = new URL("../../config.toml", import.meta.url);

/// Returns the values of a TOML file by `section.key`. Supports strings, numbers, booleans and one-line lists of strings.
export function readConfig(text = readFileSync(FILE, "utf8")) {
  const values = {};
  let section = "";
  for (const line of text.split("\n")) {
    const header = /^\[([\w.-]+)\]\s*$/.exec(line);
    const entry = /^(\w+) = (.+?)\s*$/.exec(line);
    if (header) section = header[1];
    else if (entry) values[section ? `${section}.${entry[1]}` : entry[1]] = JSON.parse(entry[2]);
  }
  return values;
}

/// Returns the double's settings. For settings that the file omits, `config push` sends the CLI's default.
export function readSettings() {
  const config = readConfig();
  const value = (key, unset) => config[`auth.${key}`] ?? unset;
  return {
    signup: value("enable_signup", true),
    email: value("email.enable_signup", true),
    confirmations: value("email.enable_confirmations", false),
    secure_password_change: value("email.secure_password_change", false),
    totp: value("mfa.totp.enroll_enabled", false) && value("mfa.totp.verify_enabled", false),
    manual_linking: value("enable_manual_linking", false),
    passkey: value("passkey.enabled", false),
    // Providers are set per installation.
    external: { google: true, github: true, azure: true },
  };
}
