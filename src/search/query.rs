//! What a query asks for: its words with their alternatives, the services that it names.

use super::data::DATA;
use super::words::{is_ideograph, is_within, words};
use super::{Index, Scope};

/// Most words of a query that count.
const MOST_WORDS: usize = 40;

/// A query, understood.
#[derive(Debug, Default)]
pub struct Query {
    /// Its words, each with its alternatives.
    pub terms: Vec<Term>,
    /// The modules whose services it names.
    pub modules: Vec<String>,
    /// Whether it names a service for which there are no tools.
    pub absent: bool,
    /// Whether it asks to change something (`Some(true)`) or to show something.
    pub writes: Option<bool>,
    /// Its words as they are written.
    pub said: Vec<String>,
    /// Its words without any of the alternatives, for an exact name.
    pub plain: String,
}

/// A word of a query.
#[derive(Debug, Default)]
pub struct Term {
    /// Words of tools for it, each with its weight.
    pub alternatives: Vec<(String, f32)>,
    /// 1, or less for a word that says little.
    pub weight: f32,
    /// It names something that no tool is for.
    pub is_topic: bool,
}

/// A synonym counts less than the word itself, and a word that may be misspelt too.
const SYNONYM: f32 = 0.7;
const TRANSLATED: f32 = 0.9;
const CORRECTED: f32 = 0.85;
/// Of words that say little.
const STOP: f32 = 0.12;
/// Of a title or a subject that the query gives.
const QUOTED: f32 = 0.3;

/// A word of the query while it is read.
struct Word {
    /// The word, or one of another language's.
    said: String,
    /// What it is in English, if it is of another language.
    means: Vec<&'static str>,
    weight: f32,
}

impl Query {
    /// Reads a query against the words that the caller's tools have.
    pub fn read(text: &str, index: &Index, scope: &Scope) -> Self {
        let said = words(text);
        let mut query = Self { plain: said.concat(), ..Self::default() };
        let quoted = quoted_words(text);
        if has_issue_key(text) {
            query.add("issue", 0.6);
            query.modules.extend(index.has_module("jira", scope).then(|| "jira".to_owned()));
        }
        let mut read: Vec<Word> = Vec::new();
        // A word that is not in the lexicon of its language is not a misspelt English one.
        let is_foreign = said
            .iter()
            .any(|word| !Self::is_known(word, index, scope) && DATA.translated(word).is_some());
        for word in said.into_iter().take(MOST_WORDS) {
            if word.starts_with(is_ideograph) {
                let parts = DATA.segmented(&word).into_iter();
                read.extend(parts.filter(|means| !means.is_empty()).map(|means| Word {
                    said: String::new(),
                    means,
                    weight: 1.0,
                }));
            } else if !word.bytes().all(|byte| byte.is_ascii_digit()) {
                read.push(Self::word(word, is_foreign, index, scope));
            }
        }
        query.writes = intent(&read);
        let (mut at, mut is_quoted) = (0, false);
        while at < read.len() {
            if let Some(length) = query.service(&read[at..], index, scope) {
                at += length;
                continue;
            }
            query.expression(&read[at..]);
            let mut term = Term::of(&read[at]);
            if is_quoted || quoted.contains(&read[at].said) {
                term.weight = term.weight.min(QUOTED);
            }
            is_quoted |= at > 0 && DATA.quoting.contains(read[at].said.as_str());
            query.terms.push(term);
            at += 1;
        }
        if !query.modules.is_empty() {
            let hints = read.iter().filter_map(|word| {
                let mut words = word.means.iter().copied().chain([word.said.as_str()]);
                words.find_map(|word| DATA.hints.get(word))
            });
            let more = hints.filter(|module| index.has_module(module, scope));
            query.modules.extend(more.map(|module| (*module).to_owned()));
            query.modules.dedup();
        }
        query.said = read.into_iter().map(|word| word.said).collect();
        query.join_pull_requests();
        query
    }

    fn add(&mut self, word: &str, weight: f32) {
        let alternatives = vec![(word.to_owned(), 1.0)];
        self.terms.push(Term { alternatives, weight, is_topic: false });
    }

    fn is_known(word: &str, index: &Index, scope: &Scope) -> bool {
        DATA.known.contains(word) || index.has_word(word, scope)
    }

    fn word(word: String, is_foreign: bool, index: &Index, scope: &Scope) -> Word {
        if Self::is_known(&word, index, scope) {
            return Word { said: word, means: Vec::new(), weight: 1.0 };
        }
        if let Some(means) = DATA.translated(&word) {
            return Word { said: word, means, weight: 1.0 };
        }
        match corrected(&word, index, scope).filter(|_| !is_foreign) {
            Some(right) => Word { said: right, means: Vec::new(), weight: CORRECTED },
            None => Word { said: word, means: Vec::new(), weight: 1.0 },
        }
    }

    /// Takes the name of a service at the beginning; returns how many words it has.
    fn service(&mut self, read: &[Word], index: &Index, scope: &Scope) -> Option<usize> {
        let named = DATA.services.get(&read[0].said)?;
        let (name, modules) = named.iter().find(|(name, _)| {
            name.len() <= read.len() && name.iter().zip(read).all(|(name, word)| *name == word.said)
        })?;
        // An imported module can be for a service that we know only by name.
        let own = name.join("_");
        let mut found: Vec<String> = modules
            .iter()
            .copied()
            .chain([own.as_str()])
            .filter(|module| index.has_module(module, scope))
            .map(str::to_owned)
            .collect();
        self.absent |= found.is_empty();
        self.modules.append(&mut found);
        Some(name.len())
    }

