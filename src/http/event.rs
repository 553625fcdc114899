//! Server-sent events: their form on the wire (<https://html.spec.whatwg.org/multipage/server-sent-events.html>, "Interpreting
//! an event stream").

use std::io::Write;

/// An event of an event stream.
#[derive(Clone, Copy, Debug)]
pub struct Event<'e> {
    name: Option<&'static str>,
    data: &'e str,
}

impl<'e> Event<'e> {
    /// Returns an event without a name, which clients treat as a `message`.
    #[must_use]
    pub fn data(data: &'e str) -> Event<'e> {
        Event { name: None, data }
    }

    /// Returns an event with a name.
    #[must_use]
    pub fn named(name: &'static str, data: &'e str) -> Event<'e> {
        Event { name: Some(name), data }
    }

    /// Returns the event as text. Each line break in the data begins another `data` line; the client joins them again.
    fn text(&self) -> String {
        let mut text = String::with_capacity(self.data.len() + 32);
        if let Some(name) = self.name {
            text.push_str("event: ");
            text.push_str(name);
            text.push('\n');
        }
        let mut rest = self.data;
        // Searching for one character is much faster than searching for two, and data is usually one line.
        let is_one_line = !rest.contains('\n') && !rest.contains('\r');
        while !is_one_line && let Some(end) = rest.find(['\r', '\n']) {
            text.push_str("data: ");
            text.push_str(&rest[..end]);
            text.push('\n');
            let line_break = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
            rest = &rest[end + line_break..];
        }
        text.push_str("data: ");
        text.push_str(rest);
        text.push_str("\n\n");
        text
    }
}

/// How the parts of an event stream are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventFraming {
    Chunked,
    /// For HTTP/1.0: the end of the connection is the end of the stream.
    UntilClose,
}

impl EventFraming {
    pub(super) fn push_event(self, out: &mut Vec<u8>, event: &Event<'_>) {
        self.push(out, event.text().as_bytes());
    }

    /// Appends a comment, which clients ignore and which shows proxies that the stream is alive.
    pub(super) fn push_comment(self, out: &mut Vec<u8>) {
        self.push(out, b":\n\n");
    }

    pub(super) fn push_end(self, out: &mut Vec<u8>) {
        if self == EventFraming::Chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
    }

    fn push(self, out: &mut Vec<u8>, part: &[u8]) {
        match self {
            EventFraming::Chunked => {
                write!(out, "{:x}\r\n", part.len()).expect("writing to memory does not fail");
                out.extend_from_slice(part);
                out.extend_from_slice(b"\r\n");
            }
            EventFraming::UntilClose => out.extend_from_slice(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_in_the_data_does_not_end_the_event() {
        let cases = [
            (Event::data("{}"), "data: {}\n\n"),
            (Event::data(""), "data: \n\n"),
            (Event::data("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n"),
            (Event::data("a\n\nid: 7\n"), "data: a\ndata: \ndata: id: 7\ndata: \n\n"),
            (Event::named("endpoint", "/messages"), "event: endpoint\ndata: /messages\n\n"),
        ];
        for (event, text) in cases {
            assert_eq!(event.text(), text, "{event:?}");
        }
    }

    #[test]
    fn a_chunk_says_its_length_in_bytes() {
        let mut out = Vec::new();
        EventFraming::Chunked.push_event(&mut out, &Event::data("äöü12345"));
        EventFraming::Chunked.push_end(&mut out);
        assert_eq!(out, "13\r\ndata: äöü12345\n\n\r\n0\r\n\r\n".as_bytes());
    }
}
