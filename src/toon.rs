//! Writes results in TOON (Token-Oriented Object Notation), which is equivalent to JSON with fewer tokens.
//!
//! The format is the TOON specification 4.0 (<https://github.com/toon-format/spec>), with its default options: two spaces of
//! indentation and the comma as delimiter. Section numbers below refer to its SPEC.md.

use std::fmt::Write as _;

use serde_json::Value;

use crate::json::Object;
use crate::number::canonical;

/// Returns the TOON text of a JSON value: lines separated by `\n` without a final one, and an empty text for an empty object
/// (sections 5 to 12). It decodes to an equal value, except for the order of keys inside a table, which is that of the table's
/// first row.
///
/// Numbers keep every digit that they were written with ([`canonical`], section 2).
#[must_use]
pub fn encode(value: &Value) -> String {
    let mut encoder = Encoder { out: String::new() };
    match value {
        Value::Object(entries) if encoder.try_keyed_table(0, entries) => {}
        Value::Object(fields) => encoder.fields(0, fields),
        Value::Array(items) if items.is_empty() => encoder.out.push_str("[]"),
        Value::Array(items) if encoder.try_table(0, items) => {}
        Value::Array(items) => encoder.inline_or_list(0, items),
        // A decoder removes this character from the start of a text, as a byte-order mark (section 7.2 since 4.1.2).
        Value::String(text) if text.starts_with('\u{feff}') => encoder.quoted(text),
        primitive => {
            encoder.try_primitive(primitive);
        }
    }
    encoder.out
}

/// Writes into one text. To find out whether an array or object fits a compact form, it is written in that form: methods named
/// `try_` return false and restore the text if the value does not fit.
///
/// The recursion is as deep as the value. That is safe because `serde_json` rejects nesting deeper than 128, and a result is at
/// most a few levels deeper than its source.
struct Encoder {
    out: String,
}

impl Encoder {
    /// Writes the fields of an object (section 8): the first at the end of the text, each further one on its own line.
    fn fields(&mut self, depth: usize, fields: &Object) {
        for (index, (key, value)) in fields.iter().enumerate() {
            if index > 0 {
                self.line(depth);
            }
            self.key(key);
            self.field_value(depth, value);
        }
    }

    fn field_value(&mut self, depth: usize, value: &Value) {
        match value {
            Value::Object(entries) if self.try_keyed_table(depth, entries) => {}
            Value::Object(fields) => {
                self.out.push(':');
                if !fields.is_empty() {
                    self.line(depth + 1);
                    self.fields(depth + 1, fields);
                }
            }
            Value::Array(items) if items.is_empty() => self.out.push_str(": []"),
            Value::Array(items) if self.try_table(depth, items) => {}
            Value::Array(items) => self.inline_or_list(depth, items),
            primitive => {
                self.out.push_str(": ");
                self.try_primitive(primitive);
            }
        }
    }

    /// Writes an array in one of the two forms that are allowed everywhere: primitives on the header's line (section 9.1), or a
    /// list of items below it (sections 9.2 and 9.4).
    fn inline_or_list(&mut self, depth: usize, items: &[Value]) {
        self.header_length(items.len(), "]:");
        if self.attempt(|encoder| encoder.inline(items)) {
            return;
        }
        for item in items {
            self.line(depth + 1);
            self.out.push('-');
            self.list_item(depth + 1, item);
        }
    }

    fn inline(&mut self, items: &[Value]) -> bool {
        self.out.push(' ');
        let fits = items.iter().all(|item| self.cell(item));
        self.out.pop(); // the comma after the last cell, or the space if there are no cells
        fits
    }

    /// Writes the value after a list item's hyphen. An array or object has no key here, so it is never a table itself (sections
    /// 9.4 and 9.5), and an object's fields are one level deeper than the hyphen (section 10).
    fn list_item(&mut self, depth: usize, item: &Value) {
        if matches!(item, Value::Object(fields) if fields.is_empty()) {
            return;
        }
        self.out.push(' ');
        match item {
            Value::Object(fields) => self.fields(depth + 1, fields),
            Value::Array(items) => self.inline_or_list(depth, items),
            primitive => {
                self.try_primitive(primitive);
            }
        }
    }

