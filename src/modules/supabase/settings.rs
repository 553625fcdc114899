//! Sign-in providers, API keys and regions.

use serde_json::{Map, Value, json};

use super::{public_key, text};
use crate::engine::Session;
use crate::engine::request::nothing_to_change;
use crate::error::Error;
use crate::json::Object;
use crate::upstream::Method;

/// Providers of accounts, as their settings are called.
const PROVIDERS: [&str; 21] = [
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "figma",
    "github",
    "gitlab",
    "google",
    "kakao",
    "keycloak",
    "linkedin_oidc",
    "notion",
    "slack",
    "slack_oidc",
    "spotify",
    "twitch",
    "twitter",
    "workos",
    "x",
    "zoom",
];

/// Ways to sign in without another's account.
const WAYS: [&str; 5] = ["email", "phone", "anonymous_users", "web3_ethereum", "web3_solana"];

/// Settings that not all providers have, and which have them.
const SOME: [(&str, &[&str]); 3] = [
    ("url", &["azure", "gitlab", "keycloak", "workos"]),
    ("additional_client_ids", &["apple", "google"]),
    ("skip_nonce_check", &["google"]),
];

/// The ways to sign in to a project, without their secrets.
pub fn providers(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let config = session.get(&config_path(arguments), &[])?;
    let enabled_only = arguments.get("enabled") == Some(&json!(true));
    let rows = WAYS.into_iter().chain(PROVIDERS).map(|name| row(&config, name));
    let rows = rows.filter(|row| !enabled_only || row["enabled"] == true);
    Ok(json!({"items": rows.collect::<Vec<_>>()}))
}

/// Changes one provider.
pub fn update_provider(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let provider = text(arguments, "provider");
    let body = provider_settings(provider, arguments)?;
    let config = session.send(Method::Patch, &config_path(arguments), &[], Some(&body.into()))?;
    Ok(row(&config, provider))
}

fn config_path(arguments: &Object) -> [&str; 5] {
    ["v1", "projects", text(arguments, "project_ref"), "config", "auth"]
}

/// Refuses an issuer that is described in no way or in several.
pub fn issuer(arguments: &mut Object) -> Result<(), Error> {
    let ways = ["oidc_issuer_url", "jwks_url", "custom_jwks"];
    if ways.iter().filter(|way| arguments.contains_key(**way)).count() == 1 {
        return Ok(());
    }
    Err(Error::invalid_params(
        "Exactly one of `oidc_issuer_url`, `jwks_url` and `custom_jwks` is needed.",
    )
    .with_hint("With OpenID Connect discovery give the issuer, else its keys."))
}

/// The params of `update_auth_provider` that are settings.
const NAMES: [&str; 7] = [
    "enabled",
    "client_id",
    "secret",
    "url",
    "email_optional",
    "skip_nonce_check",
    "additional_client_ids",
];

/// The members of the settings that the arguments change.
fn provider_settings(provider: &str, arguments: &Object) -> Result<Object, Error> {
    let mut body = Map::new();
    for name in NAMES {
        let Some(value) = arguments.get(name) else { continue };
        let has = SOME.iter().find(|(known, _)| *known == name).map(|(_, providers)| *providers);
        let missing = has.is_some_and(|providers| !providers.contains(&provider))
            || name == "email_optional" && provider == "workos";
        if missing {
            return Err(Error::invalid_params(format!("`{name}` is not a setting of {provider}."))
                .with_hint(has.map_or_else(
                    || "Leave it out.".to_owned(),
                    |has| format!("Those of {} have it.", has.join(", ")),
                )));
        }
        let value = match value {
            Value::Array(ids) => {
                ids.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",").into()
            }
            value => value.clone(),
        };
        body.insert(format!("external_{provider}_{name}"), value);
    }
    if body.is_empty() {
        return Err(nothing_to_change(&NAMES));
    }
    Ok(body)
}

fn row(config: &Value, name: &str) -> Value {
    let setting = |member: &str| config[format!("external_{name}_{member}")].clone();
    json!({
        "provider": name, "enabled": setting("enabled"), "client_id": setting("client_id"), "url": setting("url"),
        "email_optional": setting("email_optional"), "additional_client_ids": setting("additional_client_ids"),
    })
}

