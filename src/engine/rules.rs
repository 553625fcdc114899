//! What the arguments of a tool say about each other, which no JSON Schema that every client understands can say: checked before
//! anything is sent, and part of the tool's description.

use std::fmt;

use serde_json::{Map, Value};

use super::Param;
use super::module::Presence;

/// The rules of a tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Of each group exactly one is given.
    pub one_of: Vec<Vec<Term>>,
    /// Of each group at least one is given.
    pub any_of: Vec<Vec<Term>>,
    /// The first needs all of the others.
    pub needs: Vec<(Term, Vec<Term>)>,
    /// The first goes with none of the others.
    pub excludes: Vec<(Term, Vec<Term>)>,
    /// The first sets the others, which have values.
    pub implies: Vec<(Term, Vec<Term>)>,
    /// The params of which at least one is given, because the call changes nothing otherwise; empty without this rule.
    pub changes: Vec<String>,
}

/// A param, or a param with one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The param's name.
    pub param: String,
    /// The value that is meant; `None` for any.
    pub value: Option<Value>,
}

/// The arguments that the rules look at: in their types, without defaults.
#[derive(Debug)]
pub struct Given<'a> {
    /// The tool's params.
    pub params: &'a [Param],
    /// The values that are right.
    pub values: &'a mut Map<String, Value>,
    /// The names of those that are there with a wrong value.
    pub wrong: Vec<&'a str>,
}

impl Rules {
    /// Adds what is implied, drops the blank ones of several that exclude each other, and returns what breaks a rule: the params
    /// that it is about, and a sentence without its full stop.
    pub fn apply(&self, given: &mut Given<'_>) -> Vec<(Vec<String>, String)> {
        let mut broken = Vec::new();
        for (term, implied) in &self.implies {
            for implied in implied {
                if given.is_there(term) && !given.imply(implied) {
                    let name = &implied.param;
                    let value = given.values.get(name).map(as_text).unwrap_or_default();
                    broken.push((
                        vec![term.param.clone(), name.clone()],
                        format!("{term} does not go with `{name}` {value}: it means {implied}"),
                    ));
                }
            }
        }
        for group in &self.one_of {
            match given.keep_one(group)[..] {
                [] => broken.push((names(group), format!("give one of {}", listed(group, "or")))),
                [_] => {}
                [one, ref others @ ..] => broken.push((
                    names(group),
                    format!("give only one of {one}, {}", listed(others, "and")),
                )),
            }
        }
        for group in self.any_of.iter().filter(|group| !group.iter().any(|term| given.says(term))) {
            let text = match &group[..] {
                [only] => format!("give {only}"),
                _ => format!("give at least one of {}", listed(group, "or")),
            };
            broken.push((names(group), text));
        }
        for (term, others) in &self.excludes {
            for other in others {
                if let [one, two] = given.keep_one(&[term, other])[..] {
                    broken.push((
                        vec![one.param.clone(), two.param.clone()],
                        format!("{one} does not go with {two}: give one of them"),
                    ));
                }
            }
        }
        for (term, needed) in self.needs.iter().filter(|(term, _)| given.is_there(term)) {
            let missing: Vec<_> = needed.iter().filter(|needed| !given.says(needed)).collect();
            if !missing.is_empty() {
                broken.push((
                    std::iter::once(term.param.clone()).chain(names(&missing)).collect(),
                    format!("{term} needs {}", listed(&missing, "and")),
                ));
            }
        }
        broken
    }

    /// Whether the arguments change nothing.
    #[must_use]
    pub fn change_nothing(&self, given: &Given<'_>) -> bool {
        !self.changes.is_empty() && !self.changes.iter().any(|name| given.is_named(name))
    }