    /// Tries `[2]{id,name}:` and one row for each object of an array (section 9.3).
    fn try_table(&mut self, depth: usize, items: &[Value]) -> bool {
        self.attempt(|encoder| {
            encoder.header_length(items.len(), "]");
            encoder.table(depth, items.iter().map(|item| (None, item)))
        })
    }

    /// Tries `[2:]{age,city}:` and one row for each entry of an object, if there are two or more (section 9.5).
    fn try_keyed_table(&mut self, depth: usize, entries: &Object) -> bool {
        entries.len() >= 2
            && self.attempt(|encoder| {
                encoder.header_length(entries.len(), ":]");
                encoder.table(depth, entries.iter().map(|(key, value)| (Some(key), value)))
            })
    }

    fn table<'a>(
        &mut self,
        depth: usize,
        rows: impl Iterator<Item = (Option<&'a String>, &'a Value)>,
    ) -> bool {
        let mut rows = rows.peekable();
        let Some((_, Value::Object(shape))) = rows.peek().copied() else {
            return false;
        };
        if !self.column_names(shape) {
            return false;
        }
        self.out.push(':');
        rows.all(|(key, row)| {
            self.line(depth + 1);
            if let Some(key) = key {
                self.key(key);
                self.out.push_str(": ");
            }
            let fits = self.row(shape, row);
            self.out.pop(); // the comma behind the last cell
            fits
        })
    }

    /// Writes `{id,customer{name,country}}`: the keys of a table's first row; an object is a group of columns.
    fn column_names(&mut self, shape: &Object) -> bool {
        if shape.is_empty() {
            return false;
        }
        self.out.push('{');
        for (key, value) in shape {
            self.key(key);
            if let Value::Object(group) = value
                && !self.column_names(group)
            {
                return false;
            }
            self.out.push(',');
        }
        self.out.pop(); // the comma behind the last name
        self.out.push('}');
        true
    }

    /// Writes the primitives of a row, each followed by a comma, in the order of the columns. Returns false if the row's keys
    /// differ from those of `shape`, if it has an object where `shape` has a primitive or the reverse, or if it has an array.
    fn row(&mut self, shape: &Object, row: &Value) -> bool {
        let Value::Object(row) = row else {
            return false;
        };
        row.len() == shape.len()
            && shape.iter().zip(row).all(|((column, in_shape), (key, value))| {
                // Rows usually have their keys in the same order, and comparing is cheaper than looking up.
                let value = if key == column { Some(value) } else { row.get(column) };
                match (in_shape, value) {
                    (Value::Object(group), Some(value)) => self.row(group, value),
                    (_, Some(value)) => self.cell(value),
                    (_, None) => false,
                }
            })
    }

    fn cell(&mut self, value: &Value) -> bool {
        let fits = self.try_primitive(value);
        self.out.push(',');
        fits
    }

    /// Writes a primitive. Returns false and writes nothing for an array or object.
    fn try_primitive(&mut self, value: &Value) -> bool {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(true) => self.out.push_str("true"),
            Value::Bool(false) => self.out.push_str("false"),
            Value::Number(number) => self.out.push_str(&canonical(number)),
            Value::String(text) if must_be_quoted(text) => self.quoted(text),
            Value::String(text) => self.out.push_str(text),
            Value::Array(_) | Value::Object(_) => return false,
        }
        true
    }

    fn key(&mut self, key: &str) {
        if is_bare_key(key) {
            self.out.push_str(key);
        } else {
            self.quoted(key);
        }
    }

    /// Writes text between quotes, escaped (section 7.1).
    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| matches!(byte, 0..b' ' | b'"' | b'\\')) {
            self.out.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                b'\n' => self.out.push_str("\\n"),
                b'\r' => self.out.push_str("\\r"),
                b'\t' => self.out.push_str("\\t"),
                b'"' => self.out.push_str("\\\""),
                b'\\' => self.out.push_str("\\\\"),
                control => self.formatted(format_args!("\\u{control:04x}")),
            }
            rest = &rest[at + 1..];
        }
        self.out.push_str(rest);
        self.out.push('"');
    }

    fn header_length(&mut self, length: usize, end: &str) {
        self.formatted(format_args!("[{length}{end}"));
    }

    fn line(&mut self, depth: usize) {
        self.out.push('\n');
        for _ in 0..depth {
            self.out.push_str("  ");
        }
    }

    fn formatted(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.out.write_fmt(arguments).expect("a String takes any text");
    }

    /// Removes what `write` wrote if it returns that the value does not fit.
    fn attempt(&mut self, write: impl FnOnce(&mut Self) -> bool) -> bool {
        let start = self.out.len();
        let fits = write(self);
        if !fits {
            self.out.truncate(start);
        }
        fits
    }
}

