//! The text of a value has sane lines, and no two values have the same.
//!
//! Two different values with the same text would be found only by chance. So values are also built from a small grammar of
//! texts that are easily confused, and the texts of all values of a run are remembered. Such a finding has no single input: it
//! names both values.

#![no_main]

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use libfuzzer_sys::fuzz_target;
use mcpist::toon::encode;
use serde_json::{Map, Value, json};

/// Texts that are remembered.
const REMEMBERED: usize = 300_000;
/// Values with a longer text are not remembered: collisions are more likely among short ones.
const LONGEST: usize = 80;

/// The value of each text.
static SEEN: LazyLock<Mutex<HashMap<String, Value>>> = LazyLock::new(Mutex::default);

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        check(&value);
    }
    check(&Grammar(bytes).value(3));
});

fn check(value: &Value) {
    let text = encode(value);
    assert_eq!(encode(&value.clone()), text);
    check_lines(&text);
    if text.len() > LONGEST {
        return;
    }
    let value = canonical(value);
    let mut seen = SEEN.lock().expect("no holder panics");
    match seen.get(&text) {
        Some(other) => assert_eq!(*other, value, "two values with the text {text:?}"),
        None if seen.len() < REMEMBERED => drop(seen.insert(text, value)),
        None => {}
    }
}

fn check_lines(text: &str) {
    assert!(!text.contains(|c: char| c < ' ' && c != '\n'), "a control character in {text:?}");
    let mut depth = 0;
    for (number, line) in text.split('\n').enumerate() {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        assert!(
            !line.ends_with(' ') && (!line.is_empty() || text.is_empty()),
            "line {number} of {text:?} is empty or ends in a space"
        );
        assert!(
            spaces.is_multiple_of(2),
            "line {number} of {text:?} is indented by {spaces} spaces"
        );
        // A field of a list item stands one level below the item, and what it holds one below that.
        assert!(
            spaces / 2 <= depth + 2 && (number > 0 || spaces == 0),
            "line {number} of {text:?} is too deep"
        );
        depth = spaces / 2;
    }
}

/// The value as a text says it: numbers in their canonical form, and keys without an order.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            let text = mcpist::number::canonical(number);
            Value::Number(text.parse().expect("the canonical form is a number"))
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(fields) => {
            let mut fields: Map<_, _> =
                fields.iter().map(|(key, value)| (key.clone(), canonical(value))).collect();
            fields.sort_keys();
            Value::Object(fields)
        }
        _ => value.clone(),
    }
}

/// Makes a value of every input.
struct Grammar<'b>(&'b [u8]);

impl Grammar<'_> {
    const STRINGS: [&'static str; 32] = [
        "", "a", "b", " ", "a ", " a", "1", "-1", "01", "1.0", "1e5", "+1", "true", "null", "-",
        "- a", "#", "a,b", ",", ":", "a: b", "[0]:", "[]", "[1]{a}:", "{}", "\"", "\\", "\n", "\t",
        "\\n", "\u{feff}", "\u{7f}",
    ];
    const KEYS: [&'static str; 8] = ["a", "b", "", "a.b", "a b", "[1]", "-", "1"];

    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    fn value(&mut self, depth: usize) -> Value {
        let kind = self.byte();
        match kind % 8 {
            0 => Value::Null,
            1 => json!(kind >= 128),
            2 => [
                json!(0),
                json!(-0.0),
                json!(1),
                json!(1.0),
                json!(-1),
                json!(1.5),
                json!(1e21),
                json!(1e-7),
            ][kind / 32]
                .clone(),
            3 | 4 => json!(Self::STRINGS[self.byte() % Self::STRINGS.len()]),
            _ if depth == 0 => json!([]),
            5 | 6 => (0..self.byte() % 4).map(|_| self.value(depth - 1)).collect(),
            _ => Value::Object(
                (0..self.byte() % 4)
                    .map(|_| {
                        (
                            Self::KEYS[self.byte() % Self::KEYS.len()].to_owned(),
                            self.value(depth - 1),
                        )
                    })
                    .collect(),
            ),
        }
    }
}
