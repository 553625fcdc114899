//! Errors in a module file, with their positions.

use std::fmt;

use super::location::Location;

/// An error in a module file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// The position in the text, if known.
    pub position: Option<Position>,
    /// The tool and the param, in words; empty for the whole file.
    pub place: String,
    /// What is wrong, and what would be right.
    pub problem: String,
    /// The names on the path to the place, outermost first.
    pub(super) path: Vec<String>,
}

/// A position in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The byte in the line, counted from 1.
    pub column: usize,
}

impl Finding {
    /// Returns a finding whose position is not known yet.
    pub(crate) fn new(file: &str, place: Location<'_>, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            position: None,
            place: place.to_string(),
            problem: problem.into(),
            path: place.path(),
        }
    }

    /// Returns the finding for a JSON syntax error.
    pub(super) fn of_json(file: &str, error: &serde_json::Error) -> Self {
        let position = Position { line: error.line(), column: error.column() };
        let problem = error.to_string();
        let problem = problem.split(" at line ").next().unwrap_or(&problem).to_owned();
        Self {
            file: file.to_owned(),
            position: (position.line > 0).then_some(position),
            place: String::new(),
            problem,
            path: Vec::new(),
        }
    }
}

/// Writes `FILE:LINE:COLUMN: place: problem`, without the unknown parts.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if let Some(Position { line, column }) = self.position {
            write!(formatter, ":{line}:{column}")?;
        }
        if !self.place.is_empty() {
            write!(formatter, ": {}", self.place)?;
        }
        write!(formatter, ": {}", self.problem)
    }
}
