//! Places in a module file, as findings name them.

use std::fmt;

/// A place in a module file while it is read. Each knows the one around it, so that a right file pays nothing for the names of its
/// places.
#[derive(Debug, Clone, Copy)]
pub struct Location<'a> {
    around: Option<&'a Location<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    /// The file as a whole.
    File,
    /// A member by the format's name for it.
    Member(&'static str),
    /// A member of which only the position counts: the problem itself names it.
    Detail(&'a str),
    /// An entry of a list of the file: what it is, the list's name, its number, its name where it has one.
    Numbered(&'static str, &'static str, usize, Option<&'a str>),
    /// An entry of an object of the file: what it is, the object's name, its own name.
    Entry(&'static str, &'static str, &'a str),
}

/// The file as a whole.
pub static FILE: Location<'static> = Location { around: None, step: Step::File };

impl<'a> Location<'a> {
    /// The member of this name.
    pub fn member(&'a self, name: &'static str) -> Self {
        self.inside(Step::Member(name))
    }

    /// The member that a problem is about and names itself.
    pub fn detail(&'a self, name: &'a str) -> Self {
        self.inside(Step::Detail(name))
    }

    /// An entry of the list `list`, counted from 0: `what` is the word for it.
    pub fn numbered(
        &'a self,
        what: &'static str,
        list: &'static str,
        at: usize,
        name: Option<&'a str>,
    ) -> Self {
        self.inside(Step::Numbered(what, list, at, name))
    }

    /// An entry of the member `object`: `what` is the word for it.
    pub fn entry(&'a self, what: &'static str, object: &'static str, name: &'a str) -> Self {
        self.inside(Step::Entry(what, object, name))
    }

    fn inside(&'a self, step: Step<'a>) -> Self {
        Self { around: Some(self), step }
    }

    /// The names that lead to it from the outside in; a list's entries go by their number.
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

/// As a person calls it: `tool list_issues, param owner`.
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