    /// The rules as sentences for a model; empty without any that a model has to know.
    #[must_use]
    pub fn described(&self) -> String {
        let mut sentences = Vec::new();
        for group in &self.one_of {
            sentences.push(format!("Give one of {}.", listed(group, "or")));
        }
        for group in &self.any_of {
            sentences.push(match &group[..] {
                [only] => format!("Give {only}."),
                _ => format!("Give at least one of {}.", listed(group, "or")),
            });
        }
        for (term, others) in grouped(&self.excludes) {
            let others = listed(others, "or");
            let verb = if term.len() == 1 { "does" } else { "do" };
            sentences.push(format!("{} {verb} not go with {others}.", listed(&term, "and")));
        }
        for (term, needed) in grouped(&self.needs) {
            let verb = if term.len() == 1 { "needs" } else { "need" };
            sentences.push(format!("{} {verb} {}.", listed(&term, "and"), listed(needed, "and")));
        }
        for (term, implied) in grouped(&self.implies) {
            let verb = if term.len() == 1 { "means" } else { "mean" };
            sentences.push(format!("{} {verb} {}.", listed(&term, "and"), listed(implied, "and")));
        }
        sentences.join(" ")
    }
}

/// The terms with the same others together.
fn grouped(rules: &[(Term, Vec<Term>)]) -> Vec<(Vec<&Term>, &[Term])> {
    let mut grouped: Vec<(Vec<&Term>, &[Term])> = Vec::new();
    for (term, others) in rules {
        match grouped.iter_mut().find(|(_, known)| known == others) {
            Some((terms, _)) => terms.push(term),
            None => grouped.push((vec![term], others)),
        }
    }
    grouped
}

impl Given<'_> {
    fn is_named(&self, name: &str) -> bool {
        self.values.contains_key(name) || self.wrong.contains(&name)
    }

    /// Whether the caller gives the param, or the value is in force.
    fn is_there(&self, term: &Term) -> bool {
        match &term.value {
            None => self.is_named(&term.param),
            Some(value) => self.in_force(&term.param) == Some(value),
        }
    }

    /// As [`Given::is_there`], and it is not blank.
    fn says(&self, term: &Term) -> bool {
        self.is_there(term) && !self.values.get(&term.param).is_some_and(is_blank)
    }

    fn in_force(&self, name: &str) -> Option<&Value> {
        self.values.get(name).or_else(|| {
            let param = self.params.iter().find(|param| param.name == name)?;
            match &param.presence {
                Presence::Default(value) if !self.wrong.contains(&name) => Some(value),
                _ => None,
            }
        })
    }

    /// Sets the value, unless the caller gives another one.
    fn imply(&mut self, implied: &Term) -> bool {
        let Some(value) = &implied.value else { return true };
        match self.values.get(&implied.param) {
            Some(given) => given == value,
            None if self.wrong.contains(&implied.param.as_str()) => true,
            None => {
                self.values.insert(implied.param.clone(), value.clone());
                true
            }
        }
    }

    /// The terms that say something. If there is one, those that are blank are dropped: clients fill in what they leave out.
    fn keep_one<'t, T: AsRef<Term>>(&mut self, group: &'t [T]) -> Vec<&'t Term> {
        let terms = group.iter().map(AsRef::as_ref);
        let said: Vec<&Term> = terms.clone().filter(|term| self.says(term)).collect();
        if !said.is_empty() {
            for term in terms.filter(|term| !said.contains(term)) {
                if self.values.get(&term.param).is_some_and(is_blank) {
                    self.values.shift_remove(&term.param);
                }
            }
        }
        said
    }
}

impl AsRef<Self> for Term {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// As people read it: the name in code, then the value.
impl fmt::Display for Term {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            None => write!(formatter, "`{}`", self.param),
            Some(value) => write!(formatter, "`{}` {}", self.param, as_text(value)),
        }
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn names<T: AsRef<Term>>(terms: &[T]) -> Vec<String> {
    terms.iter().map(|term| term.as_ref().param.clone()).collect()
}

fn listed<T: fmt::Display>(terms: &[T], word: &str) -> String {
    let texts: Vec<_> = terms.iter().map(ToString::to_string).collect();
    match &texts[..] {
        [first @ .., last] if !first.is_empty() => format!("{} {word} {last}", first.join(", ")),
        _ => texts.concat(),
    }
}

/// Whether a value is an empty text or list.
pub(super) fn is_blank(value: &Value) -> bool {
    match value {
        Value::String(text) => text.trim().is_empty(),
        Value::Array(entries) => entries.is_empty(),
        _ => false,
    }
}
