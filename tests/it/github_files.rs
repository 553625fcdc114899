//! The kinds of files on GitHub: text in any charset, bytes, folders, links, and files that are too large.

use ct_codecs::{Base64, Encoder};
use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange};
use crate::github::call;

const TARGET: &str = "/repos/o/r/contents/a/b";
const OBJECT: &str = "application/vnd.github.object+json";
const RAW: &str = "application/vnd.github.raw+json";

/// A question for the file in one representation, and an answer of this media type.
fn asked(accept: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Exchange {
    let answer = Answer::new(200, &[("content-type", content_type)], body);
    Exchange::new("GET", TARGET, answer).with_header("accept", accept)
}

/// GitHub's description of a path.
fn described(members: Value) -> Exchange {
    let mut said = json!({"type": "file", "name": "b", "path": "a/b", "sha": "5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689", "url": "https://api.github.com/x"});
    said.as_object_mut()
        .expect("it is an object")
        .extend(members.as_object().cloned().unwrap_or_default());
    asked(OBJECT, "application/vnd.github.object+json; charset=utf-8", said.to_string())
}

/// A file of up to 1 MB, which comes with its description, in lines as GitHub breaks them.
fn file(bytes: &[u8]) -> Exchange {
    let base64 = Base64::encode_to_string(bytes).expect("it is short");
    let lines: Vec<_> = base64.as_bytes().chunks(60).map(String::from_utf8_lossy).collect();
    described(
        json!({"size": bytes.len(), "encoding": "base64", "content": lines.join("\n") + "\n"}),
    )
}

fn read(exchanges: impl IntoIterator<Item = Exchange>, arguments: Value) -> Result<Value, String> {
    let mut all = json!({"path": "a/b"});
    all.as_object_mut()
        .expect("it is an object")
        .extend(arguments.as_object().cloned().unwrap_or_default());
    call("get_file_contents", all, exchanges).map_err(|error| error.to_string())
}

#[test]
fn a_file_comes_with_what_is_needed_to_change_it() {
    let sha = "5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689";
    let check = |bytes: &[u8], arguments: Value, expected: Value| {
        let mut whole = json!({"path": "a/b", "sha": sha, "size": bytes.len()});
        whole
            .as_object_mut()
            .expect("it is an object")
            .extend(expected.as_object().cloned().unwrap_or_default());
        assert_eq!(read([file(bytes)], arguments), Ok(whole), "{bytes:?}");
    };
    let plain = json!({});
    let note = "Written back as text, the file becomes UTF-8.";
    check(b"fn main() {}\n", plain.clone(), json!({"lines": 1, "document": "fn main() {}\n"}));
    check(b"", plain.clone(), json!({"lines": 0, "document": ""}));
    check(
        b"{\"type\":\"dir\"}",
        plain.clone(),
        json!({"lines": 1, "document": "{\"type\":\"dir\"}"}),
    );
    check(
        "\u{feff}Gr\u{fc}\u{df}e\r\n".as_bytes(),
        plain.clone(),
        json!({"lines": 1, "document": "\u{feff}Gr\u{fc}\u{df}e\r\n"}),
    );
    check(
        b"caf\xe9\n",
        plain.clone(),
        json!({"lines": 1, "charset": "windows-1252", "note": note, "document": "caf\u{e9}\n"}),
    );
    check(
        b"\xff\xfeh\0i\0",
        plain.clone(),
        json!({"lines": 1, "charset": "UTF-16LE", "note": note, "document": "hi"}),
    );
    check(b"1\n2\n3\n", json!({"head": 1}), json!({"lines": 3, "document": "1\n"}));
    check(b"1\n2\n3\n", json!({"tail": 1}), json!({"lines": 3, "document": "3\n"}));
    check(b"12345", json!({"offset": 3}), json!({"lines": 1, "document": "45"}));
}

#[test]
fn bytes_are_no_text() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    let result = read([file(png)], json!({})).expect("it is there");
    let base64 = Base64::encode_to_string(png).expect("it is short");
    assert_eq!(
        (&result["blob"], &result["mime_type"], &result["size"], &result["path"]),
        (&json!(base64), &json!("image/png"), &json!(png.len()), &json!("a/b"))
    );
    assert_eq!(result.get("document"), None);
    // UTF-8 but for a few bytes: shown, they would be lost when the file is written again.
    let mixed =
        read([file("✓ ✓ ✓ \u{fffd}".as_bytes().split_last().expect("it has bytes").1)], json!({}));
    assert_eq!(mixed.expect("it is there")["mime_type"], "application/octet-stream");
}

