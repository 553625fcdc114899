//! Finds the positions of places in the text, and duplicate members.
//!
//! `serde_json` reports neither: a second member with the same name silently replaces the first.

use std::collections::HashSet;

use super::finding::{Finding, Position};

/// Returns the findings with their positions in a valid JSON text: the place itself, or the deepest existing part of its path.
pub fn located(text: &str, mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut offsets = vec![0; findings.len()];
    let paths: Vec<_> = findings
        .iter()
        .enumerate()
        .map(|(number, finding)| (number, finding.path.as_slice()))
        .collect();
    let mut walk = Walk {
        text,
        at: 0,
        found: &mut |finding, offset| offsets[finding] = offset,
        twice: &mut |_, _| {},
    };
    walk.value(&paths);
    for (finding, offset) in findings.iter_mut().zip(offsets) {
        finding.position = Some(position(text, offset));
    }
    findings
}

/// Returns duplicate member names in a valid JSON text, each with the position of the second; at most `most` of them.
pub fn repeated(text: &str, most: usize) -> Vec<(String, Position)> {
    let mut repeated = Vec::new();
    let mut twice = |name: String, offset| {
        if repeated.len() < most {
            repeated.push((name, position(text, offset)));
        }
    };
    Walk { text, at: 0, found: &mut |_, _| {}, twice: &mut twice }.value(&[]);
    repeated
}

fn position(text: &str, offset: usize) -> Position {
    let before = &text.as_bytes()[..offset];
    let line = before.split(|byte| *byte == b'\n').count();
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    Position { line, column }
}

/// Walks a valid JSON text once, so nothing needs to be checked; the depth is limited by `serde_json`.
struct Walk<'a> {
    text: &'a str,
    at: usize,
    /// Receives a path's number and the position to which it leads; the deepest position comes last.
    found: &'a mut dyn FnMut(usize, usize),
    /// Receives the name of a duplicate member, and its position.
    twice: &'a mut dyn FnMut(String, usize),
}

impl Walk<'_> {
    /// Walks a value; `paths` are the remaining parts of numbered paths.
    fn value(&mut self, paths: &[(usize, &[String])]) {
        match self.peek() {
            b'{' => self.members(paths),
            b'[' => self.entries(paths),
            b'"' => drop(self.string()),
            _ => {
                self.at += self.text[self.at..]
                    .bytes()
                    .take_while(|byte| !b",]} \t\r\n".contains(byte))
                    .count();
            }
        }
    }

    fn members(&mut self, paths: &[(usize, &[String])]) {
        self.at += 1;
        let mut names = HashSet::new();
        while self.peek() != b'}' {
            let start = self.at;
            let written = self.string();
            let name: String = serde_json::from_str(written).unwrap_or_else(|_| written.to_owned());
            self.peek();
            self.at += 1; // the colon
            let inner = self.inner(paths, &name, start);
            self.value(&inner);
            if !names.insert(name.clone()) {
                (self.twice)(name, start);
            }
            self.comma();
        }
        self.at += 1;
    }

    fn entries(&mut self, paths: &[(usize, &[String])]) {
        self.at += 1;
        let mut number = 0;
        while self.peek() != b']' {
            let inner = if paths.is_empty() {
                Vec::new()
            } else {
                self.inner(paths, &number.to_string(), self.at)
            };
            self.value(&inner);
            self.comma();
            number += 1;
        }
        self.at += 1;
    }

    /// Returns the paths that continue at the entry with this name.
    fn inner<'p>(
        &mut self,
        paths: &[(usize, &'p [String])],
        name: &str,
        offset: usize,
    ) -> Vec<(usize, &'p [String])> {
        let mut inner = Vec::new();
        for (number, path) in paths {
            if let Some((first, rest)) = path.split_first()
                && first == name
            {
                (self.found)(*number, offset);
                inner.push((*number, rest));
            }
        }
        inner
    }

    /// Reads a string in its written form, with its quotes.
    fn string(&mut self) -> &str {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while bytes[self.at] != b'"' {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        &self.text[start..self.at]
    }

    fn comma(&mut self) {
        if self.peek() == b',' {
            self.at += 1;
        }
    }

    /// Returns the next byte that is not white space.
    fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while bytes[self.at].is_ascii_whitespace() {
            self.at += 1;
        }
        bytes[self.at]
    }
}
