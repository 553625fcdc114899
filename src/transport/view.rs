//! Which tools an address publishes: the query of the MCP endpoint, and the words of `mcpist stdio --view`.

use crate::error::{Error, quoted};
use crate::mcp::context::View;
use crate::names::{is_slip, nearest, plain};

/// The query parameters of the MCP endpoint.
const QUERY_NAMES: [&str; 6] = ["tools", "readonly", "format", "pin", "modules", "groups"];

/// Those that have a list of names, and can be given several times.
const LISTS: [&str; 3] = ["pin", "modules", "groups"];

/// The most names of one list.
const MOST_NAMES: usize = 200;

/// The maximum number of unknown query parameters in a report, and the maximum length of each in characters.
const REPORTED: (usize, usize) = (5, 40);

/// Reads the query of the MCP endpoint, which narrows the view that it begins with: what is read-only there stays so. Names are
/// compared without case, `_` and `-`.
///
/// # Errors
/// `Code::InvalidParams` for an invalid value, for two values that contradict each other, and for a name that is probably a
/// typo of a known one. Other unknown names are in [`View::unknown`].
pub fn read(base: &View, module: Option<&str>, query: &str) -> Result<View, Error> {
    let mut view = base.clone();
    if let Some(module) = module {
        (view.module, view.direct) = (Some(module.to_owned()), true);
    }
    let mut seen: Vec<(&str, String)> = Vec::new();
    for (given, value) in form_urlencoded::parse(query.as_bytes()) {
        let plain = plain(&given);
        let Some(name) = QUERY_NAMES.into_iter().find(|known| *known == plain) else {
            if let Some(near) = QUERY_NAMES.into_iter().find(|known| is_near(&plain, known)) {
                return Err(Error::invalid_params(format!("?{} is not known", quoted(&given)))
                    .with_hint(format!("Did you mean ?{near}=…?")));
            }
            let (names, characters) = REPORTED;
            let shown: String =
                given.chars().filter(char::is_ascii_graphic).take(characters).collect();
            if view.unknown.len() < names && !shown.is_empty() && !view.unknown.contains(&shown) {
                view.unknown.push(shown);
            }
            continue;
        };
        let wrong = |right: &str| {
            Error::invalid_params(format!("?{name}={} is not known", quoted(&value)))
                .with_hint(format!("Use {right}."))
        };
        if !LISTS.contains(&name) {
            if seen.iter().any(|(known, other)| *known == name && *other != value) {
                return Err(Error::invalid_params(format!("?{name} has two values"))
                    .with_hint("Give it once."));
            }
            seen.push((name, value.clone().into_owned()));
        }
        match (name, &*value) {
            ("tools", "direct") => view.direct = true,
            ("tools", "meta") => view.direct = false,
            ("tools", _) => return Err(wrong("?tools=direct or ?tools=meta")),
            ("readonly", "true") => view.read_only = true,
            ("readonly", "false") => view.read_only = base.read_only,
            ("readonly", _) => return Err(wrong("?readonly=true or ?readonly=false")),
            ("format", "json") => view.json = true,
            ("format", "toon") => view.json = false,
            ("format", _) => return Err(wrong("?format=json or ?format=toon")),
            (list, names) => {
                let list = match list {
                    "modules" => &mut view.modules,
                    "groups" => &mut view.groups,
                    _ => &mut view.pinned,
                };
                let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
                // Pins may be written as prompts cite tools: `github.get_me`.
                let is_pin = name == "pin";
                list.extend(
                    names.map(
                        |name| {
                            if is_pin { name.replacen('.', "_", 1) } else { name.to_owned() }
                        },
                    ),
                );
                if list.len() > MOST_NAMES {
                    return Err(Error::invalid_params(format!(
                        "?{name} has more than {MOST_NAMES} names"
                    )));
                }
                if name == "groups" && view.groups.iter().any(|group| !group.contains('.')) {
                    return Err(wrong("module.group, such as ?groups=github.issues"));
                }
            }
        }
    }
    Ok(view)
}

