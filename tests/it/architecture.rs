//! The rules of ARCHITECTURE.md that a search can check. Each message says which rule, where, and why the rule exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every room with the rooms that it may import, from the top to the ground: a room imports only rooms below it, so there is no
/// cycle, and each room could be a crate.
#[rustfmt::skip]
const ROOMS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["config", "page", "app", "hosted", "local", "transport", "http", "mcp", "modules", "openapi", "manifest", "engine", "exporter", "upstream", "access", "telemetry", "cancellation", "error", "json", "names", "os"]),
    ("config", &["hosted", "transport", "http", "engine", "access", "telemetry", "names", "secret"]),
    ("page", &["transport", "http", "access", "error", "hex", "random", "secret", "sync"]),
    ("app", &["batch", "transport", "mcp", "modules", "engine", "upstream", "access", "search", "telemetry", "toon", "cancellation", "error", "hex", "json", "names", "parallel", "random", "sync", "time"]),
    ("batch", &["engine", "parallel", "error", "json"]),
    ("hosted", &["upstream", "access", "telemetry", "cancellation", "error", "hex", "secret", "sync", "time"]),
    ("local", &["access", "error", "os", "random", "secret"]),
    ("transport", &["http", "mcp", "access", "cancellation", "error", "json", "names", "random", "sync"]),
    ("http", &["telemetry", "os", "sync"]),
    ("mcp", &["access", "telemetry", "cancellation", "error", "json", "random", "sync"]),
    ("modules", &["manifest", "engine", "upstream", "recurrence", "toon", "error", "hex", "json", "time"]),
    ("openapi", &["manifest", "engine", "upstream", "json"]),
    ("manifest", &["engine", "upstream", "access", "error", "json"]),
    ("engine", &["upstream", "access", "cancellation", "error", "json", "names", "number", "time"]),
    ("exporter", &["upstream", "telemetry", "random", "sync"]),
    ("upstream", &["access", "telemetry", "cancellation", "error", "sync", "time"]),
    ("access", &["telemetry", "error", "random", "secret", "sync", "time"]),
    ("recurrence", &["time"]),
    ("search", &[]),
    ("telemetry", &["error", "secret", "sync", "time"]),
    ("toon", &["json", "number"]),
    ("parallel", &["error"]),
    ("cancellation", &[]),
    ("error", &["json"]),
    ("hex", &[]),
    ("json", &[]),
    ("names", &[]),
    ("number", &[]),
    ("os", &[]),
    ("random", &[]),
    ("secret", &[]),
    ("sync", &[]),
    ("time", &[]),
];

/// Words that only some places may contain. A place is a room or a file, given as the beginning of its path below `src`.
struct Rule {
    /// Any of these words.
    words: &'static [&'static str],
    /// The places that may contain them.
    places: &'static [&'static str],
    /// Why the rule exists.
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        words: &["env::var", "env::vars", "vars_os"],
        places: &["config/"],
        why: "only `config` reads the environment, so that every variable is checked once and documented",
    },
    Rule {
        words: &["File::", "fs::", "TcpListener", "TcpStream", "stdin()", "stdout()", "stderr()"],
        places: &[
            "http/",
            "upstream/",
            "transport/stdio.rs",
            "cli/",
            "modules/folder.rs",
            "local/state.rs",
            "telemetry/log.rs",
            "os/",
        ],
        why: "input and output have few places, so that all others can be tested without any",
    },
    Rule {
        words: &[".expose()"],
        places: &[
            "upstream/mod.rs",         // the `Authorization` header
            "upstream/breaker.rs",     // hashed: a breaker for each credential
            "upstream/failure.rs",     // to redact it from what a service answers
            "hosted/control_plane.rs", // the headers for the control plane
            "hosted/broker.rs",        // hashed, to name a refused credential
            "hosted/sieve.rs",         // hashed, as a key of the cache
            "exporter.rs",             // the headers for a collector
            "config/",                 // its form is checked
            "cli/setup.rs",            // the seal's key, and the control plane's
            "cli/check.rs",            // the headers for a collector
            "local/authenticator.rs",  // hashed, to compare with what a client shows
            "local/state.rs",          // written to the state folder
            "page/key.rs",             // the key of an HMAC
        ],
        why: "a credential is exposed where it is sent, hashed or redacted, and nowhere else",
    },
    Rule {
        words: &["is_modern", "Version::V20"],
        places: &["mcp/"],
        why: "only `mcp` decides how the two eras of the protocol differ",
    },
    Rule {
        words: &["cfg(unix)", "cfg(windows)", "std::os::", "nix::"],
        places: &["os/"],
        why: "differences between operating systems are in one small room",
    },
    Rule {
        words: &["unsafe ", "async fn", "tokio"],
        places: &[],
        why: "no `unsafe` and no async runtime: a thread for each active connection",
    },
    Rule {
        words: &["jwt_simple::reexports"],
        places: &[],
        why: "a dependency is named in Cargo.toml with its reason, and not taken from another one's drawer",
    },
];

