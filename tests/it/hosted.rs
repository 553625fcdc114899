//! Hosted mode: who is calling, which tools they may use, and with which credential; and the behaviour when the control plane
//! fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};
use jwt_simple::prelude::{
    ECDSAP256KeyPairLike, ES256KeyPair, Ed25519KeyPair, EdDSAKeyPairLike, HS256Key, JWTClaims,
    MACLike,
};
use mcpist::access::{AuditTrail, ConfirmPolicy, ResourceMetadata, Sieve, UserLimits};
use mcpist::app::{App, CODE_LIFETIME, Confirmation, Live, Parts, ProductSite, Rates};
use mcpist::hosted::{
    Addresses, AuditSender, ConsoleConfirmations, ControlPlane, ExpectedToken, TokenAuthenticator,
    TokenAuthenticatorParts, TokenExchanger, ToolSieve,
};
use mcpist::http::Limits;
use mcpist::mcp;
use mcpist::mcp::seal::Seal;
use mcpist::mcp::subscriptions::Hub;
use mcpist::transport::{FAILURES_PER_SECOND, Origins, Router};
use mcpist::upstream::{Upstream, UpstreamConfig};
use serde_json::{Value, json};

use crate::control_plane::{
    ALICE, AUDIENCE, BOB, Custom, FakePlane, Fault, ISSUER, KEY, claims, key, public,
    seconds_from_now, token,
};
use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{Post, json_of, modern, registry, text_of};
use crate::wire::{Reply, Running};

/// The console, whose pages may call the server.
pub const CONSOLE: &str = "https://console.example.com";

/// A server in hosted mode, as `mcpist serve` makes it.
pub struct Hosted {
    pub running: Running,
    audit: Arc<AuditSender>,
}

/// What is not as a rule.
pub struct Setup {
    pub rates: Option<Rates>,
    pub confirm: ConfirmPolicy,
    pub limits: Limits,
    pub users: UserLimits,
    pub failures_per_second: u32,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            rates: None,
            confirm: ConfirmPolicy::Human,
            limits: Limits::default(),
            users: UserLimits::default(),
            failures_per_second: FAILURES_PER_SECOND,
        }
    }
}

impl Hosted {
    pub fn start(plane: &FakePlane, upstream: Option<&FakeUpstream>) -> Self {
        Self::start_with(plane, upstream, Setup::default())
    }

    pub fn start_with(plane: &FakePlane, upstream: Option<&FakeUpstream>, setup: Setup) -> Self {
        let Setup { rates, confirm, limits, users, failures_per_second } = setup;
        let addresses = Addresses {
            jwks: plane.url("jwks"),
            sieve: plane.url("tool-sieve"),
            broker: plane.url("token-exchanger"),
            audit: plane.url("audit-log"),
            confirmations: plane.url("confirmations"),
        };
        let client = || {
            Upstream::new(UpstreamConfig {
                first_backoff: Duration::from_millis(1),
                ..UpstreamConfig::default()
            })
        };
        let plane =
            Arc::new(ControlPlane::new(client(), addresses, KEY).expect("the key fits a header"));
        let sieve = Arc::new(ToolSieve::new(Arc::clone(&plane)));
        let audit =
            AuditSender::start(Arc::clone(&plane), Arc::clone(&sieve)).expect("there is a thread");
        let registry = registry();
        let base_urls = upstream.map(|upstream| {
            registry.modules().iter().map(|module| (module.name.clone(), upstream.url()))
        });
        let app = Arc::new(App::new(Parts {
            rates: rates.map(Arc::new),
            call_time: mcpist::app::CALL_TIME,
            base_urls: base_urls.into_iter().flatten().collect(),
            registry,
            sieve: Arc::clone(&sieve) as Arc<dyn Sieve>,
            broker: Arc::new(TokenExchanger::new(Arc::clone(&plane), Arc::clone(&sieve))),
            seal: Arc::new(Seal::random()),
            confirmation: Confirmation {
                policy: confirm,
                page: Some(Arc::new(ConsoleConfirmations::new(
                    Arc::clone(&plane),
                    Arc::clone(&sieve),
                    CONSOLE.to_owned(),
                ))),
                code_lifetime: CODE_LIFETIME,
            },
            audit: Some(Arc::clone(&audit) as Arc<dyn AuditTrail>),
            upstream: client(),
        }));
        let seal = Arc::clone(&app.parts().seal);
        let product = Arc::new(Live::new(app));
        let handler = Arc::clone(&product) as Arc<dyn mcp::handler::Handler>;
        let server = mcp::Server::new(handler, seal, Arc::new(Hub::default()));
        let server = Arc::new(server.with_user_limits(users));
        let expected = ExpectedToken { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
        let resource =
            Some(ResourceMetadata::new("https://mcp.example.com".to_owned(), ISSUER.to_owned()));
        let authenticator =
            TokenAuthenticator::new(TokenAuthenticatorParts { plane, sieve, expected, resource });
        let site = Arc::new(ProductSite::new(product, "https://mcp.example.com/mcp".to_owned()));
        let router = Router::new(
            server,
            Arc::new(authenticator),
            Origins::hosted(vec![CONSOLE.to_owned()]),
            site,
        )
        .with_failures_per_second(failures_per_second);
        Self { running: Running::serve(limits, Arc::new(router)), audit }
    }

    pub fn send(&self, post: &Post) -> Reply {
        post.send(&mut self.running.connect())
    }

    pub fn send_as(&self, token: &str, post: Post) -> Reply {
        self.send(&post.with("Authorization", &format!("Bearer {token}")))
    }

    /// The status of `tools/list` with this token.
    fn status(&self, token: &str) -> u16 {
        self.send_as(token, modern("tools/list", json!({}))).status
    }

    pub fn call(&self, token: &str, path: &str, tool: &str, arguments: Value) -> Value {
        let post = modern(
            "tools/call",
            Value::from_iter([("name", tool.into()), ("arguments", arguments)]),
        )
        .to(path);
        json_of(&self.send_as(token, post))["result"].take()
    }

    fn tools(&self, token: &str, path: &str) -> Vec<String> {
        let answer = json_of(&self.send_as(token, modern("tools/list", json!({})).to(path)));
        let tools =
            answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{path}: {answer}"));
        tools
            .iter()
            .map(|tool| tool["name"].as_str().expect("a tool has a name").to_owned())
            .collect()
    }
}

fn told(result: Value) -> String {
    text_of(&result).to_owned()
}

fn list_notes() -> Value {
    json!({"module": "notes", "tool": "list_notes", "params": {}})
}

/// A token with another header or other claims, signed by the right key: `change` gets the header and the claims.
fn forged(change: impl FnOnce(&mut Value, &mut Value)) -> String {
    let whole = token(ALICE);
    let mut parts =
        whole.split('.').map(|part| Base64UrlSafeNoPadding::decode_to_vec(part, None).unwrap());
    let mut header: Value = serde_json::from_slice(&parts.next().unwrap()).unwrap();
    let mut claims: Value = serde_json::from_slice(&parts.next().unwrap()).unwrap();
    change(&mut header, &mut claims);
    signed(&header.to_string(), &claims.to_string())
}

/// A token with exactly this header and these claims.
fn signed(header: &str, claims: &str) -> String {
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let random = ring::rand::SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        &key().to_der().unwrap(),
        &random,
    )
    .unwrap();
    let encode = |text: &str| Base64UrlSafeNoPadding::encode_to_string(text).unwrap();
    let body = format!("{}.{}", encode(header), encode(claims));
    let signature = pair.sign(&random, body.as_bytes()).unwrap();
    format!("{body}.{}", Base64UrlSafeNoPadding::encode_to_string(signature).unwrap())
}

