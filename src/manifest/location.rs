//! Places in a module file, as findings name them.

use std::fmt;

/// A place in a module file while it is read. Each place refers to its parent, so that names are built only for findings.
#[derive(Debug, Clone, Copy)]
pub struct Location<'a> {
    around: Option<&'a Location<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    /// Returns the place of the whole file.
    File,
    /// A member by its name in the format.
    Member(&'static str),
    /// A member of which only the position is needed: the message names it.
    Detail(&'a str),
    /// An entry of a list in the file: its kind, the list's name, its index, and its name if it has one.
    Numbered(&'static str, &'static str, usize, Option<&'a str>),
    /// An entry of an object in the file: its kind, the object's name, and its own name.
    Entry(&'static str, &'static str, &'a str),
}

/// Returns the place of the whole file.
pub static FILE: Location<'static> = Location { around: None, step: Step::File };

impl<'a> Location<'a> {
    /// Returns the member with this name.
    pub fn member(&'a self, name: &'static str) -> Self {
        self.inside(Step::Member(name))
    }

    /// Returns the member whose name is already in the message.
    pub fn detail(&'a self, name: &'a str) -> Self {
        self.inside(Step::Detail(name))
    }

    /// Returns an entry of the list `list`, counted from 0; `what` is its kind.
    pub fn numbered(
        &'a self,
        what: &'static str,
        list: &'static str,
        at: usize,
        name: Option<&'a str>,
    ) -> Self {
        self.inside(Step::Numbered(what, list, at, name))
    }

    /// Returns an entry of the member `object`; `what` is its kind.
    pub fn entry(&'a self, what: &'static str, object: &'static str, name: &'a str) -> Self {
        self.inside(Step::Entry(what, object, name))
    }

    fn inside(&'a self, step: Step<'a>) -> Self {
        Self { around: Some(self), step }
    }

    /// Returns the names on the path to it, outermost first; list entries are named by their index.
    pub fn path(&self) -> Vec<String> {
        let mut path = self.around.map_or_else(Vec::new, Location::path);
        match self.step {
            Step::File => {}
            Step::Member(name) | Step::Detail(name) => path.push(name.to_owned()),
            Step::Numbered(_, list, at, _) => path.extend([list.to_owned(), at.to_string()]),
            Step::Entry(_, object, name) => path.extend([object.to_owned(), name.to_owned()]),
        }
        path
    }
}

/// Returns the place in words: `tool list_issues, param owner`.
impl fmt::Display for Location<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(around) = self.around {
            around.fmt(formatter)?;
            if !matches!(around.step, Step::File | Step::Detail(_))
                && !matches!(self.step, Step::Detail(_))
            {
                formatter.write_str(", ")?;
            }
        }
        match self.step {
            Step::File | Step::Detail(_) => Ok(()),
            Step::Member(name) => formatter.write_str(name),
            Step::Numbered(what, _, at, None) => write!(formatter, "{what} {}", at + 1),
            Step::Numbered(what, _, _, Some(name)) | Step::Entry(what, _, name) => {
                write!(formatter, "{what} {name}")
            }
        }
    }
}
