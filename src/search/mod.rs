//! Finds tools by what a user says: BM25F over names, search words, parameters and descriptions, in memory and deterministic.
//!
//! Numbers about words are those of the tools that the caller sees: other tools change neither the order nor the hits.

mod data;
mod query;
mod words;

use std::collections::HashMap;

use query::{Query, Term};
use words::{stem, words};

/// What is known of a tool.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// The module's name.
    pub module: &'a str,
    /// The service's own name.
    pub module_title: &'a str,
    /// The tool's name.
    pub name: &'a str,
    /// The group that the tool is in.
    pub group: &'a str,
    /// What the tool does.
    pub description: &'a str,
    /// Words that people use for it.
    pub aliases: &'a [String],
    /// The names of its parameters.
    pub params: Vec<&'a str>,
    /// Whether it changes nothing.
    pub is_read_only: bool,
}

/// The tools that exist for some callers, and what is counted of their words.
#[derive(Debug)]
pub struct Scope {
    /// Whether a document's tool exists, in the index's order.
    seen: Vec<bool>,
    /// How many there are.
    count: f32,
    /// What each stem is worth (BM25's inverse document frequency).
    worth: Vec<f32>,
    /// How many tools have each written word.
    uses: Vec<u32>,
}

/// A tool that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The place of its document.
    pub document: usize,
    /// How well it fits.
    pub score: f32,
}

/// The weights of a word in each field.
const NAME: f32 = 8.0;
const ALIAS: f32 = 5.0;
const GROUP: f32 = 2.0;
const MODULE: f32 = 2.0;
const PARAM: f32 = 1.0;
const DESCRIPTION: f32 = 1.5;

/// BM25's k1: how soon more of a word is worth no more.
const SATURATION: f32 = 4.0;
/// What a word that is the beginning of another one counts.
const PREFIX: f32 = 0.6;
/// What the best alias and the name count beside the words.
const ALIAS_FIT: f32 = 0.9;
const NAME_FIT: f32 = 0.9;
/// What is left of a tool whose service the query does not name while it names another.
const OTHER_SERVICE: f32 = 0.3;
/// What is left of a tool that reads where the query asks for a change, or the other way round.
const OTHER_INTENT: f32 = 0.7;
/// What a word of the name that is said exactly so adds.
const SAID: f32 = 0.02;
/// A word that no tool has is worth as much as one that few tools have.
const UNKNOWN: f32 = 3.0;
/// Hits below this part of the best score are not reported.
const TAIL: f32 = 0.2;
/// How much of a query the best hit must have.
const LEAST_COVER: f32 = 0.34;
/// The same where the query has a word for what no tool is for.
const TOPIC_COVER: f32 = 0.6;

/// The index of all tools.
#[derive(Debug, Default)]
pub struct Index {
    /// Stems by themselves.
    stems: HashMap<String, usize>,
    /// The stems in the order of the alphabet, for beginnings.
    sorted: Vec<(String, usize)>,
    /// For each stem, the documents that have it, with its weight there.
    postings: Vec<Vec<(u32, f32)>>,
    /// The words as they are written, with the documents that have them.
    written: HashMap<String, usize>,
    uses: Vec<Vec<u32>>,
    documents: Vec<Entry>,
}

/// A tool in the index.
#[derive(Debug)]
struct Entry {
    module: String,
    name: String,
    is_read_only: bool,
    /// The words of its name.
    name_words: Vec<String>,
    /// The stems of its name, and of each alias.
    name_stems: Vec<usize>,
    aliases: Vec<Vec<usize>>,
}