fn resigned(change: impl FnOnce(&mut JWTClaims<Custom>)) -> String {
    let mut claims = claims(ALICE);
    change(&mut claims);
    key().sign(claims).unwrap()
}

#[test]
fn a_token_that_is_not_exactly_right_is_refused_before_anything_is_asked() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    let server = Hosted::start(&plane, None);
    let right = token(ALICE);
    let (unsigned, signature) = right.rsplit_once('.').unwrap();
    let (_, body) = unsigned.split_once('.').unwrap();
    let encoded = |text: &str| Base64UrlSafeNoPadding::encode_to_string(text).unwrap();
    let with_header =
        |header: &str| forged(|written, _| *written = serde_json::from_str(header).unwrap());
    let hmac = {
        let mut public_key = HS256Key::from_bytes(key().public_key().to_jwk().as_bytes());
        public_key = public_key.with_key_id("first");
        public_key.authenticate(claims(ALICE)).unwrap()
    };
    let elsewhere = ES256KeyPair::generate();
    let jwk = public(&elsewhere);
    let own_key = |id: &str| {
        ES256KeyPair::from_der(&elsewhere.to_der().unwrap())
            .unwrap()
            .with_key_id(id)
            .sign(claims(ALICE))
            .unwrap()
    };
    let brought_along = |member: &str, value: Value| {
        let header =
            json!({"alg": "ES256", "typ": "JWT", "kid": "mine", member: value}).to_string();
        let whole = own_key("mine");
        let rest = whole.split_once('.').unwrap().1.to_owned();
        format!("{}.{rest}", encoded(&header))
    };
    let ed25519 = Ed25519KeyPair::generate().with_key_id("first").sign(claims(ALICE)).unwrap();
    let expect_401: Vec<(&str, String)> = vec![
        (
            "alg none without a signature",
            format!("{}.{body}.", encoded(r#"{"alg":"none","typ":"JWT","kid":"first"}"#)),
        ),
        (
            "alg none with the signature",
            format!(
                "{}.{body}.{signature}",
                encoded(r#"{"alg":"none","typ":"JWT","kid":"first"}"#)
            ),
        ),
        ("HS256 with the public key as the secret", hmac),
        (
            "another algorithm than the key's",
            with_header(r#"{"alg":"RS256","typ":"JWT","kid":"first"}"#),
        ),
        ("EdDSA under the id of an ES256 key", ed25519),
        ("a foreign key under an unknown id", own_key("mine")),
        ("a foreign key under a known id", own_key("first")),
        ("no key id", with_header(r#"{"alg":"ES256","typ":"JWT"}"#)),
        (
            "a key id that is a path",
            with_header(r#"{"alg":"ES256","typ":"JWT","kid":"../../dev/null"}"#),
        ),
        (
            "a key id that is SQL",
            with_header(r#"{"alg":"ES256","typ":"JWT","kid":"x' or '1'='1"}"#),
        ),
        (
            "a key id that is not a text",
            with_header(r#"{"alg":"ES256","typ":"JWT","kid":["first"]}"#),
        ),
        (
            "two key ids",
            signed(
                r#"{"alg":"ES256","kid":"mine","kid":"first"}"#,
                &serde_json::to_string(&claims(ALICE)).unwrap(),
            ),
        ),
        (
            "two algorithms",
            signed(
                r#"{"alg":"none","alg":"ES256","kid":"first"}"#,
                &serde_json::to_string(&claims(ALICE)).unwrap(),
            ),
        ),
        ("its own key (jwk)", brought_along("jwk", jwk.clone())),
        ("its own key set (jku)", brought_along("jku", plane.url("jku").into())),
        ("its own certificate (x5u)", brought_along("x5u", plane.url("x5u").into())),
        (
            "an extension that must be understood",
            with_header(r#"{"alg":"ES256","kid":"first","crit":["b64"],"b64":false}"#),
        ),
        (
            "another issuer",
            resigned(|claims| claims.issuer = Some("https://evil.example.com/auth/v1".to_owned())),
        ),
        ("no issuer", resigned(|claims| claims.issuer = None)),
        (
            "another audience",
            forged(|_, claims| {
                claims["aud"] = json!(["authenticated", "https://other.example.com/mcp"]);
            }),
        ),
        ("no audience", resigned(|claims| claims.audiences = None)),
        ("expired", resigned(|claims| claims.expires_at = Some(seconds_from_now(-31)))),
        ("no end", forged(|_, claims| drop(claims.as_object_mut().unwrap().remove("exp")))),
        ("not yet valid", resigned(|claims| claims.invalid_before = Some(seconds_from_now(90)))),
        ("issued in the future", resigned(|claims| claims.issued_at = Some(seconds_from_now(90)))),
        (
            "the role of the service",
            resigned(|claims| claims.custom.role = "service_role".to_owned()),
        ),
        ("the role of nobody", resigned(|claims| claims.custom.role = "anon".to_owned())),
        ("no role", forged(|_, claims| drop(claims.as_object_mut().unwrap().remove("role")))),
        ("an anonymous user", resigned(|claims| claims.custom.is_anonymous = true)),
        ("no user", resigned(|claims| claims.subject = None)),
        ("an invalid user id", resigned(|claims| claims.subject = Some("alice\nbob".to_owned()))),
        ("another user's claims under the signature", {
            let other = token(BOB);
            format!("{}.{signature}", other.rsplit_once('.').unwrap().0)
        }),
        ("no signature", format!("{unsigned}.")),
        ("a signature that is cut", format!("{unsigned}.{}", &signature[..signature.len() - 4])),
        ("malformed base64", format!("{unsigned}.{}!", &signature[1..])),
        ("a header that is not a base64", format!("§.{body}.{signature}")),
        ("four parts", format!("{right}.{signature}")),
        ("one part", "eyJhbGciOiJFUzI1NiJ9".to_owned()),
        ("no token", String::new()),
        ("longer than any", format!("{right}{}", "A".repeat(10_000))),
        ("an API token with a wrong letter", "mcpist_ab-cd".to_owned()),
        ("an API token that is empty", "mcpist_".to_owned()),
    ];
    for (what, token) in &expect_401 {
        let reply = server.send_as(token, modern("tools/list", json!({})));
        assert_eq!(reply.status, 401, "{what}: {reply:?}");
        let challenge = reply.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{what}: {challenge}");
        assert!(
            token.len() < 20 || !format!("{reply:?}").contains(token),
            "{what}: the answer repeats the token"
        );
    }
    let asked: Vec<_> = plane
        .state()
        .requests
        .iter()
        .map(|(part, _)| *part)
        .filter(|part| *part != "jwks")
        .collect();
    assert_eq!(asked, [""; 0], "none of them reaches the sieve, none makes us fetch what it names");
    assert!(plane.asked("jwks") <= 2, "unknown keys make us ask once a minute at most");
    assert_eq!(server.status(&right), 200, "and the right token is good");
    assert_eq!(
        server.status(&resigned(|claims| claims.expires_at = Some(seconds_from_now(-20)))),
        200,
        "clocks may differ by half a minute"
    );
}

#[test]
fn a_token_of_a_megabyte_is_refused_as_a_head_that_is_too_long() {
    let plane = FakePlane::start();
    let server = Hosted::start(&plane, None);
    assert_eq!(server.status(&"A".repeat(1024 * 1024)), 431);
    assert_eq!(plane.state().requests, []);
}

#[test]
fn a_request_without_a_token_is_told_where_to_get_one() {
    let plane = FakePlane::start();
    let server = Hosted::start(&plane, None);
    let origin = "https://mcp.example.com";
    let metadata = |path: &str| {
        // The host name in the request decides nothing; nor does the page that it comes from.
        let reply = server.send(
            &Post::new("")
                .but("GET")
                .to(&format!("/.well-known/oauth-protected-resource{path}"))
                .with("Host", "evil.example.com")
                .with("Origin", "https://evil.example.com")
                .with("X-Forwarded-Host", "evil.example.com"),
        );
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
        assert!(!reply.body.contains("offline_access"), "{}", reply.body);
        let document = json_of(&reply);
        assert_eq!(document["authorization_servers"], json!([ISSUER]));
        document["resource"].as_str().expect("a resource is a URL").to_owned()
    };
    for (path, resource) in [
        ("/mcp", "/mcp"),
        ("/mcp/", "/mcp/"),
        ("/mcp?tools=direct", "/mcp"),
        ("/mcp/notes", "/mcp/notes"),
        ("/mcp/notes/?readonly=true", "/mcp/notes/"),
        ("/mcp/unknown", "/mcp/unknown"),
        ("/mcp/a\"b", "/mcp"),
        ("/mcp/a/b", "/mcp"),
        ("/sse", "/sse"),
        ("/messages?session=x", "/sse"),
    ] {
        let post = modern("tools/list", json!({})).to(path);
        let post = if path == "/sse" { post.but("GET") } else { post };
        let reply = server.send(&post);
        assert_eq!(reply.status, 401, "{path}");
        let challenge = format!(
            "Bearer resource_metadata=\"{origin}/.well-known/oauth-protected-resource{resource}\", scope=\"openid profile email\""
        );
        assert_eq!(reply.header("www-authenticate"), Some(challenge.as_str()), "{path}");
        assert_eq!(metadata(resource), format!("{origin}{resource}"));
    }
    assert_eq!(metadata(""), AUDIENCE, "the server as a whole is its MCP endpoint");
    for path in ["/health", "/nothing", "/mcp/a/b"] {
        let path = format!("/.well-known/oauth-protected-resource{path}");
        assert_eq!(server.running.connect().get(&path).status, 404, "{path}");
    }
    let open =
        ["/", "/health", "/api/version"].map(|path| server.running.connect().get(path).status);
    assert_eq!(open, [200; 3]);
    assert_eq!(plane.asked("tool-sieve"), 0);
}

#[test]
fn every_way_to_the_tools_shows_what_the_sieve_grants_and_no_more() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes", "add_note"], &[]);
    plane.grant(BOB, "notes", &["list_notes"], &[]);
    plane.grant(BOB, "vault", &["open_door"], &[]);
    let server = Hosted::start(&plane, None);
    let nobody = "00000000-0000-4000-8000-00000000000c";
    let shapes: [(&str, &[&str]); 3] = [
        (ALICE, &["notes_list_notes", "notes_add_note"]),
        (BOB, &["notes_list_notes", "vault_open_door"]),
        (nobody, &[]),
    ];
    for (user, granted) in shapes {
        let token = token(user);
        assert_eq!(server.tools(&token, "/mcp?tools=direct"), granted, "{user}");
        let names = |module: &str| {
            granted.iter().copied().filter(|name| name.starts_with(module)).collect::<Vec<_>>()
        };
        for module in ["notes", "vault", "github"] {
            let granted = names(module);
            let path = format!("/mcp/{module}");
            if granted.is_empty() {
                assert_eq!(
                    server.send_as(&token, modern("tools/list", json!({})).to(&path)).status,
                    404,
                    "{user} {module}"
                );
            } else {
                assert_eq!(server.tools(&token, &path), granted, "{user} {module}");
            }
            let schema =
                server.call(&token, "/mcp", "get_module_schema", json!({"modules": [module]}));
            assert_eq!(schema["isError"] == true, granted.is_empty(), "{user} {module}: {schema}");
        }
        for name in ["notes_list_notes", "notes_add_note", "notes_remove_note", "vault_open_door"] {
            let (module, tool) = name.split_once('_').unwrap();
            let denied = told(server.call(
                &token,
                "/mcp",
                "call",
                json!({"module": module, "tool": tool, "params": {"x": 1}}),
            ));
            let line =
                json!({"calls": [{"id": "a", "module": module, "tool": tool, "params": {"x": 1}}]});
            let denied_line = told(server.call(&token, "/mcp", "batch", line));
            for text in [denied, denied_line] {
                let is_unknown = text.contains("code: not_found");
                assert_eq!(is_unknown, !granted.contains(&name), "{user} {name}: {text}");
            }
        }
    }
}

#[test]
fn warm_caches_leave_the_call_of_the_service_alone() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "vault", &["open_door"], &["default"]);
    plane.lend("vault", "alices-token");
    let door = || {
        Exchange::new("GET", "/door", Answer::new(200, &[], r#"{"open": true}"#))
            .with_header("authorization", "Bearer alices-token")
    };
    let upstream = FakeUpstream::new([]);
    let server = Hosted::start(&plane, Some(&upstream));
    let token = token(ALICE);
    let open = || {
        upstream.expect(door());
        let result = server.call(
            &token,
            "/mcp",
            "call",
            json!({"module": "vault", "tool": "open_door", "params": {}}),
        );
        assert_eq!(told(result), "open: true");
    };
    open();
    let (sieve, broker, keys) =
        (plane.asked("tool-sieve"), plane.asked("token-exchanger"), plane.asked("jwks"));
    assert_eq!((sieve, broker, keys), (1, 1, 1));
    for _ in 0..5 {
        open();
    }
    assert_eq!(
        (plane.asked("tool-sieve"), plane.asked("token-exchanger"), plane.asked("jwks")),
        (1, 1, 1)
    );
}

#[test]
fn what_was_lent_ends_with_the_permissions_it_was_lent_under() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "vault", &["open_door"], &["default"]);
    plane.lend("vault", "alices-token");
    let upstream = FakeUpstream::new([]);
    let server = Hosted::start(&plane, Some(&upstream));
    let open = |token: &str| {
        server.call(
            token,
            "/mcp",
            "call",
            json!({"module": "vault", "tool": "open_door", "params": {}}),
        )
    };
    upstream.expect(Exchange::new("GET", "/door", Answer::new(200, &[], r#"{"open": true}"#)));
    open(&token(ALICE));
    // Bob is a different user: Alice's connections are not available to him.
    plane.grant(BOB, "vault", &["open_door"], &[]);
    plane.state().credentials.clear();
    let text = told(open(&token(BOB)));
    assert!(
        text.starts_with("code: not_connected")
            && text.contains("https://console.example.com/oauth/connect?service=vault"),
        "{text}"
    );
}

#[test]
fn a_refused_credential_is_renewed_once_and_the_request_made_again() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "vault", &["open_door"], &["default"]);
    plane.lend("vault", "old");
    let refused = || {
        Exchange::new("GET", "/door", Answer::new(401, &[], "{}"))
            .with_header("authorization", "Bearer old")
    };
    let upstream = FakeUpstream::new([]);
    let server = Hosted::start(&plane, Some(&upstream));
    let token = token(ALICE);
    let open = || {
        told(server.call(
            &token,
            "/mcp",
            "call",
            json!({"module": "vault", "tool": "open_door", "params": {}}),
        ))
    };
    // The control plane says that this one is valid: the service refused this call alone.
    upstream.expect(refused());
    assert!(open().starts_with("code: permission_denied"));
    let asked = plane
        .state()
        .requests
        .iter()
        .filter(|(part, _)| *part == "token-exchanger")
        .map(|(_, body)| body.clone())
        .collect::<Vec<_>>();
    assert_eq!(asked.last().unwrap()["rejected"], hex_digest("old"));
    // It has one, and the very request that was refused is made again.
    upstream.expect(refused());
    plane.lend("vault", "new");
    let answer = Answer::new(200, &[], r#"{"open": true}"#);
    upstream
        .expect(Exchange::new("GET", "/door", answer).with_header("authorization", "Bearer new"));
    let known = plane.asked("token-exchanger");
    assert_eq!(open(), "open: true");
    assert_eq!(plane.asked("token-exchanger"), known + 1);
}

#[test]
fn a_missing_scope_is_no_reason_to_renew_a_credential() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "vault", &["open_door"], &["default"]);
    plane.lend("vault", "good");
    let scope = r#"{"code":401,"message":"Unauthorized; scope does not match"}"#;
    let answer = || Answer::new(401, &[], scope);
    let upstream = FakeUpstream::new((0..2).map(|_| Exchange::new("GET", "/door", answer())));
    let server = Hosted::start(&plane, Some(&upstream));
    let token = token(ALICE);
    let door = json!({"module": "vault", "tool": "open_door", "params": {}});
    for _ in 0..2 {
        let told = told(server.call(&token, "/mcp", "call", door.clone()));
        assert!(
            told.starts_with("code: permission_denied") && told.contains("scope does not match"),
            "{told}"
        );
    }
    let state = plane.state();
    let asked: Vec<_> =
        state.requests.iter().filter(|(part, _)| *part == "token-exchanger").collect();
    assert_eq!(asked.len(), 1, "the credential stays: {asked:?}");
    assert!(asked[0].1.get("rejected").is_none(), "{asked:?}");
}

#[test]
fn the_limits_of_one_token_hold_for_it_alone() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes", "add_note"], &[]);
    plane.grant(ALICE, "vault", &["open_door"], &["default"]);
    plane.lend("vault", "secret");
    let (whole, limited) = (token(ALICE), resigned(|claims| claims.jwt_id = Some("b".to_owned())));
    let api = format!("mcpist_{}", "A1b2".repeat(10));
    let notes = |tools: &[&str]| json!({"notes": {"status": "stable", "tools": tools, "accounts": [], "connected": false}});
    {
        let mut state = plane.state();
        state.api_tokens.insert(api.clone(), ALICE.to_owned());
        state.limits.insert(limited.clone(), notes(&["list_notes"]));
        state.limits.insert(api.clone(), notes(&["add_note"]));
    }
    let upstream = FakeUpstream::new([Exchange::new("GET", "/door", Answer::new(200, &[], "{}"))]);
    let server = Hosted::start(&plane, Some(&upstream));
    let door = json!({"module": "vault", "tool": "open_door", "params": {}});
    // In both orders, so that each comes after the others are known.
    for _ in 0..2 {
        let tools = |token: &str| server.tools(token, "/mcp?tools=direct");
        assert_eq!(tools(&whole), ["notes_list_notes", "notes_add_note", "vault_open_door"]);
        assert_eq!(tools(&limited), ["notes_list_notes"]);
        assert_eq!(tools(&api), ["notes_add_note"]);
    }
    assert!(!told(server.call(&whole, "/mcp", "call", door.clone())).starts_with("code: "));
    for token in [&limited, &api] {
        let told = told(server.call(token, "/mcp", "call", door.clone()));
        assert!(told.starts_with("code: not_found"), "{told}");
    }
}

#[test]
fn a_token_whose_session_ended_is_refused_and_forgotten_wherever_that_shows() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "vault", &["open_door"], &["default"]);
    let (ended, other) = (token(ALICE), resigned(|claims| claims.jwt_id = Some("b".to_owned())));
    let server = Hosted::start(&plane, None);
    assert_eq!((server.status(&ended), server.status(&other)), (200, 200));
    plane.state().ended.insert(ended.clone());
    // The permissions are known for a minute; the broker is asked, and hears of it.
    let door = json!({"module": "vault", "tool": "open_door", "params": {}});
    assert!(told(server.call(&ended, "/mcp", "call", door)).starts_with("code: invalid_token"));
    assert_eq!((server.status(&ended), server.status(&other)), (401, 200));
}

#[test]
fn events_name_token_and_trace_where_the_control_plane_knows_of_it() {
    for is_older in [false, true] {
        let plane = FakePlane::start();
        plane.state().is_older = is_older;
        plane.grant(ALICE, "notes", &["list_notes"], &[]);
        let server = Hosted::start(&plane, None);
        let token = token(ALICE);
        let nothing = json!({"module": "notes", "tool": "nothing", "params": {}});
        server.call(&token, "/mcp", "call", nothing);
        server.audit.close();
        let state = plane.state();
        let [event] = state.events.as_slice() else { panic!("{:?}", state.events) };
        let event = &event["event"];
        if is_older {
            for name in ["token_id", "trace_id", "result_tokens", "saved_tokens", "newer"] {
                assert!(event.get(name).is_none(), "{name} is in {event}");
            }
        } else {
            assert_eq!(event["token_id"], crate::control_plane::token_id(&token), "{event}");
            assert!(event.get("trace_id").is_some(), "{event}");
            assert_eq!(
                (&event["result_tokens"], &event["saved_tokens"]),
                (&Value::Null, &Value::Null)
            );
        }
        assert_eq!(server.audit.dropped(), 0);
    }
}

#[test]
fn one_user_cannot_fill_the_audit_queue() {
    let plane = FakePlane::start();
    plane.state().faults.insert("audit-log", Fault::Status(500));
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    plane.grant(BOB, "notes", &["list_notes"], &[]);
    let server = Hosted::start(&plane, None);
    let (alice, bob) = (token(ALICE), token(BOB));
    let nothing = json!({"module": "notes", "tool": "nothing", "params": {}});
    let mut lines = Vec::new();
    for number in 0..20 {
        lines.push(
            json!({"id": format!("l{number}"), "module": "notes", "tool": "nothing", "params": {}}),
        );
    }
    let batch = json!({"calls": lines});
    let before = server.audit.dropped();
    for _ in 0..40 {
        server.call(&alice, "/mcp", "batch", batch.clone());
    }
    let alices = server.audit.dropped();
    assert!(alices > before, "800 events of one user wait at most an eighth of the queue");
    server.call(&bob, "/mcp", "call", nothing);
    assert_eq!(server.audit.dropped(), alices, "another user's event is taken");
}

fn hex_digest(text: &str) -> String {
    ring::digest::digest(&ring::digest::SHA256, text.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

#[test]
fn an_api_token_is_its_users_as_long_as_the_control_plane_says_so() {
    let plane = FakePlane::start();
    plane.grant(BOB, "notes", &["list_notes"], &[]);
    let api_token = format!("mcpist_{}", "A1b2".repeat(10));
    plane.state().api_tokens.insert(api_token.clone(), BOB.to_owned());
    let server = Hosted::start(&plane, None);
    assert_eq!(server.tools(&api_token, "/mcp?tools=direct"), ["notes_list_notes"]);
    assert_eq!(server.status("mcpist_unknown"), 401);
    assert_eq!(server.status(&api_token), 200);
    assert_eq!(plane.asked("jwks"), 0, "it is nothing that a key signs");
    assert_eq!(plane.asked("tool-sieve"), 2, "one for each token");
}

#[test]
fn rotated_keys_are_found_and_gone_ones_forgotten() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    let server = Hosted::start(&plane, None);
    // Nothing was fetched yet: the first token brings the set, whatever its key.
    let second = ES256KeyPair::generate().with_key_id("second");
    let third = ES256KeyPair::generate().with_key_id("third");
    plane.state().keys.push(public(&second));
    assert_eq!(server.status(&token(ALICE)), 200);
    let fetched = plane.asked("jwks");
    plane.state().keys = vec![public(&third)];
    // Within the minute after a fetch an unknown key is not asked for: a stranger could make us ask without end.
    assert_eq!(server.status(&third.sign(claims(ALICE)).unwrap()), 401);
    assert_eq!(plane.asked("jwks"), fetched);
    assert_eq!(server.status(&token(ALICE)), 200, "the set at hand serves until it is old");
}

#[test]
fn a_control_plane_that_fails_at_the_start_is_503_and_comes_back_without_a_restart() {
    for part in ["jwks", "tool-sieve"] {
        for fault in [Fault::Status(500), Fault::Status(503), Fault::Garbage, Fault::Half] {
            let plane = FakePlane::start();
            plane.grant(ALICE, "notes", &["list_notes"], &[]);
            plane.state().faults.insert(part, fault);
            let server = Hosted::start(&plane, None);
            let reply = server.send_as(&token(ALICE), modern("tools/list", json!({})));
            assert_eq!(reply.status, 503, "{part} {fault:?}: {reply:?}");
            assert!(reply.header("retry-after").is_some(), "{part} {fault:?}: {reply:?}");
            plane.state().faults.clear();
            assert_eq!(server.status(&token(ALICE)), 200, "{part} {fault:?}");
            assert_eq!(server.running.connect().get("/ready").status, 200);
        }
    }
}

#[test]
fn a_control_plane_that_does_not_answer_holds_nobody_for_long() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    plane.grant(BOB, "notes", &["list_notes"], &[]);
    let server = Hosted::start(&plane, None);
    let (alice, bob) = (token(ALICE), token(BOB));
    assert_eq!(server.status(&alice), 200);
    plane.state().faults.insert("tool-sieve", Fault::Late);
    plane.state().faults.insert("audit-log", Fault::Late);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..8).map(|_| scope.spawn(|| server.status(&bob))).collect();
        for _ in 0..20 {
            assert_eq!(server.status(&alice), 200, "a known user does not wait");
        }
        assert!(begun.elapsed() < Duration::from_secs(4));
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap(), 503);
        }
    });
    // Five seconds, plus the delay of a busy machine: all eight waited for the same response.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    plane.state().faults.clear();
    assert_eq!(server.status(&bob), 200);
}

