//! What the arguments of a tool say about each other, which no JSON Schema that every client understands can say: checked before
//! anything is sent, and part of the tool's description.

use std::fmt;

use serde_json::Value;

use super::Param;
use super::module::Presence;
use crate::json::Object;

/// The rules of a tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Of each group exactly one is given.
    pub one_of: Vec<Vec<Term>>,
    /// Of each group not more than one is given.
    pub at_most_one_of: Vec<Vec<Term>>,
    /// Of each group at least one is given.
    pub any_of: Vec<Vec<Term>>,
    /// The first needs all of the others.
    pub needs: Vec<(Term, Vec<Term>)>,
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
    pub values: &'a mut Object,
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
        let alternatives = self.one_of.iter().map(|group| (group, true));
        let alternatives =
            alternatives.chain(self.at_most_one_of.iter().map(|group| (group, false)));
        for (group, needs_one) in alternatives {
            match given.keep_one(group)[..] {
                [] if needs_one => {
                    broken.push((names(group), format!("give one of {}", listed(group, "or"))));
                }
                [] | [_] => {}
                [one, ref others @ ..] => broken.push((
                    names(group),
                    format!("give only one of {one}, {}", listed(others, "and")),
                )),
            }
        }
        for group in self.any_of.iter().filter(|group| !group.iter().any(|term| given.says(term))) {
            broken.push((names(group), format!("give at least one of {}", listed(group, "or"))));
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
        for group in &self.at_most_one_of {
            sentences.push(format!("Give at most one of {}.", listed(group, "or")));
        }
        for group in &self.any_of {
            sentences.push(format!("Give at least one of {}.", listed(group, "or")));
        }
        let (pairs, needs) = self.pairs();
        for (one, two) in pairs {
            sentences.push(format!("{one} and {two} go together."));
        }
        for (term, needed) in grouped(&needs) {
            let verb = if are_one(&term) { "needs" } else { "need" };
            sentences.push(format!("{} {verb} {}.", listed(&term, "and"), listed(needed, "and")));
        }
        for (term, implied) in grouped(&self.implies) {
            let verb = if are_one(&term) { "means" } else { "mean" };
            sentences.push(format!("{} {verb} {}.", listed(&term, "and"), listed(implied, "and")));
        }
        sentences.join(" ")
    }
}

/// Terms, each with those that it needs.
type Needs = Vec<(Term, Vec<Term>)>;