/// A source file: its path below `src`, and its code without comments and unit tests.
struct Source {
    path: String,
    room: String,
    code: Vec<(usize, String)>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let relative = |file: &PathBuf| {
        let path = file.strip_prefix(&root).expect("it is below src");
        path.to_string_lossy().replace('\\', "/")
    };
    files.iter().map(|file| Source::read(relative(file), file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    fn read(path: String, file: &Path) -> Self {
        let text = fs::read_to_string(file).expect("a source is text");
        let top = path.split('/').next().unwrap_or_default();
        let room = top.strip_suffix(".rs").unwrap_or(top).to_owned();
        let until_tests = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code = until_tests
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default().to_owned()))
            .collect();
        Self { path, room, code }
    }

    /// The rooms that the code names as `crate::<room>`, or `mcpist::<room>` in main.rs, each with its first line.
    fn imports(&self) -> BTreeMap<String, usize> {
        let mut imports = BTreeMap::new();
        for (line, code) in &self.code {
            for start in ["crate::", "mcpist::"] {
                for rest in code.split(start).skip(1) {
                    // `crate::room::…`, or `crate::{one, other::…}` on one line.
                    let names: Vec<&str> = match rest.strip_prefix('{') {
                        Some(group) => {
                            group.split('}').next().unwrap_or_default().split(", ").collect()
                        }
                        None => vec![rest],
                    };
                    for name in names {
                        let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '_');
                        let name = &name[..end.unwrap_or(name.len())];
                        if !name.is_empty() && name != self.room {
                            imports.entry(name.to_owned()).or_insert(*line);
                        }
                    }
                }
            }
        }
        imports
    }
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "{} rules are broken:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn a_room_imports_only_the_rooms_that_the_table_names() {
    let table: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut problems = Vec::new();
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for source in sources().iter().filter(|source| source.room != "lib") {
        let Some(allowed) = table.get(source.room.as_str()) else {
            problems.push(format!(
                "src/{}: the room `{}` is not in the table of tests/it/architecture.rs",
                source.path, source.room
            ));
            continue;
        };
        for (room, line) in source.imports() {
            if !table.contains_key(room.as_str()) {
                continue;
            }
            used.insert((source.room.clone(), room.clone()));
            if !allowed.contains(&room.as_str()) {
                problems.push(format!(
                    "src/{}:{line}: `{}` may not import `{room}`: imports point one way, so that a room can be read, tested and replaced by itself",
                    source.path, source.room
                ));
            }
        }
    }
    for (room, allowed) in ROOMS {
        for other in *allowed {
            if !used.contains(&((*room).to_owned(), (*other).to_owned())) {
                problems
                    .push(format!("`{room}` no longer imports `{other}`: take it from the table"));
            }
        }
    }
    report(&problems);
}

#[test]
fn the_table_of_rooms_has_no_cycle() {
    let place = |name: &str| ROOMS.iter().position(|(room, _)| *room == name);
    let mut problems = Vec::new();
    for (at, (room, allowed)) in ROOMS.iter().enumerate() {
        for other in *allowed {
            if place(other).is_none_or(|below| below <= at) {
                problems.push(format!("`{room}` may import `{other}`, which is not below it"));
            }
        }
    }
    report(&problems);
}

#[test]
fn what_has_its_place_is_nowhere_else() {
    let mut problems = Vec::new();
    let sources = sources();
    for rule in RULES {
        for source in &sources {
            if rule.places.iter().any(|place| source.path.starts_with(place)) {
                continue;
            }
            for (line, code) in &source.code {
                for word in rule.words.iter().filter(|word| has_word(code, word)) {
                    problems.push(format!("src/{}:{line}: `{word}`: {}", source.path, rule.why));
                }
            }
        }
    }
    report(&problems);
}

/// If the code has it, and not as the end of a longer name (`refs::` is not `fs::`).
fn has_word(code: &str, word: &str) -> bool {
    let in_names = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .any(|(at, _)| !(word.starts_with(in_names) && code[..at].ends_with(in_names)))
}

#[test]
fn imports_are_in_one_order() {
    // The standard library, then other crates, then our own, with a blank line between (rustfmt's `StdExternalCrate`).
    let group = |code: &str| match code.strip_prefix("use ").or(code.strip_prefix("pub use "))? {
        path if path.starts_with("std::") => Some(0),
        path if ["crate::", "super::", "self::"].iter().any(|own| path.starts_with(own)) => Some(2),
        _ => Some(1),
    };
    let mut problems = Vec::new();
    for source in sources() {
        let mut last = 0;
        for (line, code) in &source.code {
            match group(code) {
                // A file's own modules are re-exported by name, as other crates are used.
                Some(found) if found < last && found == 0 => problems.push(format!(
                    "src/{}:{line}: the standard library comes first, then other crates, then `crate` and `super`",
                    source.path
                )),
                Some(found) => last = found,
                None => {}
            }
        }
    }
    report(&problems);
}

