//! Numbers stay as services write them, from the answer to every form of a result and on to the next request.

use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{Product, Settings, json_of, modern, text_of};

/// Decimals, integers beyond 64 bits and a number beyond all floats.
const NOTES: &str = r#"[{"id":18446744073709551616,"title":0.1000000000000000055511151231257827},{"id":-170141183460469231731687303715884105729,"title":1e400},{"id":3,"title":12.50}]"#;

/// The same as a table of TOON, in its canonical form (TOON 4.0, section 2).
const TABLE: &str = "[3]{id,title}:\n  18446744073709551616,0.1000000000000000055511151231257827\n  -170141183460469231731687303715884105729,1e+400\n  3,12.5";

fn at(upstream: &FakeUpstream) -> Product {
    Product::start(&Settings { upstream: Some(upstream), ..Settings::default() })
}

fn notes() -> Exchange {
    Exchange::new("GET", "/notes", Answer::new(200, &[], NOTES))
}

fn list() -> Value {
    json!({"module": "notes", "tool": "list_notes", "params": {}})
}

#[test]
fn a_result_has_every_digit_in_both_formats() {
    let upstream = FakeUpstream::new([notes(), notes(), notes()]);
    let product = at(&upstream);
    let result = product.call("/mcp", "call", list());
    assert!(text_of(&result).contains(TABLE), "{result}");
    let post = modern("tools/call", json!({"name": "call", "arguments": list()}));
    let json = product.send(&post.to("/mcp?format=json"));
    let text = json_of(&json)["result"]["content"][0]["text"].as_str().map(str::to_owned);
    let text = text.expect("it is a text");
    for written in [
        "18446744073709551616",
        "-170141183460469231731687303715884105729",
        "0.1000000000000000055511151231257827",
        "1e+400",
        "12.50",
    ] {
        assert!(text.contains(written), "{written} is not in {text}");
    }
    let read = product.result("/mcp", "resources/read", json!({"uri": "notes://all"}));
    let text = read["contents"][0]["text"].as_str().expect("it is a text");
    assert_eq!(text, format!(r#"{{"items":{}}}"#, NOTES.replace("1e400", "1e+400")));
}

#[test]
fn a_batch_hands_a_number_on_as_it_came() {
    let upstream = FakeUpstream::new([
        notes(),
        Exchange::new(
            "GET",
            "/notes/18446744073709551616",
            Answer::new(200, &[], r#"{"id":18446744073709551616,"title":"a"}"#),
        ),
        Exchange::new("POST", "/notes", Answer::new(201, &[], r#"{"id":1}"#))
            .with_text(r#"{"title":"0.1000000000000000055511151231257827"}"#),
    ]);
    let product = at(&upstream);
    let calls = json!([
        {"id": "all", "module": "notes", "tool": "list_notes", "params": {}},
        {"id": "one", "module": "notes", "tool": "get_note", "params": {"id": "${all.items[0].id}"}, "output": true},
        {"id": "new", "module": "notes", "tool": "add_note", "params": {"title": "${all.items[0].title}"}, "after": ["one"]},
    ]);
    let result = product.call("/mcp", "batch", json!({"calls": calls}));
    assert_eq!(result["isError"], Value::Null, "{result}");
    assert!(result.to_string().contains("id: 18446744073709551616"), "{result}");
}

#[test]
fn an_argument_keeps_the_digits_that_the_client_wrote() {
    let upstream =
        FakeUpstream::new([Exchange::new("POST", "/notes", Answer::new(201, &[], r#"{"id":1}"#))
            .with_text(r#"{"title":"12345678901234567890.50"}"#)]);
    let arguments: Value = serde_json::from_str(
        r#"{"module":"notes","tool":"add_note","params":{"title":12345678901234567890.50}}"#,
    )
    .expect("it is JSON");
    let result = at(&upstream).call("/mcp", "call", arguments);
    assert_eq!(text_of(&result), "id: 1");
}