#[test]
fn a_large_file_is_read_by_itself() {
    let large = || described(json!({"size": 2_000_000, "encoding": "none", "content": ""}));
    let raw = |body: &[u8]| asked(RAW, "application/vnd.github.raw+json; charset=utf-8", body);
    let result = read([large(), raw("日本\n".as_bytes())], json!({})).expect("it is there");
    assert_eq!(
        (&result["document"], &result["lines"], &result["size"]),
        (&json!("日本\n"), &json!(1), &json!(2_000_000))
    );
    let too_large = Answer::new(
        403,
        &[],
        r#"{"message": "Too big.", "errors": [{"resource": "Blob", "field": "data", "code": "too_large"}]}"#,
    );
    let refused = read([large(), Exchange::new("GET", TARGET, too_large)], json!({}));
    let refused = refused.expect_err("it is too large");
    assert!(
        refused.contains("too large (403): Too big.") && refused.contains("clone"),
        "{refused}"
    );
}

#[test]
fn a_server_may_send_the_file_itself() {
    for (content_type, body) in [
        (RAW, "[]"),
        (
            "application/vnd.github.raw+json; charset=utf-8",
            r#"{"type": "dir", "path": "a", "url": "u"}"#,
        ),
        ("application/json", r#"{"name": "package", "type": "module"}"#),
        ("text/plain", "plain"),
        ("application/json", "[1, 2]"),
    ] {
        let result = read([asked(OBJECT, content_type, body)], json!({})).expect("it is a file");
        assert_eq!(result["document"], *body, "{content_type}");
    }
}

#[test]
fn what_is_no_file_says_what_it_is() {
    let check = |exchange: Exchange, parts: [&str; 2]| {
        let refused = read([exchange], json!({})).expect_err("it is not a file");
        for part in parts {
            assert!(refused.contains(part), "{part}: {refused}");
        }
    };
    check(
        described(json!({"type": "dir", "entries": []})),
        ["`a/b` is a folder", "list_directory"],
    );
    let entries = json!([{"type": "file", "name": "c", "path": "a/b/c", "sha": "1", "url": "https://api.github.com/x"}]);
    check(
        asked(OBJECT, "application/json; charset=utf-8", entries.to_string()),
        ["`a/b` is a folder", "list_directory"],
    );
    check(
        described(json!({"type": "submodule", "submodule_git_url": "git://github.com/o/s.git"})),
        ["submodule", "git://github.com/o/s.git"],
    );
    check(
        described(json!({"type": "symlink", "target": "../elsewhere"})),
        ["link to `../elsewhere`", "Read what it leads to"],
    );
    for path in ["a//b", "/a", "a/", "a/../b", ""] {
        let refused = read([], json!({"path": path})).expect_err("it is not a path");
        assert!(refused.contains("`path`"), "{path}: {refused}");
    }
}

#[test]
fn a_folder_that_is_a_file_says_so() {
    let said = json!({"type": "file", "path": "a/b", "sha": "1"}).to_string();
    let exchange = Exchange::new("GET", TARGET, Answer::new(200, &[], said));
    let refused =
        call("list_directory", json!({"path": "a/b"}), [exchange]).expect_err("it is a file");
    assert_eq!(refused.code().reply().name, "invalid_params");
    assert_eq!(refused.hint(), Some("`path` leads to a file: read it with get_file_contents."));
}

#[test]
fn what_is_too_large_names_the_tool_that_helps() {
    let body = r#"{"message": "Sorry, the diff exceeded the maximum number of lines (20000)", "errors": [{"resource": "PullRequest", "field": "diff", "code": "too_large"}]}"#;
    for (tool, arguments, target, helps) in [
        (
            "get_pull_request_diff",
            json!({"pull_number": 7}),
            "/repos/o/r/pulls/7",
            "list_pull_request_files",
        ),
        ("get_commit_diff", json!({"ref": "main"}), "/repos/o/r/commits/main", "get_commit"),
        (
            "get_comparison_diff",
            json!({"base": "a", "compare": "b"}),
            "/repos/o/r/compare/a...b",
            "compare_refs",
        ),
    ] {
        for status in [403, 406, 422] {
            let exchange = Exchange::new("GET", target, Answer::new(status, &[], body));
            let error = call(tool, arguments.clone(), [exchange]).expect_err("it is too large");
            assert_eq!(error.code().reply().name, "invalid_params", "{tool} {status}");
            assert!(error.message().contains("too large"), "{tool} {status}: {error}");
            assert!(
                error.hint().is_some_and(|hint| hint.contains(helps)),
                "{tool} {status}: {error}"
            );
        }
    }
}
