//! Nothing that a person could not see reaches the model: every kind of output, in both formats and both eras.

use mcpist::app::UNTRUSTED;
use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{Product, Settings, json_of, modern, registry};

/// Tag characters, a bidirectional control, a zero-width space, a joiner, a variation selector without a base.
const HIDDEN: &str = "\u{e0049}\u{e0047}\u{202e}\u{2066}\u{200b}\u{feff}\u{200d}\u{e0101}";

/// An emoji that is written with a joiner and a variation selector: it stays.
const SEEN: &str = "👩\u{200d}💻❤\u{fe0f}";

/// A module with a tool for each kind of output.
fn module() -> Value {
    let tool = |name: &str, output: Value| {
        json!({
            "name": name, "description": "Get.", "docs": "https://kinds.invalid/docs",
            "annotations": {"readOnlyHint": true, "openWorldHint": true},
            "request": {"method": "GET", "path": format!("/{name}")}, "output": output,
        })
    };
    json!({
        "module": "kinds", "title": "Kinds", "description": "Kinds of output.",
        "base_url": "https://kinds.invalid",
        "completions": {"name": {"tool": "list", "field": "text"}},
        "resources": [
            {"uri": "kinds://list", "name": "list", "description": "D.", "tool": "list"},
            {"uri": "kinds://record", "name": "record", "description": "D.", "tool": "record"},
            {"uri": "kinds://text", "name": "text", "description": "D.", "tool": "text", "mime_type": "text/plain"},
        ],
        "tools": [
            tool("list", json!({"items": "", "fields": {"text": "text"}})),
            tool("record", json!({"fields": {"text": "text", "more": "more"}})),
            tool("text", json!({"text": ""})),
            tool("fails", json!({"fields": {"text": "text"}})),
        ],
    })
}

fn answer(kind: &str) -> Exchange {
    let text = format!("be{HIDDEN}fore {SEEN}");
    let body = match kind {
        "list" => json!([{"text": text}, {"text": "x"}]).to_string(),
        "record" => {
            json!({"text": text, "more": {"a": [text], format!("k{HIDDEN}ey"): 1}}).to_string()
        }
        "text" => text,
        _ => json!({"message": text}).to_string(),
    };
    let status = if kind == "fails" { 422 } else { 200 };
    Exchange::new("GET", &format!("/{kind}"), Answer::new(status, &[], body))
}

#[track_caller]
fn check(what: &str, told: &Value, shows: bool) {
    let text = told.to_string();
    for hidden in HIDDEN.chars().filter(|hidden| *hidden != '\u{200d}') {
        assert!(!text.contains(hidden), "{what} has {hidden:?}: {text}");
    }
    if shows {
        assert!(text.contains(&format!("before {SEEN}")), "{what}: {text}");
    }
}

#[test]
fn every_kind_of_output_is_clean_in_both_formats() {
    let upstream = FakeUpstream::new([]);
    let module = module();
    let product = Product::start(&Settings {
        upstream: Some(&upstream),
        module: Some(&module),
        ..Settings::default()
    });
    for format in ["toon", "json"] {
        for kind in ["list", "record", "text", "fails"] {
            let what = format!("{kind} as {format}");
            upstream.expect(answer(kind));
            let tool = format!("kinds_{kind}");
            let direct = product.call(&format!("/mcp/kinds?format={format}"), &tool, json!({}));
            check(&what, &direct, true);
            let is_untrusted = direct["content"][0]["_meta"][UNTRUSTED] == true;
            assert_eq!(is_untrusted, kind != "fails", "{what}: {direct}");
            upstream.expect(answer(kind));
            let call = json!({"module": "kinds", "tool": kind, "params": {}});
            check(&what, &product.call(&format!("/mcp?format={format}"), "call", call), true);
            // A line of a batch, whose error is reported beside the others.
            upstream.expect(answer(kind));
            let line =
                json!({"id": "a", "module": "kinds", "tool": kind, "params": {}, "output": true});
            let batch =
                product.call(&format!("/mcp?format={format}"), "batch", json!({"calls": [line]}));
            check(&format!("a batch's {what}"), &batch, true);
            assert_eq!(batch["content"][0]["_meta"][UNTRUSTED], true, "{batch}");
        }
    }
    for kind in ["list", "record", "text"] {
        upstream.expect(answer(kind));
        let read =
            product.result("/mcp", "resources/read", json!({"uri": format!("kinds://{kind}")}));
        check(&format!("the resource {kind}"), &read, true);
        assert_eq!(read["contents"][0]["_meta"][UNTRUSTED], true, "{read}");
    }
    let session = product.session("2025-11-25");
    upstream.expect(answer("list"));
    let call =
        json!({"name": "call", "arguments": {"module": "kinds", "tool": "list", "params": {}}});
    check(
        "a session's result",
        &json_of(&product.send(&session.request("tools/call", call))),
        true,
    );
}

#[test]
fn a_document_a_prompt_and_an_unknown_name_are_clean_too() {
    let upstream = FakeUpstream::new([]);
    let product = Product::start(&Settings { upstream: Some(&upstream), ..Settings::default() });
    let text = format!("be{HIDDEN}fore {SEEN}");
    let prompt = json!({"name": "triage_issues", "arguments": {"owner": text, "repo": text, "repository": text}});
    check("a prompt", &json_of(&product.send(&modern("prompts/get", prompt))), false);
    let arguments = json!({"module": format!("no{HIDDEN}tes"), "tool": text, "params": {}});
    check("an unknown module", &product.call("/mcp", "call", arguments), false);
    let arguments = json!({"module": "notes", "tool": "get_note", "params": {"id": text}});
    check("a wrong argument", &product.call("/mcp", "call", arguments), false);
    // Documents come from hooks of the modules alone.
    let document = json!({"document": format!("# T\n{text}\n<!-- x -->"), "title": text});
    let mut shown = mcpist::app::render(document, mcpist::app::Format::Toon, None);
    let clean =
        mcpist::app::clean_text(shown.content[0]["text"].take().as_str().unwrap()).into_owned();
    check("a document", &clean.into(), true);
    assert!(registry().module("notes").is_some());
}

#[test]
fn what_passes_from_service_to_service_in_a_batch_is_not_changed() {
    let title = format!("be{HIDDEN}fore");
    let upstream = FakeUpstream::new([
        Exchange::new(
            "GET",
            "/notes/1",
            Answer::new(200, &[], json!({"id": 1, "title": title}).to_string()),
        ),
        Exchange::new("POST", "/notes", Answer::new(200, &[], r#"{"id": 2}"#))
            .with_body(json!({"title": title})),
    ]);
    let product = Product::start(&Settings { upstream: Some(&upstream), ..Settings::default() });
    let calls = json!([
        {"id": "a", "module": "notes", "tool": "get_note", "params": {"id": 1}},
        {"id": "b", "module": "notes", "tool": "add_note", "params": {"title": "${a.title}"}, "output": true},
    ]);
    let told = product.call("/mcp", "batch", json!({"calls": calls}));
    assert_eq!(told["isError"], Value::Null, "{told}");
}