    /// Adds what an expression of several words at the beginning means.
    fn expression(&mut self, read: &[Word]) {
        let Some(known) = DATA.synonyms.get(&read[0].said) else { return };
        let found = known.iter().find(|(said, _)| {
            said.len() > 1
                && said.len() <= read.len()
                && said.iter().zip(read).all(|(said, word)| *said == word.said)
        });
        if let Some((_, means)) = found {
            let alternatives = means.iter().map(|word| ((*word).to_owned(), 1.0)).collect();
            self.terms.push(Term { alternatives, weight: 1.0, is_topic: false });
        }
    }

    /// `pull` and `request` beside each other are one word, as they are in the index.
    fn join_pull_requests(&mut self) {
        let is = |term: &Term, word: &str| {
            term.alternatives.first().is_some_and(|(first, _)| first.trim_end_matches('s') == word)
        };
        let mut at = 0;
        while at + 1 < self.terms.len() {
            let first = is(&self.terms[at], "pull") || is(&self.terms[at], "merge");
            if first && is(&self.terms[at + 1], "request") {
                self.terms.remove(at + 1);
                self.terms[at].alternatives = vec![("pullrequest".to_owned(), 1.0)];
            }
            at += 1;
        }
    }
}

impl Term {
    fn of(word: &Word) -> Self {
        let mut alternatives: Vec<(String, f32)> = Vec::new();
        let mut add = |word: &str, weight: f32| match alternatives
            .iter_mut()
            .find(|(known, _)| known == word)
        {
            Some((_, known)) => *known = known.max(weight),
            None => alternatives.push((word.to_owned(), weight)),
        };
        let single = |word: &str| {
            let known = DATA.synonyms.get(word).into_iter().flatten();
            known.filter(|(said, _)| said.len() == 1).flat_map(|(_, means)| means.iter().copied())
        };
        if word.means.is_empty() {
            add(&word.said, word.weight);
            single(&word.said).for_each(|synonym| add(synonym, SYNONYM * word.weight));
        }
        for english in &word.means {
            add(english, TRANSLATED);
            single(english).for_each(|synonym| add(synonym, SYNONYM * TRANSLATED));
        }
        let is_stop = DATA.stop.contains(word.said.as_str()) && word.means.is_empty();
        let is_topic = DATA.topics.contains(word.said.as_str())
            || word.means.iter().any(|word| DATA.topics.contains(word));
        Self { alternatives, weight: if is_stop { STOP } else { 1.0 }, is_topic }
    }
}

/// Whether the first words ask to change something.
fn intent(read: &[Word]) -> Option<bool> {
    let words = read.iter().take(4).flat_map(|word| {
        [word.said.as_str()]
            .into_iter()
            .filter(|_| word.means.is_empty())
            .chain(word.means.iter().copied())
    });
    let mut found = words.filter_map(|word| {
        let (writes, reads) = (DATA.writing.contains(word), DATA.reading.contains(word));
        (writes || reads).then_some(writes)
    });
    found.next()
}

/// The words in quotation marks.
fn quoted_words(text: &str) -> Vec<String> {
    let mut parts = text.split(['"', '“', '”', '„', '«', '»', '「', '」', '`']);
    let mut found = Vec::new();
    parts.next();
    while let (Some(inside), Some(_)) = (parts.next(), parts.next()) {
        found.extend(words(inside));
    }
    found
}

/// The known word that is nearest, if one is near enough: with one slip, or two in a long word.
fn corrected(word: &str, index: &Index, scope: &Scope) -> Option<String> {
    let length = word.chars().count();
    let most = match length {
        0..=2 => return None,
        3..=8 => 1,
        _ => 2,
    };
    let first = word.chars().next();
    let starts = |known: &str| known.chars().next() == first;
    let own_letters = letters(word);
    (1..=most).find_map(|most| {
        let is_near = |known: &str| {
            known.len() >= 4
                && known.len().abs_diff(word.len()) <= most
                // A slip changes two letters at most; this leaves few words for the slower comparison.
                && (letters(known) ^ own_letters).count_ones() as usize <= 2 * most
                && (length > 4 || starts(known))
                && (length > 3 || known.len() == 4)
                && is_within(word, known, most)
        };
        let of_tools = index.written.iter().filter(|(known, _)| is_near(known));
        let of_tools = of_tools.map(|(known, id)| (known.as_str(), scope.uses[*id]));
        let known = DATA.known.iter().filter(|known| is_near(known));
        of_tools
            .filter(|(_, uses)| *uses > 0)
            .chain(known.map(|known| (known.as_str(), 1)))
            // The beginning is seldom wrong.
            .max_by(|(one, uses), (other, others)| {
                (starts(one), uses, other).cmp(&(starts(other), others, one))
            })
            .map(|(known, _)| known.to_owned())
    })
}

/// The letters that a word has, a bit each.
fn letters(word: &str) -> u32 {
    let letters = word.bytes().filter(u8::is_ascii_lowercase);
    letters.fold(0, |bits, letter| bits | 1 << (letter - b'a'))
}

/// Whether the text has an issue's key, such as `PROJ-12`.
fn has_issue_key(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').any(|word| {
        word.split_once('-').is_some_and(|(project, number)| {
            project.len() >= 2
                && project.starts_with(|c: char| c.is_ascii_uppercase())
                && project.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    })
}
