//! Web pages as clients: which may call, and read the answer.

use serde_json::json;

use crate::control_plane::FakePlane;
use crate::hosted::{CONSOLE, Hosted};
use crate::product::{Post, Product, Settings, modern};
use crate::wire::{Client, Reply, Running};

const LOCAL_PAGE: &str = "http://localhost:6274";
const FOREIGN_PAGE: &str = "https://evil.example.com";

fn get(path: &str) -> Post {
    Post::new("").but("GET").to(path)
}

/// The head of the answer to what a page of this origin sends.
fn head(running: &Running, post: &Post, origin: &str) -> Reply {
    head_of(running, &post.clone().with("Origin", origin))
}

fn head_of(running: &Running, post: &Post) -> Reply {
    let mut client = running.connect();
    post.write(&mut client);
    client.reply_head()
}

fn assert_readable(reply: &Reply, origin: &str) {
    assert_eq!(reply.header("access-control-allow-origin"), Some(origin), "{reply:?}");
    assert_eq!(reply.header("vary"), Some("Origin"), "{reply:?}");
    let exposed = reply.header("access-control-expose-headers").unwrap_or_default();
    for name in ["Mcp-Session-Id", "MCP-Protocol-Version", "WWW-Authenticate", "Retry-After"] {
        assert!(exposed.split(", ").any(|known| known == name), "{name}: {reply:?}");
    }
    assert_eq!(reply.header("access-control-allow-credentials"), None, "{reply:?}");
}

#[test]
fn a_page_of_an_allowed_origin_can_read_every_answer() {
    let product = Product::start(&Settings::default());
    let session = product.session("2025-11-25");
    let list = || modern("tools/list", json!({}));
    let listen = json!({"notifications": {"toolsListChanged": true}});
    let parked = get("/mcp").with("Mcp-Session-Id", &session.id);
    for (post, status) in [
        (list(), 200),
        (list().to("/mcp/notes/?readonly=true"), 200),
        (list().with("Accept", "text/event-stream"), 200),
        (modern("subscriptions/listen", listen), 200),
        (parked, 200),
        (get("/sse"), 200),
        (get("/health"), 200),
        (Post::new(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), 202),
        (Post::new("{"), 400),
        (list().to("/mcp?tools=all"), 400),
        (get("/mcp"), 400),
        (list().to("/nothing"), 404),
        (list().to("/mcp/unknown"), 404),
        (list().to("/messages?session=unknown"), 404),
        (list().but("PUT"), 405),
        (list().with("Accept", "text/html"), 406),
        (Post::new(vec![b' '; 5 * 1024 * 1024]), 413),
        (list().with("Content-Type", "text/plain"), 415),
        (list().with("Expect", "miracles"), 417),
    ] {
        let reply = head(&product.running, &post, LOCAL_PAGE);
        assert_eq!(reply.status, status, "{reply:?}");
        assert_readable(&reply, LOCAL_PAGE);
    }
    let too_long = list().with("Origin", LOCAL_PAGE).with("X-Long", &"x".repeat(100_000));
    let reply = head_of(&product.running, &too_long);
    assert_eq!(reply.status, 431, "{reply:?}");
    assert_readable(&reply, LOCAL_PAGE);

    let plane = FakePlane::start();
    let hosted = Hosted::start(&plane, None);
    for post in [list(), list().to("/mcp/notes"), get("/sse"), list().to("/messages?session=x")] {
        let reply = head(&hosted.running, &post, CONSOLE);
        assert_eq!(reply.status, 401, "{reply:?}");
        assert_readable(&reply, CONSOLE);
    }
}

