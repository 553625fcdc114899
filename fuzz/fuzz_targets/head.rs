//! A head is read the same whole or in pieces, and again when it is written from what was read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcpist::http::{Head, Limits, parse_head};

/// Accepted heads up to this length are cut at every byte, longer ones at this many places.
const CUTS: usize = 256;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let Ok(Some((head, length))) = parse_head(bytes, &limits) else { return };
    assert!(bytes[..length].ends_with(b"\r\n\r\n"));
    for cut in (0..length).step_by(length.div_ceil(CUTS)) {
        assert!(
            matches!(parse_head(&bytes[..cut], &limits), Ok(None)),
            "the first {cut} bytes of an accepted head are more than a beginning"
        );
    }
    let written = write(&head);
    if written.len() >= limits.head_bytes || target_length(&head) > limits.target_bytes {
        // A byte that is not UTF-8 becomes U+FFFD, which is longer; a path that was left out is longer too.
        return;
    }
    let (again, length) = parse_head(written.as_bytes(), &limits)
        .expect("an accepted head is valid")
        .expect("it is whole");
    assert_eq!(length, written.len());
    assert_eq!(format!("{again:?}"), format!("{head:?}"));
});

fn write(head: &Head) -> String {
    let mark = if head.query.is_empty() { "" } else { "?" };
    let minor = if head.is_http_1_0 { 0 } else { 1 };
    let mut text = format!("{} {}{mark}{} HTTP/1.{minor}\r\n", head.method, head.path, head.query);
    for (name, value) in head.headers.iter() {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}

fn target_length(head: &Head) -> usize {
    head.path.len() + 1 + head.query.len()
}
