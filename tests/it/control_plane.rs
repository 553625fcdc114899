//! A control plane that a test can steer: the key set and the four functions as far as the server uses them. The functions
//! themselves, over a real database, are tested in `supabase/tests`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Instant;

use jwt_simple::prelude::{
    Claims, Duration, ECDSAP256KeyPairLike, ES256KeyPair, JWTClaims, UnixTimeStamp,
};
use mcpist::http::{Answer, Limits, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::wire::Running;

/// The project's publishable key.
pub const KEY: &str = "sb_publishable_test";

/// The users' ids.
pub const ALICE: &str = "00000000-0000-4000-8000-00000000000a";
pub const BOB: &str = "00000000-0000-4000-8000-00000000000b";

/// The issuer and the audience of tokens.
pub const ISSUER: &str = "https://auth.example.com/auth/v1";
pub const AUDIENCE: &str = "https://mcp.example.com/mcp";

/// Longer than the server waits for anything.
const LATE: std::time::Duration = std::time::Duration::from_secs(30);

/// A fault of a part, in place of its normal work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Status(u16),
    /// Something else than it should be, with a status that says it went well.
    Garbage,
    /// The beginning of it, and no more.
    Half,
    /// The normal response, but later than any client waits.
    Late,
}

/// The control plane, with its state in the open.
pub struct FakePlane {
    running: Running,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub struct State {
    /// The content of the key set.
    pub keys: Vec<Value>,
    /// The modules of each user, as `tool-sieve` answers them.
    pub granted: HashMap<String, Value>,
    /// API tokens and their users.
    pub api_tokens: HashMap<String, String>,
    /// The response of `token-exchanger` for a service: status and body.
    pub credentials: HashMap<String, (u16, Value)>,
    /// The modules of single tokens, where they have limits of their own.
    pub limits: HashMap<String, Value>,
    /// Tokens whose session has ended.
    pub ended: HashSet<String>,
    /// Whether the functions are older and return no ids of tokens.
    pub is_older: bool,
    /// Whether the functions accept any key.
    pub takes_any_key: bool,
    /// The confirmation policy that each user's roles require.
    pub confirm: HashMap<String, &'static str>,
    /// The deeds that `confirmations` holds: user, digest, deed, decision.
    pub deeds: Vec<Deed>,
    /// The events that `audit-log` took.
    pub events: Vec<Value>,
    /// Faults by part: `jwks`, `tool-sieve`, `token-exchanger`, `audit-log`.
    pub faults: HashMap<&'static str, Fault>,
    /// Every request: its part and its body.
    pub requests: Vec<(&'static str, Value)>,
}

/// An action that waits for a decision, or whose decision was not read yet.
#[derive(Debug, Clone)]
pub struct Deed {
    pub user: String,
    pub digest: String,
    pub deed: Value,
    pub decision: &'static str,
}

/// The claims of Supabase Auth besides the standard ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Custom {
    pub role: String,
    pub is_anonymous: bool,
}

impl FakePlane {
    /// With one key, and users who may use nothing yet.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State { keys: vec![public(key())], ..State::default() }));
        let serving = Arc::clone(&state);
        let running = Running::start(Limits::default(), move |request, _| {
            let is_late = serving
                .lock()
                .unwrap()
                .faults
                .iter()
                .any(|(part, fault)| *fault == Fault::Late && request.path.ends_with(part));
            let deadline = Instant::now() + LATE;
            while is_late && Instant::now() < deadline && !serving.lock().unwrap().faults.is_empty()
            {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Answer::Whole(serving.lock().unwrap().answer(request))
        });
        Self { running, state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Returns the address of a part.
    pub fn url(&self, part: &str) -> String {
        format!("http://{}/{part}", self.running.address)
    }

    /// How often a part was asked.
    pub fn asked(&self, part: &str) -> usize {
        self.state().requests.iter().filter(|(asked, _)| *asked == part).count()
    }

    /// Lets a user use tools of a module.
    pub fn grant(&self, user: &str, module: &str, tools: &[&str], accounts: &[&str]) {
        let mut state = self.state();
        let modules = state.granted.entry(user.to_owned()).or_insert_with(|| json!({}));
        modules[module] = json!({"status": "stable", "tools": tools, "accounts": accounts, "connected": !accounts.is_empty()});
    }

    /// Returns the response of `token-exchanger` for a service.
    pub fn lend(&self, service: &str, token: &str) {
        let lent = json!({"access_token": token, "token_type": "bearer", "expires_at": "2099-01-01T00:00:00.000Z", "account": "default", "shared": false});
        self.state().credentials.insert(service.to_owned(), (200, lent));
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Response {
        let part = ["jwks", "tool-sieve", "token-exchanger", "audit-log", "confirmations"]
            .into_iter()
            .find(|part| request.path.ends_with(part));
        let part = part.unwrap_or("elsewhere");
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        self.requests.push((part, body.clone()));
        match self.faults.get(part) {
            Some(Fault::Status(status)) => {
                return Response::json(
                    *status,
                    &br#"{"error":{"code":"broken","message":"broken"}}"#[..],
                );
            }
            Some(Fault::Garbage) => return Response::html(200, &b"<html>all is well</html>"[..]),
            Some(Fault::Half) => return Response::json(200, &br#"{"keys":[{"kty":"EC","#[..]),
            Some(Fault::Late) | None => {}
        }
        if request.headers.get("apikey") != Some(KEY) && !self.takes_any_key {
            let body = &br#"{"error":{"code":"forbidden","message":"no"}}"#[..];
            return Response::json(403, body);
        }
        if part == "jwks" {
            return Response::json(200, json!({"keys": self.keys}).to_string().into_bytes());
        }
        let Some(user) = self.user(request) else {
            return Response::json(
                401,
                &br#"{"error":{"code":"invalid_token","message":"no"}}"#[..],
            );
        };
        let shown = shown(request);
        if self.ended.contains(&shown) {
            let body = &br#"{"error":{"code":"session_ended","message":"no"}}"#[..];
            return Response::json(401, body);
        }
        let (status, answer) = match part {
            "tool-sieve" => {
                let granted = self.limits.get(&shown).or_else(|| self.granted.get(&user));
                let modules = granted.cloned().unwrap_or_else(|| json!({}));
                let version = format!("{:x}", modules.to_string().len());
                if request.headers.get("if-none-match") == Some(&format!("\"{version}\"")) {
                    return Response::empty(304);
                }
                let confirm = self.confirm.get(&user);
                let mut answer = json!({"user_id": user, "version": version, "ttl_s": 60, "modules": modules, "confirm": confirm});
                if !self.is_older {
                    answer["token_id"] = token_id(&shown).into();
                }
                (200, answer)
            }
            "token-exchanger" => self.credentials.get(body["service"].as_str().unwrap()).cloned().unwrap_or_else(|| {
                let url = format!("https://console.example.com/oauth/connect?service={}", body["service"].as_str().unwrap());
                (404, json!({"error": {"code": "not_connected", "message": "no", "connect_url": url, "accounts": []}}))
            }),
            "audit-log" => {
                let events = body["events"].as_array().expect("events are a list").clone();
                if self.is_older && events.iter().any(|event| event.get("token_id").is_some()) {
                    return Response::json(400, &br#"{"error":{"code":"invalid","message":"no"}}"#[..]);
                }
                self.events.extend(events.into_iter().map(|event| json!({"user": user, "event": event})));
                (202, json!({}))
            }
            "confirmations" => self.confirmation(&user, &body),
            _ => (404, json!({})),
        };
        Response::json(status, answer.to_string().into_bytes())
    }

    fn confirmation(&mut self, user: &str, body: &Value) -> (u16, Value) {
        let digest = body["digest"].as_str().expect("a digest").to_owned();
        assert!(digest.len() == 64, "{digest}");
        let place = self.deeds.iter().position(|deed| deed.user == user && deed.digest == digest);
        if body["action"] == "take" {
            let decision = place.map_or("unknown", |place| self.deeds[place].decision);
            if let Some(place) = place.filter(|_| matches!(decision, "yes" | "no")) {
                self.deeds.remove(place);
            }
            return (200, json!({"decision": decision}));
        }
        if self.deeds.iter().filter(|deed| deed.user == user).count() >= 8 {
            return (429, json!({"error": {"code": "too_many_confirmations", "message": "no"}}));
        }
        let place = place.unwrap_or_else(|| {
            let user = user.to_owned();
            self.deeds.push(Deed { user, digest, deed: body["deed"].clone(), decision: "pending" });
            self.deeds.len() - 1
        });
        let id = format!("00000000-0000-4000-8000-{place:012}");
        (200, json!({"id": id, "expires_at": "2099-01-01T00:00:00.000Z"}))
    }

    /// The user behind a token, whose signature the real functions check.
    fn user(&self, request: &Request) -> Option<String> {
        if let Some(token) = request.headers.get("x-mcpist-token") {
            return self.api_tokens.get(token).cloned();
        }
        let token = request.headers.get("authorization")?.strip_prefix("Bearer ")?;
        let claims: JWTClaims<Custom> = jwt_simple::prelude::ECDSAP256PublicKeyLike::verify_token(
            &key().public_key(),
            token,
            None,
        )
        .ok()?;
        claims.subject
    }
}

/// The token that a request shows.
fn shown(request: &Request) -> String {
    let bearer =
        request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
    request.headers.get("x-mcpist-token").or(bearer).unwrap_or_default().to_owned()
}

/// The id that the control plane gives a token.
pub fn token_id(token: &str) -> String {
    let sum = token.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_000_007);
    format!("00000000-0000-4000-8000-{sum:012}")
}

/// The key that tokens are signed with.
pub fn key() -> &'static ES256KeyPair {
    static KEY: OnceLock<ES256KeyPair> = OnceLock::new();
    KEY.get_or_init(|| ES256KeyPair::generate().with_key_id("first"))
}

/// A key as the key set has it.
pub fn public(key: &ES256KeyPair) -> Value {
    let mut jwk: Value = serde_json::from_str(&key.public_key().to_jwk()).unwrap();
    jwk["key_ops"] = json!(["verify"]);
    jwk["ext"] = json!(true);
    jwk
}

/// The claims of a user's token, good for an hour.
pub fn claims(user: &str) -> JWTClaims<Custom> {
    let custom = Custom { role: "authenticated".to_owned(), is_anonymous: false };
    let audiences: std::collections::HashSet<_> =
        ["authenticated", AUDIENCE].map(str::to_owned).into();
    Claims::with_custom_claims(custom, Duration::from_hours(1))
        .with_issuer(ISSUER)
        .with_audiences(audiences)
        .with_subject(user)
}

/// A user's token.
pub fn token(user: &str) -> String {
    key().sign(claims(user)).unwrap()
}

/// This number of seconds from now; a negative number is in the past.
pub fn seconds_from_now(seconds: i64) -> UnixTimeStamp {
    let now = jwt_simple::prelude::Clock::now_since_epoch();
    if seconds < 0 {
        now - Duration::from_secs(seconds.unsigned_abs())
    } else {
        now + Duration::from_secs(seconds.unsigned_abs())
    }
}