#[test]
fn a_page_of_another_origin_can_call_and_read_nothing_but_what_is_public() {
    let plane = FakePlane::start();
    let hosted = Hosted::start(&plane, None);
    let product = Product::start(&Settings::default());
    let list = modern("tools/list", json!({}));
    let preflight = list.clone().but("OPTIONS").with("Access-Control-Request-Method", "POST");
    for (running, post, status, origin) in [
        (&product.running, &list, 403, None),
        (&product.running, &preflight, 403, None),
        (&product.running, &list.clone().to("/nothing"), 403, None),
        (&product.running, &get("/sse"), 403, None),
        // Pages of other sites must not learn that the server exists.
        (&product.running, &get("/health"), 200, None),
        (&product.running, &get("/api/version"), 200, None),
        (&hosted.running, &list, 403, None),
        (&hosted.running, &preflight, 403, None),
        (&hosted.running, &get("/health"), 200, Some("*")),
        (&hosted.running, &get("/ready"), 200, Some("*")),
        (&hosted.running, &get("/api/version"), 200, Some("*")),
        (&hosted.running, &get("/.well-known/oauth-protected-resource/mcp"), 200, Some("*")),
        (&hosted.running, &list.clone().to("/health"), 405, Some("*")),
    ] {
        for page in [FOREIGN_PAGE, "null"] {
            let reply = head(running, post, page);
            assert_eq!(reply.status, status, "{reply:?}");
            assert_eq!(reply.header("access-control-allow-origin"), origin, "{reply:?}");
        }
    }
    let without_origin = product.send(&list);
    assert_eq!(without_origin.header("access-control-allow-origin"), None);
    assert_eq!(without_origin.header("vary"), Some("Origin"), "a cache keeps the two apart");
}

#[test]
fn a_page_of_this_machine_cannot_read_where_a_person_decides() {
    let product = Product::start(&Settings::default());
    for path in ["/confirm/x", "/local/confirmations", "/local/confirmations/x"] {
        for method in ["GET", "OPTIONS", "POST"] {
            let reply = head(&product.running, &get(path).but(method), LOCAL_PAGE);
            assert_eq!(reply.header("access-control-allow-origin"), None, "{method} {path}");
        }
    }
}

#[test]
fn a_preflight_needs_no_token_and_names_what_the_path_takes() {
    let plane = FakePlane::start();
    let hosted = Hosted::start(&plane, None);
    let send = |client: &mut Client, path: &str, origin: &str, headers: &str| {
        let post = Post::new("").but("OPTIONS").to(path).with("Origin", origin);
        let post = post
            .with("Access-Control-Request-Method", "POST")
            .with("Access-Control-Request-Headers", headers);
        post.send(client)
    };
    let mut client = hosted.running.connect();
    for (path, origin, readable_by, methods) in [
        ("/mcp", CONSOLE, CONSOLE, "GET, POST, DELETE, OPTIONS"),
        ("/mcp/notes", CONSOLE, CONSOLE, "GET, POST, DELETE, OPTIONS"),
        ("/mcp/notes/?readonly=true", CONSOLE, CONSOLE, "GET, POST, DELETE, OPTIONS"),
        ("/sse", CONSOLE, CONSOLE, "GET, OPTIONS"),
        ("/messages", CONSOLE, CONSOLE, "POST, OPTIONS"),
        (
            "/.well-known/oauth-protected-resource/mcp/notes",
            FOREIGN_PAGE,
            "*",
            "GET, HEAD, OPTIONS",
        ),
    ] {
        let reply = send(&mut client, path, origin, "authorization, mcp-param-region,x-trace");
        assert_eq!((reply.status, reply.body.as_str()), (204, ""), "{path}: {reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), Some(readable_by), "{path}");
        assert_eq!(reply.header("access-control-allow-methods"), Some(methods), "{path}");
        let allowed = reply.header("access-control-allow-headers").unwrap_or_default();
        for name in [
            "Authorization",
            "Content-Type",
            "MCP-Protocol-Version",
            "Mcp-Session-Id",
            "Mcp-Method",
            "Mcp-Name",
            "mcp-param-region",
            "x-trace",
        ] {
            assert!(allowed.split(", ").any(|known| known == name), "{name}: {reply:?}");
        }
        assert_eq!(allowed.to_lowercase().matches("authorization").count(), 1, "{allowed}");
    }
    assert_eq!(send(&mut client, "/nothing", CONSOLE, "").status, 404);
    let plain = Post::new("").but("OPTIONS").send(&mut client);
    assert_eq!((plain.status, plain.header("allow")), (204, Some("GET, POST, DELETE, OPTIONS")));
    assert_eq!(plain.header("access-control-allow-methods"), None);
    assert_eq!(plane.asked("tool-sieve"), 0);
}