impl Rules {
    /// The terms that need each other alone, and all other needs.
    fn pairs(&self) -> (Vec<(&Term, &Term)>, Needs) {
        let needs = |one: &Term, two: &Term| {
            self.needs.iter().any(|(term, needed)| term == one && needed[..] == [two.clone()])
        };
        let (mut pairs, mut others) = (Vec::new(), Vec::new());
        for (term, needed) in &self.needs {
            match &needed[..] {
                [only] if needs(only, term) => {
                    if !pairs.contains(&(only, term)) {
                        pairs.push((term, only));
                    }
                }
                _ => others.push((term.clone(), needed.clone())),
            }
        }
        (pairs, others)
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

/// Whether the terms are of one param, which is one subject of a sentence.
fn are_one(terms: &[&Term]) -> bool {
    terms.iter().all(|term| term.param == terms[0].param)
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

/// The terms in a sentence; values of one param together.
fn listed<T: AsRef<Term>>(terms: &[T], word: &str) -> String {
    let mut texts: Vec<(&Term, String)> = Vec::new();
    for term in terms.iter().map(AsRef::as_ref) {
        match (texts.last_mut(), &term.value) {
            (Some((last, text)), Some(value)) if last.param == term.param => {
                text.push('/');
                text.push_str(&as_text(value));
            }
            _ => texts.push((term, term.to_string())),
        }
    }
    let texts: Vec<_> = texts.into_iter().map(|(_, text)| text).collect();
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Hooks, Module, Tool, arguments};
    use crate::error::Error;

    fn tool(rules: Value) -> Tool {
        let text = json!({"in": "body", "type": "string", "description": "D"});
        let mut tool = json!({
            "name": "do_it", "description": "Do it.", "docs": "https://m.example/docs",
            "request": {"method": "POST", "path": "/{id}"},
            "params": {
                "id": {"in": "path", "type": "string", "required": true, "description": "D"},
                "a": text, "b": text, "c": text,
                "list": {"in": "body", "type": "array", "items": {"type": "string"}, "description": "D"},
                "state": {"in": "body", "type": "string", "enum": ["open", "closed"], "description": "D"},
                "kind": {"in": "body", "type": "string", "enum": ["user", "all"], "default": "user", "description": "D"},
                "on": {"in": "body", "type": "boolean", "description": "D"},
            },
            "output": {"done": "Done."},
        });
        for (name, rule) in rules.as_object().expect("rules are an object") {
            tool[name] = rule.clone();
        }
        let file = json!({
            "module": "m", "title": "M", "description": "D", "base_url": "https://m.example", "tools": [tool],
        });
        let module: Module =
            crate::manifest::parse("m.json", &file.to_string(), &Hooks::NONE).expect("it is right");
        module.tools[0].clone()
    }

    fn outcome(tool: &Tool, given: &Value) -> Result<Value, Error> {
        let mut given = given.as_object().expect("arguments are an object").clone();
        given.insert("id".to_owned(), "1".into());
        let mut checked = arguments::check(tool, given)?;
        checked.retain(|name, value| name != "id" && !(name == "kind" && value == "user"));
        Ok(checked.into())
    }

    #[track_caller]
    fn check(rules: Value, cases: &[(Value, Result<Value, &str>)]) {
        let tool = tool(rules);
        for (given, expected) in cases {
            match (outcome(&tool, given), expected) {
                (Ok(checked), Ok(expected)) => assert_eq!(checked, *expected, "{given}"),
                (Err(error), Err(part)) => {
                    assert!(error.message().contains(part), "{given}: {error}");
                }
                (outcome, _) => panic!("{given}: {outcome:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn exactly_one_of_a_group_is_given() {
        check(
            json!({"one_of": [["a", "b", "on=true"]]}),
            &[
                (json!({}), Err("give one of `a`, `b` or `on` true")),
                (json!({"on": false}), Err("give one of")),
                (json!({"on": "true"}), Ok(json!({"on": true}))),
                (json!({"a": "x"}), Ok(json!({"a": "x"}))),
                (json!({"a": "x", "b": " "}), Ok(json!({"a": "x"}))),
                (json!({"a": "", "b": ""}), Err("give one of")),
                (json!({"a": "x", "b": "y"}), Err("give only one of `a`, `b`")),
                (json!({"a": "x", "b": null}), Ok(json!({"a": "x"}))),
            ],
        );
    }

    #[test]
    fn at_least_one_of_a_group_is_given() {
        check(
            json!({"any_of": [["a", "list"]]}),
            &[
                (json!({}), Err("give at least one of `a` or `list`")),
                (json!({"list": []}), Err("give at least one of")),
                (json!({"list": ""}), Err("give at least one of")),
                (json!({"a": "x", "list": ["y"]}), Ok(json!({"a": "x", "list": ["y"]}))),
                (json!({"list": "y"}), Ok(json!({"list": ["y"]}))),
            ],
        );
    }

    #[test]
    fn a_param_needs_others() {
        check(
            json!({"needs": {"a": ["b", "c"], "state=closed": ["c"], "kind=all": ["on=true"]}}),
            &[
                (json!({}), Ok(json!({}))),
                (json!({"a": "x", "b": "y"}), Err("`a` needs `c`")),
                (json!({"a": "x"}), Err("`a` needs `b` and `c`")),
                (json!({"a": "x", "b": "y", "c": " "}), Err("`a` needs `c`")),
                (json!({"state": "open"}), Ok(json!({"state": "open"}))),
                (json!({"state": "closed"}), Err("`state` closed needs `c`")),
                (json!({"kind": "all", "on": false}), Err("`kind` all needs `on` true")),
            ],
        );
        // A default counts.
        check(
            json!({"needs": {"kind=user": ["a"]}}),
            &[
                (json!({}), Err("`kind` user needs `a`")),
                (json!({"kind": "all"}), Ok(json!({"kind": "all"}))),
            ],
        );
    }

    #[test]
    fn not_more_than_one_of_a_group_is_given() {
        check(
            json!({"at_most_one_of": [["a", "b"], ["kind=all", "c"]]}),
            &[
                (json!({}), Ok(json!({}))),
                (json!({"a": "x"}), Ok(json!({"a": "x"}))),
                (json!({"a": "", "b": ""}), Ok(json!({"a": "", "b": ""}))),
                (json!({"a": "x", "b": ""}), Ok(json!({"a": "x"}))),
                (json!({"a": "x", "b": "y"}), Err("give only one of `a`, `b`")),
                (json!({"c": "x"}), Ok(json!({"c": "x"}))),
                (json!({"c": "x", "kind": "all"}), Err("give only one of `kind` all, `c`")),
            ],
        );
    }

    #[test]
    fn a_param_means_the_value_of_another() {
        check(
            json!({"implies": {"a": ["state=closed"]}, "needs": {"state=closed": ["a"]}}),
            &[
                (json!({"a": "x"}), Ok(json!({"a": "x", "state": "closed"}))),
                (json!({"a": "x", "state": "closed"}), Ok(json!({"a": "x", "state": "closed"}))),
                (json!({"a": "x", "state": "open"}), Err("`a` does not go with `state` open")),
                (json!({"state": "closed"}), Err("`state` closed needs `a`")),
            ],
        );
    }

    #[test]
    fn a_change_changes_something() {
        let nothing = "There is nothing to change.";
        check(
            json!({"changes": ["a", "list"]}),
            &[
                (json!({}), Err(nothing)),
                (json!({"b": "x"}), Err(nothing)),
                (json!({"a": ""}), Ok(json!({"a": ""}))),
                (json!({"list": []}), Ok(json!({"list": []}))),
                (json!({"list": ""}), Err(nothing)),
                (json!({"a": 1, "b": [1]}), Err("`b` must be a string")),
            ],
        );
        let all = tool(json!({"changes": true}));
        assert_eq!(all.rules.changes, ["a", "b", "c", "list", "state", "on"]);
        let error = outcome(&all, &json!({})).expect_err("nothing would change");
        assert_eq!(
            error.hint(),
            Some("Give at least one of `a`, `b`, `c`, `list`, `state`, `on`.")
        );
    }

    #[test]
    fn everything_that_breaks_a_rule_is_reported_at_once() {
        let tool = tool(json!({"one_of": [["a", "b"]], "needs": {"c": ["on"]}}));
        let error = outcome(&tool, &json!({"c": "x", "state": "gone"})).expect_err("it is wrong");
        for part in ["`state` must be", "give one of `a` or `b`", "`c` needs `on`"] {
            assert!(error.message().contains(part), "{error}");
        }
        assert_eq!(
            error.data().expect("it has data")["fields"],
            json!(["state", "a", "b", "c", "on"])
        );
    }

    #[test]
    fn the_description_says_the_rules() {
        let check = |rules: Value, sentences: &str| {
            assert_eq!(tool(rules).description, format!("Do it.{sentences}"));
        };
        check(json!({}), "");
        check(json!({"changes": true}), "");
        check(json!({"one_of": [["a", "b"]]}), " Give one of `a` or `b`.");
        check(json!({"any_of": [["a", "on=true"]]}), " Give at least one of `a` or `on` true.");
        check(
            json!({"needs": {"a": ["c"], "b": ["c"], "state=closed": ["on"]}}),
            " `a` and `b` need `c`. `state` closed needs `on`.",
        );
        check(
            json!({"needs": {"state=closed": ["a"], "state=open": ["a"]}}),
            " `state` closed/open needs `a`.",
        );
        check(
            json!({"at_most_one_of": [["a", "b", "c"]]}),
            " Give at most one of `a`, `b` or `c`.",
        );
        check(
            json!({"needs": {"a": ["state=closed"], "state=closed": ["a"], "b": ["c"]}}),
            " `a` and `state` closed go together. `b` needs `c`.",
        );
        check(json!({"implies": {"a": ["state=closed"]}}), " `a` means `state` closed.");
    }
}
