//! From a tool's rules as written to its checked ones.

use std::collections::BTreeMap;

use serde_json::Value;

use super::location::Location;
use super::raw;
use super::read::Reader;
use crate::engine::request::{Body, ParamTarget};
use crate::engine::rules::{Rules, Term};
use crate::engine::schema::Kind;
use crate::engine::{Param, Presence, Work};
use crate::upstream::Method;

/// The rules of a tool; those that are wrong are left out.
pub fn read(
    reader: &mut Reader<'_>,
    tool: Location<'_>,
    raw: raw::Rules,
    params: &[Param],
) -> Rules {
    let mut read = Read { reader, params };
    let rules = Rules {
        one_of: read.groups(tool.member("one_of"), raw.one_of),
        any_of: read.groups(tool.member("any_of"), raw.any_of),
        needs: read.relations(tool.member("needs"), raw.needs),
        at_most_one_of: read.groups(tool.member("at_most_one_of"), raw.at_most_one_of),
        implies: read.relations(tool.member("implies"), raw.implies),
        changes: raw
            .changes
            .map(|changes| read.changes(tool.member("changes"), changes))
            .unwrap_or_default(),
    };
    read.check(tool, &rules);
    rules
}

/// The params of a request that changes something by naming what: services take a PATCH without any, and answer as if they
/// had made a change.
pub fn changes_of(work: &Work, params: &[Param]) -> Vec<String> {
    let Work::Request(template, _) = work else { return Vec::new() };
    let is_open = template.method == Method::Patch
        && matches!(&template.body, Body::Json(fixed) if fixed.is_empty());
    let of_body = params.iter().filter(|param| matches!(param.place, ParamTarget::Body(_)));
    if is_open && of_body.clone().all(|param| param.presence == Presence::Optional) {
        of_body.map(|param| param.name.clone()).collect()
    } else {
        Vec::new()
    }
}

struct Read<'r, 'f> {
    reader: &'r mut Reader<'f>,
    params: &'r [Param],
}

impl Read<'_, '_> {
    fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|param| param.name == name)
    }

    fn add(&mut self, place: Location<'_>, problem: impl Into<String>) {
        self.reader.add(place, problem);
    }

    /// A param's name, or `name=value`.
    fn term(&mut self, place: Location<'_>, text: &str) -> Option<Term> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let Some(param) = self.param(name) else {
            self.add(place, format!("`{name}` is not a param of this tool"));
            return None;
        };
        let Some(written) = value else {
            if param.presence != Presence::Optional {
                self.add(
                    place,
                    format!("`{name}` is always there: it is required or has a default; `{name}=value` means one value"),
                );
                return None;
            }
            return Some(Term { param: name.to_owned(), value: None });
        };
        let value = match param.schema.kind {
            Kind::String => Some(Value::from(written)),
            _ => serde_json::from_str(written).ok(),
        };
        let value = value.filter(|value| param.schema.accepts(value));
        if value.is_none() {
            self.add(place, format!("`{written}` is not a value of `{name}`"));
        }
        value.map(|value| Term { param: name.to_owned(), value: Some(value) })
    }

    fn terms(&mut self, place: Location<'_>, texts: &[String]) -> Vec<Term> {
        let mut terms: Vec<Term> = Vec::new();
        for text in texts {
            let Some(term) = self.term(place, text) else { continue };
            if terms.contains(&term) {
                self.add(place, format!("`{text}` is there twice"));
            }
            terms.push(term);
        }
        terms
    }

    fn groups(&mut self, place: Location<'_>, groups: Vec<Vec<String>>) -> Vec<Vec<Term>> {
        let mut read = Vec::new();
        for group in groups {
            if group.len() < 2 {
                self.add(place, "must be a list of groups, each of two params or more");
            }
            read.push(self.terms(place, &group));
        }
        read
    }

    fn relations(
        &mut self,
        place: Location<'_>,
        relations: BTreeMap<String, Vec<String>>,
    ) -> Vec<(Term, Vec<Term>)> {
        let mut read = Vec::new();
        for (name, others) in &relations {
            if others.is_empty() {
                self.add(place.detail(name), format!("`{name}` names no other param"));
            }
            let term = self.term(place.detail(name), name);
            let others = self.terms(place.detail(name), others);
            read.extend(term.map(|term| (term, others)));
        }
        read
    }

    fn changes(&mut self, place: Location<'_>, changes: raw::Changes) -> Vec<String> {
        let is_sent = |param: &&Param| {
            !matches!(param.place, ParamTarget::Path { .. } | ParamTarget::Query { .. })
        };
        let names = match changes {
            raw::Changes::All(true) => {
                let optional =
                    self.params.iter().filter(|param| param.presence == Presence::Optional);
                optional.filter(is_sent).map(|param| param.name.clone()).collect()
            }
            raw::Changes::All(false) => Vec::new(),
            raw::Changes::These(names) => names,
        };
        if names.is_empty() {
            self.add(place, "must be true, or a list of the optional params that change something");
        }
        for name in &names {
            let _ = self.term(place, name);
        }
        names
    }

    /// Rules that no arguments can keep.
    fn check(&mut self, tool: Location<'_>, rules: &Rules) {
        for (term, implied) in &rules.implies {
            for other in implied {
                if other.value.is_none() || other.param == term.param {
                    self.add(
                        tool.member("implies").detail(&term.param),
                        format!(
                            "{term} must imply a value of another param, such as `state=closed`"
                        ),
                    );
                }
            }
        }
        let alternatives = || rules.one_of.iter().chain(&rules.at_most_one_of);
        let apart = |one: &Term, two: &Term| {
            let has = |group: &[Term], term| group.iter().any(|general| covers(general, term));
            one.param != two.param && alternatives().any(|group| has(group, one) && has(group, two))
        };
        for (member, relations) in [("needs", &rules.needs), ("implies", &rules.implies)] {
            for (term, others) in relations {
                for other in others {
                    if term == other {
                        self.add(
                            tool.member(member).detail(&term.param),
                            format!("{term} needs itself"),
                        );
                    } else if apart(term, other) {
                        self.add(
                            tool.member(member).detail(&term.param),
                            format!("{term} can never be given: it {member} {other}, which does not go with it"),
                        );
                    }
                }
            }
        }
    }
}

/// Whether what is meant by the second is also meant by the first.
fn covers(general: &Term, special: &Term) -> bool {
    general.param == special.param && (general.value.is_none() || general.value == special.value)
}