impl Index {
    /// Builds the index.
    #[must_use]
    pub fn new<'a>(documents: impl Iterator<Item = Document<'a>>) -> Self {
        let mut index = Self::default();
        for document in documents {
            index.add(&document);
        }
        index.sorted = index.stems.iter().map(|(stem, id)| (stem.clone(), *id)).collect();
        index.sorted.sort_unstable();
        index
    }

    fn add(&mut self, document: &Document<'_>) {
        let id = u32::try_from(self.documents.len()).unwrap_or(u32::MAX);
        let mut weights: HashMap<usize, f32> = HashMap::new();
        let mut field = |index: &mut Self, text: &str, weight: f32| {
            let stems = index.stems_of(text, id);
            for stem in &stems {
                let known = weights.entry(*stem).or_default();
                // A word counts once a field: aliases repeat theirs.
                *known = if *known >= weight { *known + weight / 4.0 } else { *known + weight };
            }
            stems
        };
        let name_stems = field(self, document.name, NAME);
        let aliases =
            document.aliases.iter().map(|alias| field(self, alias, ALIAS)).collect::<Vec<_>>();
        field(self, document.group, GROUP);
        field(self, document.module, MODULE);
        field(self, document.module_title, MODULE);
        for param in &document.params {
            field(self, param, PARAM);
        }
        field(self, document.description, DESCRIPTION);
        for (stem, weight) in weights {
            self.postings[stem].push((id, weight));
        }
        self.documents.push(Entry {
            module: document.module.to_owned(),
            name: document.name.to_owned(),
            is_read_only: document.is_read_only,
            name_words: words(document.name),
            name_stems,
            aliases,
        });
    }

    /// The stems of a text, which become known.
    fn stems_of(&mut self, text: &str, document: u32) -> Vec<usize> {
        let words = words(text);
        for word in &words {
            let id = *self.written.entry(word.clone()).or_insert(self.uses.len());
            if id == self.uses.len() {
                self.uses.push(Vec::new());
            }
            if self.uses[id].last() != Some(&document) {
                self.uses[id].push(document);
            }
        }
        let mut stems = Vec::with_capacity(words.len());
        let mut at = 0;
        while at < words.len() {
            let next = words.get(at + 1).map(|word| stem(word));
            let joined = matches!(stem(&words[at]), "pull" | "merg") && next == Some("request");
            let stem = if joined { "pullrequest" } else { stem(&words[at]) };
            at += if joined { 2 } else { 1 };
            let id = self.stems.get(stem).copied().unwrap_or_else(|| {
                let id = self.postings.len();
                self.postings.push(Vec::new());
                self.stems.insert(stem.to_owned(), id);
                id
            });
            stems.push(id);
        }
        stems
    }

    /// What is counted of the tools that exist for some callers: an entry of `seen` for each document.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "there are some thousand tools")]
    pub fn scope(&self, seen: Vec<bool>) -> Scope {
        let is_seen = |document: u32| seen.get(document as usize).copied().unwrap_or_default();
        let count = seen.iter().filter(|seen| **seen).count() as f32;
        let worth = self.postings.iter().map(|documents| {
            let uses = documents.iter().filter(|(document, _)| is_seen(*document)).count();
            worth(count, uses as f32)
        });
        let worth = worth.collect();
        let count_of = |documents: &Vec<u32>| documents.iter().filter(|id| is_seen(**id)).count();
        let uses = self
            .uses
            .iter()
            .map(|documents| u32::try_from(count_of(documents)).unwrap_or(u32::MAX))
            .collect();
        Scope { seen, count, worth, uses }
    }

    /// Whether the caller sees a module of this name.
    fn has_module(&self, module: &str, scope: &Scope) -> bool {
        self.documents.iter().zip(&scope.seen).any(|(entry, seen)| *seen && entry.module == module)
    }

    /// Whether a tool that the caller sees has this word.
    fn has_word(&self, word: &str, scope: &Scope) -> bool {
        self.written.get(word).is_some_and(|id| scope.uses[*id] > 0)
    }

    /// The tools that fit the query, the best first, at most `limit`.
    #[must_use]
    pub fn search(&self, text: &str, scope: &Scope, limit: usize) -> Vec<Hit> {
        let query = Query::read(text, self, scope);
        let mut scores = Scores::new(self, scope, &query);
        scores.fit();
        scores.hits(limit)
    }
}

/// BM25's inverse document frequency of a word that `having` of `all` tools have.
fn worth(all: f32, having: f32) -> f32 {
    (1.0 + (all - having + 0.5) / (having + 0.5)).ln()
}