#[test]
fn a_user_who_was_disabled_is_refused_when_the_sieve_says_so() {
    let plane = FakePlane::start();
    plane.state().faults.insert("tool-sieve", Fault::Status(403));
    let server = Hosted::start(&plane, None);
    assert_eq!(server.status(&token(ALICE)), 401);
    plane.state().faults.clear();
    assert_eq!(server.status(&token(ALICE)), 200);
}

#[test]
fn what_is_known_serves_on_while_the_control_plane_is_down() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    let upstream = FakeUpstream::new([Exchange::new("GET", "/notes", Answer::new(200, &[], "[]"))]);
    let server = Hosted::start(&plane, Some(&upstream));
    let known = token(ALICE);
    assert_eq!(server.status(&known), 200);
    for part in ["jwks", "tool-sieve", "token-exchanger", "audit-log"] {
        plane.state().faults.insert(part, Fault::Status(500));
    }
    assert_eq!(server.status(&known), 200);
    assert_eq!(server.call(&known, "/mcp", "call", list_notes())["isError"], Value::Null);
    assert_eq!(server.status(&token(BOB)), 503, "an unknown user is rejected");
}

#[test]
fn a_broker_that_fails_costs_the_call_that_needs_it() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "vault", &["open_door"], &["default"]);
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    plane.lend("vault", "alices-token");
    let upstream = FakeUpstream::new([]);
    let server = Hosted::start(&plane, Some(&upstream));
    let token = token(ALICE);
    let open = || {
        told(server.call(
            &token,
            "/mcp",
            "call",
            json!({"module": "vault", "tool": "open_door", "params": {}}),
        ))
    };
    for fault in [Fault::Status(500), Fault::Garbage, Fault::Half] {
        plane.state().faults.insert("token-exchanger", fault);
        let text = open();
        assert!(
            text.starts_with("code: control_plane_unavailable") && text.contains("retry_after_s"),
            "{fault:?}: {text}"
        );
        upstream.expect(
            Exchange::new("GET", "/notes", Answer::new(200, &[], "[]"))
                .with_header("authorization", ""),
        );
        assert_eq!(
            server.call(&token, "/mcp", "call", list_notes())["isError"],
            Value::Null,
            "a service without a credential goes on"
        );
    }
    plane.state().faults.clear();
    plane.state().credentials.insert(
        "vault".to_owned(),
        (502, json!({"error": {"code": "provider_unavailable", "message": "no"}})),
    );
    assert!(open().starts_with("code: upstream_unavailable"));
    plane.state().credentials.insert(
        "vault".to_owned(),
        (
            409,
            json!({"error": {"code": "account_required", "message": "no", "accounts": ["a", "b"]}}),
        ),
    );
    assert!(open().starts_with("code: account_required"));
    plane.state().credentials.insert(
        "vault".to_owned(),
        (403, json!({"error": {"code": "not_permitted", "message": "no"}})),
    );
    assert!(open().starts_with("code: permission_denied"));
    plane.lend("vault", "alices-token");
    upstream.expect(Exchange::new("GET", "/door", Answer::new(200, &[], r#"{"open": true}"#)));
    assert_eq!(open(), "open: true");
}

#[test]
fn a_client_that_opens_links_gets_the_link_and_the_call_again() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "vault", &["open_door"], &[]);
    let upstream = FakeUpstream::new([]);
    let server = Hosted::start(&plane, Some(&upstream));
    let link = "https://console.example.com/oauth/connect?service=vault";
    let token = token(ALICE);
    let arguments = json!({"module": "vault", "tool": "open_door", "params": {}});
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": crate::product::MODERN,
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let call = |more: Value| {
        let mut params = json!({"name": "call", "arguments": arguments, "_meta": meta});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json_of(&server.send_as(&token, modern("tools/call", params)))["result"].take()
    };
    let asked = call(json!({}));
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let question = &asked["inputRequests"]["connect"];
    assert_eq!(
        (&question["method"], &question["params"]["mode"], &question["params"]["url"]),
        (&json!("elicitation/create"), &json!("url"), &json!(link))
    );
    let answered = json!({"requestState": asked["requestState"], "inputResponses": {"connect": {"action": "accept"}}});
    // Still not connected: the link is reported as text, and no one is sent round in circles.
    let text = told(call(answered.clone()));
    assert!(text.starts_with("code: not_connected") && text.contains(link), "{text}");
    plane.lend("vault", "alices-token");
    upstream.expect(Exchange::new("GET", "/door", Answer::new(200, &[], r#"{"open": true}"#)));
    assert_eq!(told(call(answered)), "open: true");
}

#[test]
fn every_call_reaches_the_audit_trail_without_its_values() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes", "get_note"], &[]);
    let upstream = FakeUpstream::new([
        Exchange::new("GET", "/notes", Answer::new(200, &[], "[]")),
        Exchange::new("GET", "/notes/7", Answer::new(404, &[], "{}")),
    ]);
    let server = Hosted::start(&plane, Some(&upstream));
    let token = token(ALICE);
    server.call(&token, "/mcp", "call", list_notes());
    server.call(
        &token,
        "/mcp",
        "call",
        json!({"module": "notes", "tool": "get_note", "params": {"id": 7}}),
    );
    server.call(
        &token,
        "/mcp",
        "call",
        json!({"module": "notes", "tool": "remove_note", "params": {"id": 7}}),
    );
    server.audit.close();
    let events = plane.state().events.clone();
    let told: Vec<_> = events
        .iter()
        .map(|told| {
            let event = &told["event"];
            json!([
                told["user"],
                event["action"],
                event["module"],
                event["tool"],
                event["outcome"],
                event["argument_names"],
                event["client"]
            ])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!([ALICE, "tool.call", "notes", "list_notes", "success", [], "test"]),
            json!([ALICE, "tool.call", "notes", "get_note", "not_found", ["id"], "test"]),
            json!([ALICE, "tool.call", "notes", "remove_note", "denied", [], "test"]),
        ]
    );
    assert_eq!(server.audit.dropped(), 0);
}

#[test]
fn an_audit_trail_that_cannot_be_written_delays_nothing_and_counts_what_it_drops() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    plane.state().faults.insert("audit-log", Fault::Status(500));
    let server = Hosted::start(&plane, None);
    let token = token(ALICE);
    for _ in 0..20 {
        server.call(
            &token,
            "/mcp",
            "call",
            json!({"module": "notes", "tool": "nothing", "params": {}}),
        );
    }
    server.audit.close();
    assert_eq!(server.audit.dropped(), 20);
    assert_eq!(plane.state().events, [""; 0]);
}

#[test]
fn a_client_of_2025_11_25_is_told_to_open_the_link_by_the_error_for_it() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "vault", &["open_door"], &[]);
    let server = Hosted::start(&plane, Some(&FakeUpstream::new([])));
    let token = token(ALICE);
    let begin = |capabilities: Value, version: &str| {
        let params = json!({"protocolVersion": version, "capabilities": capabilities, "clientInfo": {"name": "test", "version": "1"}});
        let reply = server.send_as(
            &token,
            Post::new(crate::product::request(0, "initialize", params).to_string()),
        );
        reply.header("mcp-session-id").expect("a session has an id").to_owned()
    };
    let call = |session: &str, version: &str| {
        let params = json!({"name": "call", "arguments": {"module": "vault", "tool": "open_door", "params": {}}});
        let post = Post::new(crate::product::request(1, "tools/call", params).to_string());
        json_of(&server.send_as(
            &token,
            post.with("Mcp-Session-Id", session).with("MCP-Protocol-Version", version),
        ))
    };
    let answer = call(&begin(json!({"elicitation": {"url": {}}}), "2025-11-25"), "2025-11-25");
    assert_eq!(answer["error"]["code"], -32042, "{answer}");
    let elicitation = &answer["error"]["data"]["elicitations"][0];
    assert_eq!(
        (&elicitation["mode"], &elicitation["url"]),
        (&json!("url"), &json!("https://console.example.com/oauth/connect?service=vault"))
    );
    assert!(
        elicitation["elicitationId"].is_string() && elicitation["message"].is_string(),
        "{answer}"
    );
    // A client that cannot open links gets the link as text.
    for (capabilities, version) in
        [(json!({"elicitation": {}}), "2025-11-25"), (json!({}), "2025-06-18")]
    {
        let answer = call(&begin(capabilities, version), version);
        assert!(
            told(answer["result"].clone())
                .contains("https://console.example.com/oauth/connect?service=vault"),
            "{answer}"
        );
    }
}

