//! What is known of words: synonyms, three other languages, services, and topics without tools. The files beside this one.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::words::{is_ideograph, words};

/// Expressions of one word or more with what they mean, by their first word.
type Expressions = HashMap<String, Vec<(Vec<String>, Vec<&'static str>)>>;

/// The files, read once.
pub struct Data {
    /// Words that say little by themselves.
    pub stop: HashSet<&'static str>,
    /// An expression of one word or more, by its first word; the longest first.
    pub synonyms: Expressions,
    /// Words of other languages that are written out.
    pub foreign: HashMap<&'static str, Vec<&'static str>>,
    /// Beginnings of words of other languages.
    pub foreign_starts: HashMap<&'static str, Vec<&'static str>>,
    /// Words of languages without spaces.
    pub ideographs: HashMap<&'static str, Vec<&'static str>>,
    /// Names of services by their first word, with the modules for them.
    pub services: Expressions,
    /// Words that name a service only beside another one.
    pub hints: HashMap<&'static str, &'static str>,
    /// Words for what no tool is for.
    pub topics: HashSet<&'static str>,
    /// Verbs that ask to change something, as a query begins.
    pub writing: HashSet<&'static str>,
    /// Words that ask to show something, as a query begins.
    pub reading: HashSet<&'static str>,
    /// What follows is a title or a subject, and no word for a tool.
    pub quoting: HashSet<&'static str>,
    /// Every English word above, for spelling.
    pub known: HashSet<String>,
}

/// The data.
pub static DATA: LazyLock<Data> = LazyLock::new(read);

/// The lines of a file without comments.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// `left = right right`.
fn sides(line: &'static str) -> (&'static str, Vec<&'static str>) {
    let (left, right) = line.split_once('=').unwrap_or((line, ""));
    (left.trim(), right.split_whitespace().collect())
}

fn read() -> Data {
    let mut synonyms: Expressions = HashMap::new();
    let mut known = HashSet::new();
    for (said, means) in lines(include_str!("synonyms.txt")).map(sides) {
        let said = words(said);
        known.extend(said.iter().cloned().chain(means.iter().map(|word| (*word).to_owned())));
        synonyms.entry(said[0].clone()).or_default().push((said, means));
    }
    let mut services: Expressions = HashMap::new();
    let mut hints = HashMap::new();
    for (names, modules) in lines(include_str!("services.txt")).map(sides) {
        for name in names.split(',').map(str::trim) {
            if let Some(word) = name.strip_suffix('*') {
                hints.insert(word, modules[0]);
                continue;
            }
            let name = words(name);
            known.extend(name.iter().cloned());
            services.entry(name[0].clone()).or_default().push((name, modules.clone()));
        }
    }
    for expressions in synonyms.values_mut().chain(services.values_mut()) {
        expressions.sort_by_key(|(said, _)| std::cmp::Reverse(said.len()));
    }
    let (mut foreign, mut foreign_starts, mut ideographs) =
        (HashMap::new(), HashMap::new(), HashMap::new());
    for (word, means) in lines(include_str!("lexicon.txt")).map(sides) {
        match word.strip_suffix('*') {
            Some(start) => foreign_starts.insert(start, means),
            None if word.starts_with(is_ideograph) => ideographs.insert(word, means),
            None => foreign.insert(word, means),
        };
    }
    let all = |text: &'static str| lines(text).flat_map(str::split_whitespace).collect();
    let (stop, topics): (HashSet<&str>, HashSet<&str>) =
        (all(include_str!("stop.txt")), all(include_str!("topics.txt")));
    known.extend(stop.iter().chain(&topics).map(|word| (*word).to_owned()));
    let intents = |wanted: &str| -> HashSet<&'static str> {
        let found =
            lines(include_str!("intents.txt")).map(sides).filter(|(name, _)| *name == wanted);
        found.flat_map(|(_, words)| words).collect()
    };
    let (writing, reading, quoting) = (intents("writing"), intents("reading"), intents("quoting"));
    known.extend(writing.iter().chain(&reading).chain(&quoting).map(|word| (*word).to_owned()));
    Data {
        stop,
        synonyms,
        foreign,
        foreign_starts,
        ideographs,
        services,
        hints,
        topics,
        writing,
        reading,
        quoting,
        known,
    }
}

impl Data {
    /// The English words for a word of another language; also for one that is put together from two.
    pub fn translated(&self, word: &str) -> Option<Vec<&'static str>> {
        self.translated_whole(word).or_else(|| {
            /// Shorter parts are found in too many words.
            const SHORTEST: usize = 4;
            let ends = word.char_indices().map(|(at, _)| at);
            ends.filter(|at| *at >= SHORTEST && word.len() - at >= SHORTEST).find_map(|at| {
                let (first, second) = word.split_at(at);
                // German joins with an `s`.
                let first = self
                    .exactly(first)
                    .or_else(|| self.exactly(first.strip_suffix(['s', 'n'])?))?;
                let second = self.translated_whole(second)?;
                Some(first.into_iter().chain(second).collect())
            })
        })
    }

    fn exactly(&self, word: &str) -> Option<Vec<&'static str>> {
        self.foreign.get(word).or_else(|| self.foreign_starts.get(word)).cloned()
    }

    fn translated_whole(&self, word: &str) -> Option<Vec<&'static str>> {
        let starts = word.char_indices().map(|(at, _)| at).chain([word.len()]).rev();
        self.foreign.get(word).cloned().or_else(|| {
            starts
                .take_while(|end| *end >= 3)
                .find_map(|end| self.foreign_starts.get(&word[..end]))
                .cloned()
        })
    }

    /// The English words for the words of a text without spaces, an entry a word; the longest word wins.
    pub fn segmented(&self, text: &str) -> Vec<Vec<&'static str>> {
        /// No entry of the lexicon is longer, in characters.
        const LONGEST: usize = 12;
        let mut found = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let ends: Vec<usize> =
                rest.char_indices().map(|(at, c)| at + c.len_utf8()).take(LONGEST).collect();
            let hit =
                ends.iter().rev().find_map(|end| Some((self.ideographs.get(&rest[..*end])?, *end)));
            let length = match hit {
                Some((means, length)) => {
                    found.push(means.clone());
                    length
                }
                None => first.len_utf8(),
            };
            rest = &rest[length..];
        }
        found
    }
}