/// The scores of all documents for one query.
struct Scores<'a> {
    index: &'a Index,
    scope: &'a Scope,
    query: &'a Query,
    scores: Vec<f32>,
    /// Of each document, how much of the query it has; 1 is all.
    covers: Vec<f32>,
    /// Of each document, whether it has a word for every topic that no tool is for.
    topics: Vec<usize>,
    /// Of each stem, how well the query has it.
    matched: Vec<f32>,
    topics_asked: usize,
    fits: Vec<(f32, f32)>,
}

impl<'a> Scores<'a> {
    fn new(index: &'a Index, scope: &'a Scope, query: &'a Query) -> Self {
        let documents = index.documents.len();
        let mut scores = Self {
            index,
            scope,
            query,
            scores: vec![0.0; documents],
            covers: vec![0.0; documents],
            topics: vec![0; documents],
            matched: vec![0.0; index.postings.len()],
            topics_asked: 0,
            fits: vec![(0.0, 0.0); documents],
        };
        let mut whole = 0.0;
        for term in &query.terms {
            whole += scores.term(term);
        }
        if whole > 0.0 {
            scores.covers.iter_mut().for_each(|cover| *cover /= whole);
        }
        scores
    }

    /// Adds a word of the query; returns what it would be worth at most.
    #[expect(clippy::cast_precision_loss, reason = "there are some thousand tools")]
    fn term(&mut self, term: &Term) -> f32 {
        let mut best: HashMap<u32, (f32, f32)> = HashMap::new();
        let mut stems: HashMap<usize, f32> = HashMap::new();
        for (word, weight) in &term.alternatives {
            let stem = stem(word);
            let mut add = |id: usize, weight: f32| {
                let known = stems.entry(id).or_default();
                *known = known.max(weight);
            };
            if let Some(id) = self.index.stems.get(stem) {
                add(*id, *weight);
            }
            if term.weight >= 1.0 && stem.len() >= 3 {
                let sorted = &self.index.sorted;
                let start = sorted.partition_point(|(known, _)| known.as_str() <= stem);
                let longer = sorted[start..].iter().take_while(|(known, _)| {
                    known.starts_with(stem) && (stem.len() >= 4 || known.len() > 5)
                });
                longer.for_each(|(_, id)| add(*id, *weight * PREFIX));
                for end in (4..stem.len()).filter(|end| stem.is_char_boundary(*end)) {
                    if let Some(id) = self.index.stems.get(&stem[..end]) {
                        add(*id, *weight * PREFIX * 0.8);
                    }
                }
            }
        }
        for (id, weight) in &stems {
            for (document, tf) in &self.index.postings[*id] {
                if self.scope.seen[*document as usize] {
                    let value = weight * tf / (tf + SATURATION);
                    let known = best.entry(*document).or_default();
                    if value > known.0 {
                        *known = (value, *weight);
                    }
                }
            }
        }
        // Only the tools that have the word itself count: a synonym such as "create" does not make "remind" a common word.
        let nearest = best.values().map(|(_, weight)| *weight).fold(0.0, f32::max);
        let strong = best.values().filter(|(_, weight)| *weight >= nearest * 0.75).count() as f32;
        // A word that no tool has is worth as much as one that few have.
        let most = worth(self.scope.count, UNKNOWN);
        let found = worth(self.scope.count, strong);
        let worth = term.weight * if strong == 0.0 { most } else { found.min(most) };
        if term.is_topic {
            self.topics_asked += 1;
        }
        for (document, (value, weight)) in best {
            self.scores[document as usize] += worth * value;
            self.covers[document as usize] += worth * weight;
            // A tool is for the topic if its name has the word: descriptions and aliases mention many things.
            if term.is_topic && value / weight >= NAME / (NAME + SATURATION) - 0.01 {
                self.topics[document as usize] += 1;
            }
        }
        for (id, weight) in stems {
            let weight = if term.weight < 1.0 { weight * 0.8 } else { weight };
            self.matched[id] = self.matched[id].max(weight);
        }
        worth
    }