/// Returns whether a text must be quoted (section 7.2). The delimiter is a comma inside and outside arrays, so one rule applies
/// everywhere.
fn must_be_quoted(text: &str) -> bool {
    text.is_empty()
        || text.starts_with([' ', '-', '#'])
        || text.ends_with(' ')
        || matches!(text, "true" | "false" | "null")
        || after_number(text) == Some("")
        || text.bytes().any(|byte| {
            matches!(byte, 0..b' ' | b',' | b':' | b'"' | b'\\' | b'[' | b']' | b'{' | b'}')
        })
}

/// Returns the text after the number at the beginning; `None` if there is no number. A minus sign is not handled, because it is
/// quoted anyway.
fn after_number(text: &str) -> Option<&str> {
    let mut rest = after_digits(text.strip_prefix('+').unwrap_or(text))?;
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = after_digits(fraction)?;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        rest = after_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))?;
    }
    Some(rest)
}

fn after_digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|character: char| character.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

/// Returns whether a key needs no quotes (section 7.3).
fn is_bare_key(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each pair is a JSON text and its TOON text.
    fn check(cases: &[(&str, &str)]) {
        for (input, expected) in cases {
            let value: Value = serde_json::from_str(input).expect(input);
            assert_eq!(encode(&value), *expected, "for {input}");
        }
    }

    #[test]
    fn a_root_of_any_kind_has_its_form() {
        check(&[
            ("{}", ""),
            ("[]", "[]"),
            ("null", "null"),
            ("true", "true"),
            ("false", "false"),
            ("7", "7"),
            (r#""plain text""#, "plain text"),
            (r#""""#, r#""""#),
            (r#""a,b""#, r#""a,b""#),
            ("\"\u{feff}marked\"", "\"\u{feff}marked\""),
            (r#"{"a":1,"b":"x"}"#, "a: 1\nb: x"),
            (r#"[1,"a",null]"#, "[3]: 1,a,null"),
            (r#"[{"a":1},{"a":2}]"#, "[2]{a}:\n  1\n  2"),
            (r#"[{"a":1},2]"#, "[2]:\n  - a: 1\n  - 2"),
            (r#"{"x":{"a":1},"y":{"a":2}}"#, "[2:]{a}:\n  x: 1\n  y: 2"),
        ]);
    }

    #[test]
    fn a_number_is_written_in_full_inside_the_canonical_range() {
        check(&[
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("1.0", "1"),
            ("-1.50", "-1.5"),
            ("1e6", "1000000"),
            ("1e-6", "0.000001"),
            ("9.99e-7", "9.99e-7"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("-1.5e300", "-1.5e+300"),
            ("5e-324", "5e-324"),
            ("0.3333333333333333", "0.3333333333333333"),
            ("18446744073709551616", "18446744073709551616"),
            ("0.10000000000000000000000000001", "0.10000000000000000000000000001"),
            ("1e400", "1e+400"),
            ("-9223372036854775808", "-9223372036854775808"),
        ]);
    }

    #[test]
    fn a_string_is_quoted_only_where_it_would_read_as_something_else() {
        for quoted in [
            "", " ", " a", "a ", "true", "false", "null", "42", "-3.14", "05", "+1", "1e5", "1E+5",
            "2.5e-3", "-", "-a", "#", "#a", "a:b", "a,b", "[", "]", "{", "}", "[]",
        ] {
            assert_eq!(encode(&json!({ "k": quoted })), format!("k: \"{quoted}\""));
            assert_eq!(encode(&json!([quoted])), format!("[1]: \"{quoted}\""));
            assert_eq!(encode(&json!([{ "k": quoted }])), format!("[1]{{k}}:\n  \"{quoted}\""));
            assert_eq!(encode(&json!([quoted, []])), format!("[2]:\n  - \"{quoted}\"\n  - [0]:"));
        }
        for bare in [
            "a b", "True", "nulls", "a-b", "a#", "a|b", "a;b", "(a)", "+", "+a", ".5", "1.", "1e",
            "1e+", "1.2.3", "1.e5", "0x10", "1_0", "NaN", "26-01", "'a'", "a/b",
        ] {
            assert_eq!(encode(&json!({ "k": bare })), format!("k: {bare}"));
            assert_eq!(encode(&json!([bare])), format!("[1]: {bare}"));
        }
    }

    #[test]
    fn a_string_beyond_ascii_stands_as_it_is() {
        check(&[
            (r#""é 世 👋""#, "é 世 👋"),
            (r#""１""#, "１"),
            (r#""\u007f\u00a0\u2028""#, "\u{7f}\u{a0}\u{2028}"),
        ]);
    }

    #[test]
    fn a_quoted_string_escapes_what_would_end_it_or_its_line() {
        check(&[
            (r#""say \"hi\"""#, r#""say \"hi\"""#),
            (r#""a\\b""#, r#""a\\b""#),
            (r#""a\nb\rc\td""#, r#""a\nb\rc\td""#),
            (r#""\u0000\b\u001f""#, r#""\u0000\u0008\u001f""#),
            (r#""a:\u007f\u00e9\ud83d\ude00""#, "\"a:\u{7f}é😀\""),
        ]);
    }

    #[test]
    fn a_key_is_bare_only_as_an_ascii_name() {
        check(&[
            (r#"{"a":1,"_b9":2,"C.d":3}"#, "a: 1\n_b9: 2\nC.d: 3"),
            (r#"{"":1,"9a":2,".a":3,"a-b":4}"#, "\"\": 1\n\"9a\": 2\n\".a\": 3\n\"a-b\": 4"),
            (r#"{"a b":1,"é":2,"aé":3,"a:b":4}"#, "\"a b\": 1\n\"é\": 2\n\"aé\": 3\n\"a:b\": 4"),
            (r#"{"a\"\n\u0001":1,"[0]":2}"#, "\"a\\\"\\n\\u0001\": 1\n\"[0]\": 2"),
            (r#"{"true":1,"__proto__":2}"#, "true: 1\n__proto__: 2"),
            (r#"{"a-b":[1]}"#, "\"a-b\"[1]: 1"),
            (r#"{"a-b":[{"c d":1}]}"#, "\"a-b\"[1]{\"c d\"}:\n  1"),
            (r#"{"a-b":[[]]}"#, "\"a-b\"[1]:\n  - [0]:"),
            (r#"{"k":{"1":{"a":1},"b c":{"a":2}}}"#, "k[2:]{a}:\n  \"1\": 1\n  \"b c\": 2"),
        ]);
    }

    #[test]
    fn an_object_indents_its_fields() {
        check(&[
            (r#"{"a":{"b":{"c":"deep"}},"d":1}"#, "a:\n  b:\n    c: deep\nd: 1"),
            (r#"{"a":{},"b":[],"c":""}"#, "a:\nb: []\nc: \"\""),
            (r#"{"a":{"b":{}}}"#, "a:\n  b:"),
        ]);
    }

    #[test]
    fn an_array_of_primitives_stays_on_its_line() {
        check(&[
            (r#"{"a":["x","1",1,true,null,"y z"]}"#, "a[6]: x,\"1\",1,true,null,y z"),
            (r#"{"a":[""]}"#, "a[1]: \"\""),
            ("[[1,2],[],[\"a\"]]", "[3]:\n  - [2]: 1,2\n  - [0]:\n  - [1]: a"),
        ]);
    }

    #[test]
    fn uniform_objects_in_an_array_become_a_table() {
        check(&[
            (
                r#"{"items":[{"id":1,"name":"a,b"},{"name":null,"id":2}]}"#,
                "items[2]{id,name}:\n  1,\"a,b\"\n  2,null",
            ),
            (
                r#"[{"id":1,"at":{"x":{"lat":1.5},"y":2},"z":3},{"z":6,"at":{"y":5,"x":{"lat":4}},"id":7}]"#,
                "[2]{id,at{x{lat},y},z}:\n  1,1.5,2,3\n  7,4,5,6",
            ),
            (r#"{"a":{"b":[{"c":1}]}}"#, "a:\n  b[1]{c}:\n    1"),
        ]);
    }

    #[test]
    fn objects_that_do_not_fit_a_table_become_a_list() {
        check(&[
            (r#"[{"a":1},{"a":1,"b":2}]"#, "[2]:\n  - a: 1\n  - a: 1\n    b: 2"),
            (r#"[{"a":1},{"b":2}]"#, "[2]:\n  - a: 1\n  - b: 2"),
            (r#"[{"a":1},{"a":[]}]"#, "[2]:\n  - a: 1\n  - a: []"),
            (r#"[{"a":[1]},{"a":[2]}]"#, "[2]:\n  - a[1]: 1\n  - a[1]: 2"),
            (r#"[{"a":{"b":1}},{"a":null}]"#, "[2]:\n  - a:\n      b: 1\n  - a: null"),
            (r#"[{"a":null},{"a":{"b":1}}]"#, "[2]:\n  - a: null\n  - a:\n      b: 1"),
            (r#"[{"a":{"b":1}},{"a":{"c":1}}]"#, "[2]:\n  - a:\n      b: 1\n  - a:\n      c: 1"),
            (r#"[{"a":{}}]"#, "[1]:\n  - a:"),
            (r#"[{"a":1},{}]"#, "[2]:\n  - a: 1\n  -"),
            ("[{},{}]", "[2]:\n  -\n  -"),
        ]);
    }

    #[test]
    fn uniform_objects_in_an_object_become_a_keyed_table() {
        check(&[
            (
                r#"{"k":{"x":{"a":1,"b":{"c":2}},"y":{"b":{"c":"d:e"},"a":"f,g"}}}"#,
                "k[2:]{a,b{c}}:\n  x: 1,2\n  y: \"f,g\",\"d:e\"",
            ),
            (r#"{"k":{"x":{"a":1}}}"#, "k:\n  x:\n    a: 1"),
            (r#"{"k":{"x":{"a":1},"y":2}}"#, "k:\n  x:\n    a: 1\n  y: 2"),
            (r#"{"k":{"x":{"a":1},"y":{"b":1}}}"#, "k:\n  x:\n    a: 1\n  y:\n    b: 1"),
            (r#"{"k":{"x":{"a":[]},"y":{"a":[]}}}"#, "k:\n  x:\n    a: []\n  y:\n    a: []"),
            (r#"{"k":{"x":{},"y":{}}}"#, "k:\n  x:\n  y:"),
            (r#"{"k":{"x":{"a":1},"y":{"a":2}},"z":1}"#, "k[2:]{a}:\n  x: 1\n  y: 2\nz: 1"),
        ]);
    }

    #[test]
    fn a_list_item_starts_on_the_line_of_its_hyphen() {
        check(&[
            (
                r#"[1,{"a":1,"b":2},"x",[3,4]]"#,
                "[4]:\n  - 1\n  - a: 1\n    b: 2\n  - x\n  - [2]: 3,4",
            ),
            (r"[[[1],[2]],5]", "[2]:\n  - [2]:\n    - [1]: 1\n    - [1]: 2\n  - 5"),
            // Without a key, an array or object is never a table.
            (r#"[[{"a":1},{"a":2}]]"#, "[1]:\n  - [2]:\n    - a: 1\n    - a: 2"),
            (
                r#"[{"x":{"a":1},"y":{"a":2}},3]"#,
                "[2]:\n  - x:\n      a: 1\n    y:\n      a: 2\n  - 3",
            ),
            // The content of the first field is indented from that field, two levels below the hyphen.
            (
                r#"[{"a":[{"b":1},{"b":2}],"c":3}]"#,
                "[1]:\n  - a[2]{b}:\n      1\n      2\n    c: 3",
            ),
            (
                r#"[{"a":{"x":{"b":1},"y":{"b":2}},"c":[]}]"#,
                "[1]:\n  - a[2:]{b}:\n      x: 1\n      y: 2\n    c: []",
            ),
            (
                r#"[{"a":[[1],[2]],"c":3}]"#,
                "[1]:\n  - a[2]:\n      - [1]: 1\n      - [1]: 2\n    c: 3",
            ),
            (
                r#"[{"a":{"b":[{"d":1}]},"c":[1]}]"#,
                "[1]:\n  - a:\n      b[1]{d}:\n        1\n    c[1]: 1",
            ),
        ]);
    }

    #[test]
    fn the_deepest_value_that_parses_is_encoded() {
        let depth = 127;
        let arrays = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let objects = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        for text in [arrays, objects] {
            let value: Value = serde_json::from_str(&text).expect("the parser's limit is 128");
            assert_eq!(encode(&value).lines().count(), depth);
        }
    }
}