/// Returns whether an unknown name was probably meant to be a known one: they differ by one slip, or one continues the other.
fn is_near(name: &str, known: &str) -> bool {
    /// Shorter prefixes are too common.
    const SHORTEST: usize = 4;
    let continues = name.starts_with(known) || known.starts_with(name) && name.len() >= SHORTEST;
    continues
        || known.len() >= SHORTEST && is_slip(name, known)
        || nearest(name, [known].into_iter()).is_some() && known.len() > SHORTEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn a_query_becomes_a_view_and_a_wrong_value_is_refused_by_name() {
        let read = |module, query| super::read(&View::default(), module, query);
        assert_eq!(read(None, "").unwrap(), View::default());
        assert_eq!(
            read(None, "readonly=true&pin=github_get_me,github_search_code&format=json&utm=x")
                .unwrap(),
            View {
                read_only: true,
                json: true,
                pinned: vec!["github_get_me".to_owned(), "github_search_code".to_owned()],
                unknown: vec!["utm".to_owned()],
                ..View::default()
            }
        );
        assert_eq!(
            read(Some("github"), "").unwrap(),
            View { module: Some("github".to_owned()), direct: true, ..View::default() }
        );
        assert!(read(None, "readonly=yes").unwrap_err().to_string().contains("?readonly=true"));
        assert!(read(None, "tools=all").unwrap_err().to_string().contains("?tools=direct"));
    }

    #[test]
    fn a_name_is_known_in_any_spelling_and_a_near_miss_is_refused() {
        for query in
            ["read_only=true", "readOnly=true", "READ-ONLY=true", "readonly=true&read_only=true"]
        {
            assert!(read(&View::default(), None, query).unwrap().read_only, "{query}");
        }
        assert!(read(&View::default(), None, "Format=json").unwrap().json);
        let refused = |query: &str, says: &str| {
            let error = read(&View::default(), None, query).expect_err(query);
            assert_eq!(error.code(), Code::InvalidParams);
            assert!(error.to_string().contains(says), "{query}: {error}");
        };
        for near in [
            "readony",
            "redonly",
            "read",
            "readonlymode",
            "raedonly",
            "readonyl",
            "read_ony",
            "onlyread=1&readonlly",
        ] {
            refused(&format!("{near}=true"), "?readonly=");
        }
        refused("tool=direct", "?tools=");
        refused("fromat=json", "?format=");
        refused("pins=a", "?pin=");
        refused("readonly=TRUE", "?readonly=true");
        refused("readonly", "?readonly=true");
        refused("readonly=true&read_only=false", "two values");
        let unknown = |query: &str| read(&View::default(), None, query).unwrap().unknown;
        assert_eq!(unknown("utm_source=x&session=1&utm_source=y"), ["utm_source", "session"]);
        assert_eq!(unknown("a%0Ab%E2%80%AE=1&p=2&to=3&id=4"), ["ab", "p", "to", "id"]);
    }

    #[test]
    fn lists_of_names_narrow_a_view() {
        let view = super::read(
            &View::default(),
            None,
            "modules=github,jira&groups=github.issues&modules=notes&pin=github_list_*",
        )
        .unwrap();
        assert_eq!(view.modules, ["github", "jira", "notes"]);
        let shows = |module: &str| view.shows(module);
        assert_eq!(["github", "jira", "notes", "other"].map(shows), [true, true, true, false]);
        assert!(view.shows_group("github", "issues") && !view.shows_group("github", "gists"));
        assert!(view.shows_group("jira", "issues"));
        assert!(view.pins("github_list_issues") && !view.pins("github_get_issue"));
        assert_eq!(super::read(&View::default(), None, "modules=").unwrap(), View::default());
        let refused = super::read(&View::default(), None, "groups=issues").unwrap_err();
        assert!(refused.to_string().contains("?groups=github.issues"), "{refused}");
        let many = format!("pin={}", "a,".repeat(201));
        assert!(super::read(&View::default(), None, &many).is_err());
    }

    #[test]
    fn a_query_cannot_undo_what_the_server_was_started_with() {
        let base = View { read_only: true, direct: true, ..View::default() };
        let view = |query| super::read(&base, None, query).unwrap();
        assert!(view("").direct && view("readonly=false").read_only);
        assert!(!view("tools=meta").direct);
    }
}