    /// Adds what the name and the best alias fit as a whole, and what the named services change.
    #[expect(clippy::cast_precision_loss, reason = "a name has some words")]
    fn fit(&mut self) {
        let worth = &self.scope.worth;
        let fit = |stems: &[usize]| {
            let whole: f32 = stems.iter().map(|stem| worth[*stem]).sum();
            let found: f32 = stems.iter().map(|stem| worth[*stem] * self.matched[*stem]).sum();
            if whole > 0.0 { (found / whole, found) } else { (0.0, 0.0) }
        };
        for (document, entry) in self.index.documents.iter().enumerate() {
            if self.scores[document] == 0.0 {
                continue;
            }
            let (name, name_found) = fit(&entry.name_stems);
            let alias = entry.aliases.iter().map(|alias| fit(alias)).max_by(|one, other| {
                (one.0 * one.0 * one.1).total_cmp(&(other.0 * other.0 * other.1))
            });
            let (alias, alias_found) = alias.unwrap_or_default();
            self.scores[document] +=
                NAME_FIT * name * name * name_found + ALIAS_FIT * alias * alias * alias_found;
            self.fits[document] = (name, alias);
            // `transition_issue` before `transition_issues` for who says "issue".
            let said = entry.name_words.iter().filter(|word| self.query.said.contains(word));
            self.scores[document] *= 1.0 + said.count() as f32 * SAID;
            if self.query.writes.is_some_and(|writes| writes == entry.is_read_only) {
                self.scores[document] *= OTHER_INTENT;
            }
            if !self.query.modules.is_empty() && !self.query.modules.contains(&entry.module) {
                self.scores[document] *= OTHER_SERVICE;
            }
            let short: String = entry.name.replace('_', "");
            let long = format!("{}{short}", entry.module.replace('_', ""));
            if self.query.plain == short || self.query.plain == long {
                self.scores[document] += 1000.0;
                self.fits[document].0 = 2.0;
            }
        }
    }

    fn hits(&self, limit: usize) -> Vec<Hit> {
        let mut hits: Vec<Hit> = self
            .scores
            .iter()
            .enumerate()
            .filter(|(_, score)| **score > 0.0)
            .map(|(document, score)| Hit { document, score: *score })
            .collect();
        let name = |hit: &Hit| {
            let entry = &self.index.documents[hit.document];
            (&entry.module, &entry.name)
        };
        hits.sort_by(|one, other| {
            other.score.total_cmp(&one.score).then_with(|| name(one).cmp(&name(other)))
        });
        let Some(best) = hits.first().copied().filter(|best| self.is_answer(best)) else {
            return Vec::new();
        };
        hits.retain(|hit| hit.score >= best.score * TAIL);
        let mut hits = self.by_turns(hits);
        hits.truncate(limit);
        hits
    }

    /// Where several services are named, the best hits of each in turn.
    fn by_turns(&self, hits: Vec<Hit>) -> Vec<Hit> {
        if self.query.modules.len() < 2 {
            return hits;
        }
        let module = |hit: &Hit| &self.index.documents[hit.document].module;
        let mut turns: Vec<(usize, usize, Hit)> = Vec::with_capacity(hits.len());
        for (place, hit) in hits.into_iter().enumerate() {
            let before = turns.iter().filter(|(.., other)| module(other) == module(&hit)).count();
            let is_named = self.query.modules.contains(module(&hit));
            turns.push((if is_named { before } else { usize::MAX }, place, hit));
        }
        turns.sort_by_key(|(turn, place, _)| (*turn, *place));
        turns.into_iter().map(|(.., hit)| hit).collect()
    }

    /// Whether the best hit is what the query asks for, and not only some of its words.
    fn is_answer(&self, best: &Hit) -> bool {
        let (name, alias) = self.fits[best.document];
        if name > 1.0 {
            return true;
        }
        if self.query.absent && self.query.modules.is_empty() {
            return false;
        }
        let lacks_topic = self.topics[best.document] < self.topics_asked;
        if lacks_topic && self.query.modules.is_empty() {
            return self.covers[best.document] >= TOPIC_COVER && (name > 0.95 || alias > 0.95);
        }
        self.covers[best.document] >= LEAST_COVER || name > 0.7 || alias > 0.7
    }
}