/// Words that comments must not use, each with the plain form (CONTRIBUTING.md, "English"). Words in backticks and quotes are
/// names or examples, and are not checked.
const BANNED: &[(&str, &str)] = &[
    ("told", "write `reports`, `returns` or `says`"),
    ("tells", "write `reports`, `returns` or `says`"),
    ("none where", "write `None` with `if`"),
    ("none when", "write `None` with `if`"),
    ("none if", "write `None` with `if`"),
    ("whoever", "name the person: a user, a caller, a client"),
    ("nobody", "name the person: no user, no caller"),
    ("somebody", "name the person: a user, a caller"),
    ("is none of", "write `is not one of`"),
    ("is no valid", "write `is not a valid`"),
    ("that is none", "write `that is not valid`"),
    ("that are none", "write `that are not valid`"),
    ("has to be", "write `must be`"),
    ("have to be", "write `must be`"),
    ("may not be undone", "write `cannot be undone`"),
    ("mend", "write `fix`"),
    ("mends", "write `fixes`"),
    ("thrice", "write `three times`"),
    ("in vain", "write that it fails again"),
    ("so many", "write the number: `this many`, `at most`"),
    ("of now", "write `current`"),
    ("of then", "write `of that version` or `previous`"),
    ("it is looked", "use the active voice: `checks`"),
    ("what is wrong is", "name the subject: `an invalid value is`"),
    ("what is wrong stops", "name the subject: `an invalid value stops`"),
];

/// The folders with Rust sources.
const RUST: &[&str] = &[
    "src",
    "tests/it",
    "tests/conformance",
    "benches",
    "examples",
    "fuzz/fuzz_targets",
    "scripts",
];

#[test]
fn comments_are_in_plain_english() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("build.rs")];
    for folder in RUST {
        collect_all(&root.join(folder), &mut files);
    }
    files.sort();
    let mut problems = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).expect("a source is text");
        let place = file.strip_prefix(root).expect("it is below the root").display();
        for (at, comment) in comments(&text) {
            let plain = without_quotes(&comment).to_lowercase();
            for (phrase, right) in BANNED {
                if has_phrase(&plain, phrase) {
                    problems.push(format!("{place}:{at}: `{phrase}`: {right}"));
                }
            }
            if comment.starts_with("None ") || comment.starts_with("Has the ") {
                problems.push(format!("{place}:{at}: begin with \"`None` if …\" or with a verb"));
            }
        }
    }
    assert!(files.len() > 200, "only {} files were found", files.len());
    report(&problems);
}

/// Every Rust file below a folder, unit tests included.
fn collect_all(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "node_modules") {
            collect_all(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The comments that have lines of their own, each block as one text with the number of its first line.
fn comments(text: &str) -> Vec<(usize, String)> {
    let mut comments: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (at, line) in text.lines().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix("//") else {
            goes_on = false;
            continue;
        };
        let comment = comment.trim_start_matches(['/', '!']).trim();
        match comments.last_mut() {
            Some((_, block)) if goes_on && !comment.is_empty() => {
                block.push(' ');
                block.push_str(comment);
            }
            _ => comments.push((at + 1, comment.to_owned())),
        }
        goes_on = !comment.is_empty();
    }
    comments
}

/// The text without what is in backticks or double quotes.
fn without_quotes(text: &str) -> String {
    let outside = |text: &str, mark| text.split(mark).step_by(2).collect::<Vec<_>>().join(" ");
    outside(&outside(text, '`'), '"')
}

/// If the text has the phrase as whole words.
fn has_phrase(text: &str, phrase: &str) -> bool {
    let in_words = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(phrase).any(|(at, _)| {
        !text[..at].ends_with(in_words) && !text[at + phrase.len()..].starts_with(in_words)
    })
}

#[test]
fn a_banned_phrase_is_found_as_whole_words_across_lines() {
    let found = |text: &str, phrase: &str| {
        comments(text).iter().any(|(_, comment)| has_phrase(&without_quotes(comment), phrase))
    };
    assert!(found(
        "    /// Returns the name; none\n    /// where there is no name.\n",
        "none where"
    ));
    assert!(!found("/// A comment.\nfn mend() {}\n", "mend"));
    assert!(!found("/// Recommended, and `mend` is a name.\n", "mend"));
    assert!(!found("/// None.\n///\n/// Where it is.\n", "none. where"));
}