#[test]
fn who_is_too_fast_is_told_by_the_tool_and_then_by_http() {
    let plane = FakePlane::start();
    for user in [ALICE, BOB] {
        plane.grant(user, "notes", &["list_notes"], &[]);
    }
    let upstream = FakeUpstream::new([]);
    // One call and four requests at once.
    let server = Hosted::start_with(
        &plane,
        Some(&upstream),
        Setup { rates: Some(Rates::new(5)), ..Setup::default() },
    );
    let (alice, bob) = (token(ALICE), token(BOB));
    let notes = || upstream.expect(Exchange::new("GET", "/notes", Answer::new(200, &[], "[]")));
    notes();
    assert_eq!(server.call(&alice, "/mcp", "call", list_notes())["isError"], Value::Null);
    let text = told(server.call(&alice, "/mcp", "call", list_notes()));
    assert!(text.starts_with("code: rate_limited") && text.contains("retry_after_s: 1"), "{text}");
    assert_eq!([server.status(&alice), server.status(&alice)], [200, 200]);
    let reply = server.send_as(&alice, modern("tools/list", json!({})));
    assert_eq!((reply.status, reply.header("retry-after").is_some()), (429, true), "{reply:?}");
    notes();
    assert_eq!(
        server.call(&bob, "/mcp", "call", list_notes())["isError"],
        Value::Null,
        "another user is not delayed"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_users_fit_in_64_mib() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    const USERS: usize = 1_000;
    let plane = FakePlane::start();
    let registry = registry();
    let modules = registry.modules().iter().map(|module| {
        let tools: Vec<_> = module.tools.iter().map(|tool| tool.name.as_str()).collect();
        (
            module.name.clone(),
            json!({"status": "stable", "tools": tools, "accounts": ["default"], "connected": true}),
        )
    });
    let modules: Value = modules.collect::<serde_json::Map<_, _>>().into();
    for number in 0..USERS {
        let user = format!("00000000-0000-4000-8000-{number:012}");
        let mut modules = modules.clone();
        // Everybody's permissions are a little different, so that nothing is shared by chance.
        modules["github"]["tools"].as_array_mut().unwrap().remove(number % 100);
        let mut state = plane.state();
        state.granted.insert(user.clone(), modules);
        state.api_tokens.insert(format!("mcpist_{number:04}"), user);
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_mcpist"))
        .args(["serve", "--port", "0", "--bind", "127.0.0.1"])
        .env_clear()
        .env("TOKEN_BROKER_URL", plane.url("token-exchanger"))
        .env("TOKEN_BROKER_KEY", KEY)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is there");
    let mut greeting = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut greeting).unwrap();
    let address = greeting
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .expect("it prints its address");
    let mut client = crate::wire::Client::connect(address.parse().unwrap());
    let status = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    for number in 0..USERS {
        let post = modern("tools/list", json!({}))
            .with("Authorization", &format!("Bearer mcpist_{number:04}"));
        assert_eq!(post.send(&mut client).status, 200);
    }
    let resident = status(child.id()).lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(plane.asked("tool-sieve"), USERS);
    let resident = resident.expect("Linux reports it");
    assert!(resident < 64 * 1024, "{resident} KiB are resident");
    eprintln!("{resident} KiB resident with {USERS} users");
}

/// A hosted server whose users may remove notes, and a call of that.
fn remover(plane: &FakePlane, upstream: &FakeUpstream, confirm: ConfirmPolicy) -> Hosted {
    for user in [ALICE, BOB] {
        plane.grant(user, "notes", &["remove_note", "list_notes"], &[]);
    }
    Hosted::start_with(plane, Some(upstream), Setup { confirm, ..Setup::default() })
}

fn remove_note(id: u32) -> Value {
    json!({"module": "notes", "tool": "remove_note", "params": {"id": id}})
}

#[test]
fn a_person_decides_in_the_console_for_one_user_and_deed_once() {
    let plane = FakePlane::start();
    let upstream = FakeUpstream::new([]);
    let server = remover(&plane, &upstream, ConfirmPolicy::Human);
    let call =
        |user: &str, id: u32| told(server.call(&token(user), "/mcp", "call", remove_note(id)));
    let link = "https://console.example.com/confirm/00000000-0000-4000-8000-000000000000";
    let asked = call(ALICE, 1);
    assert!(asked.contains(link) && asked.contains("exactly the same arguments"), "{asked}");
    assert!(call(ALICE, 1).contains(link), "it is open already");
    let deed = plane.state().deeds[0].clone();
    assert_eq!((deed.user.as_str(), &deed.deed["calls"][0]["params"]), (ALICE, &json!({"id": 1})));
    assert_eq!(
        (&deed.deed["calls"][0]["module"], &deed.deed["calls"][0]["tool"]),
        (&json!("notes"), &json!("remove_note"))
    );
    plane.state().deeds[0].decision = "yes";
    assert!(call(BOB, 1).starts_with("code: confirmation_required"), "Alice's yes is not Bob's");
    assert!(call(ALICE, 2).starts_with("code: confirmation_required"), "other arguments");
    upstream.expect(Exchange::new("DELETE", "/notes/1", Answer::new(204, &[], "")));
    assert_eq!(call(ALICE, 1), "message: Removed.");
    assert!(call(ALICE, 1).starts_with("code: confirmation_required"), "it was given away once");
    for deed in &mut plane.state().deeds {
        deed.decision = "no";
    }
    assert!(call(BOB, 1).starts_with("code: permission_denied"));
    for id in 10..18 {
        call(ALICE, id);
    }
    assert!(call(ALICE, 18).starts_with("code: busy"), "a ninth question");
}

#[test]
fn a_control_plane_without_confirmations_does_nothing_unconfirmed() {
    let plane = FakePlane::start();
    let upstream = FakeUpstream::new([]);
    let server = remover(&plane, &upstream, ConfirmPolicy::Human);
    for fault in [Fault::Status(404), Fault::Status(500), Fault::Garbage, Fault::Half] {
        plane.state().faults.insert("confirmations", fault);
        let told = told(server.call(&token(ALICE), "/mcp", "call", remove_note(1)));
        assert!(told.starts_with("code: control_plane_unavailable"), "{fault:?}: {told}");
    }
}

#[test]
fn a_role_asks_for_more_than_the_server_and_never_for_less() {
    let check = |server: ConfirmPolicy, role: Option<&'static str>, expected: &str| {
        let plane = FakePlane::start();
        let upstream = FakeUpstream::new([]);
        plane.state().confirm.extend(role.map(|role| (ALICE.to_owned(), role)));
        let hosted = remover(&plane, &upstream, server);
        if expected == "done" {
            upstream.expect(Exchange::new("DELETE", "/notes/1", Answer::new(204, &[], "")));
        }
        let told = told(hosted.call(&token(ALICE), "/mcp", "call", remove_note(1)));
        let came = match () {
            () if told.contains("\nconfirm: ") => "code",
            () if told.contains("\nconfirm_url: ") => "page",
            () if told == "message: Removed." => "done",
            () => panic!("{told}"),
        };
        assert_eq!(came, expected, "{server:?} {role:?}");
    };
    check(ConfirmPolicy::Off, None, "done");
    check(ConfirmPolicy::Off, Some("code"), "code");
    check(ConfirmPolicy::Off, Some("human"), "page");
    check(ConfirmPolicy::Code, None, "code");
    check(ConfirmPolicy::Code, Some("code"), "code");
    check(ConfirmPolicy::Code, Some("human"), "page");
    check(ConfirmPolicy::Human, Some("code"), "page");
    check(ConfirmPolicy::Human, None, "page");
    check(ConfirmPolicy::Off, Some("two people"), "page");
}

#[test]
fn a_code_of_one_user_confirms_nothing_for_another() {
    let plane = FakePlane::start();
    let upstream = FakeUpstream::new([]);
    let server = remover(&plane, &upstream, ConfirmPolicy::Code);
    let asked = told(server.call(&token(ALICE), "/mcp", "call", remove_note(1)));
    let (_, code) = asked.split_once("\nconfirm: \"").unwrap_or_else(|| panic!("{asked}"));
    let mut arguments = remove_note(1);
    arguments["confirm"] = code.trim_end_matches('"').into();
    let refused = told(server.call(&token(BOB), "/mcp", "call", arguments.clone()));
    assert!(refused.contains("not a code for exactly these"), "{refused}");
    upstream.expect(Exchange::new("DELETE", "/notes/1", Answer::new(204, &[], "")));
    assert_eq!(told(server.call(&token(ALICE), "/mcp", "call", arguments)), "message: Removed.");
}