/// A new key of the same kind as an old one, which stays until it is deleted: apps need time to change.
pub fn rotate_key(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let keys = ["v1", "projects", text(arguments, "project_ref"), "api-keys"];
    let old_id = text(arguments, "key_id");
    let old = session.get(&[&keys[..], &[old_id]].concat(), &[])?;
    let kind = old["type"].as_str().unwrap_or_default();
    if !matches!(kind, "publishable" | "secret") {
        return Err(Error::invalid_params("The older keys, anon and service_role, cannot be rotated one by one.")
            .with_hint("Create new keys with create_api_key, then switch the older ones off with set_legacy_api_keys."));
    }
    let mut body = json!({"type": kind, "name": next_name(old["name"].as_str().unwrap_or("key"))});
    for name in ["description", "secret_jwt_template"] {
        if !old[name].is_null() {
            body[name] = old[name].clone();
        }
    }
    let new = session.send(Method::Post, &keys, &[], Some(&body))?;
    Ok(json!({
        "id": new["id"], "name": new["name"], "type": new["type"], "key": public_key(&new), "replaces": old_id,
        "message": "Both keys work now. Change your apps, then delete the old one with delete_api_key.",
    }))
}

/// The name with the next number behind it: names are small letters, digits and `_`, 64 characters at most.
fn next_name(name: &str) -> String {
    let numbered =
        name.rsplit_once('_').and_then(|(stem, number)| Some((stem, number.parse::<u32>().ok()?)));
    let (stem, number) =
        numbered.map_or((name, 2), |(stem, number)| (stem, number.saturating_add(1)));
    let ending = format!("_{number}");
    let kept: String = stem.chars().take(64 - ending.len()).collect();
    kept + &ending
}

/// A region by its code, or one of the groups in which Supabase chooses.
pub fn region(code: &Value) -> Result<Value, Error> {
    let group = matches!(code.as_str(), Some("americas" | "emea" | "apac"));
    Ok(json!({"type": if group { "smartGroup" } else { "specific" }, "code": code}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_gets_only_settings_that_it_has() {
        let made = |provider: &str, arguments: Value| {
            provider_settings(provider, arguments.as_object().expect("it is one"))
        };
        let check = |provider: &str, arguments: Value, expected: Value| {
            assert_eq!(
                made(provider, arguments).map(Value::from).ok(),
                Some(expected),
                "{provider}"
            );
        };
        check(
            "google",
            json!({"enabled": true, "client_id": "c", "secret": "s", "additional_client_ids": ["a", "b"]}),
            json!({"external_google_enabled": true, "external_google_client_id": "c", "external_google_secret": "s", "external_google_additional_client_ids": "a,b"}),
        );
        check("azure", json!({"url": "https://x"}), json!({"external_azure_url": "https://x"}));
        for (provider, arguments, part) in [
            ("github", json!({"url": "https://x"}), "azure, gitlab, keycloak, workos"),
            ("github", json!({"skip_nonce_check": true}), "google"),
            ("workos", json!({"email_optional": true}), "Leave it out"),
            ("github", json!({}), "nothing to change"),
        ] {
            let error = made(provider, arguments).expect_err(part);
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let config = json!({"external_github_enabled": true, "external_github_client_id": "c", "external_github_secret": "s3cret"});
        let row = row(&config, "github");
        assert!(row["client_id"] == "c" && !row.to_string().contains("s3cret"), "{row}");
    }

    #[test]
    fn a_new_key_has_the_next_name() {
        for (name, expected) in
            [("default", "default_2"), ("ci_key_2", "ci_key_3"), ("a_b", "a_b_2")]
        {
            assert_eq!(next_name(name), expected);
        }
        assert_eq!(next_name(&"a".repeat(64)).len(), 64);
    }

    #[test]
    fn a_region_is_one_or_a_group() {
        assert_eq!(
            region(&json!("eu-west-1")).ok(),
            Some(json!({"type": "specific", "code": "eu-west-1"}))
        );
        assert_eq!(
            region(&json!("apac")).ok(),
            Some(json!({"type": "smartGroup", "code": "apac"}))
        );
    }
}
