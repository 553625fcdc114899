//! The open questions for the person at this machine, and the decisions.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::access::Decision;
use crate::error::{Code, Error};
use crate::random::random_id;
use crate::sync::lock;

/// Most bytes of one deed as JSON.
const MAX_DEED: usize = 4 * 1024 * 1024;

/// The maximum number of stored questions, including decided ones.
const MAX_KEPT: usize = 64;

/// How long questions and decisions are valid.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// A question that is not decided.
    pub question: Duration,
    /// A decision that was not used yet.
    pub decision: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { question: Duration::from_secs(10 * 60), decision: Duration::from_secs(5 * 60) }
    }
}

/// The questions that wait, and the decisions that were not used yet.
pub struct Questions {
    lifetimes: Lifetimes,
    /// Most questions of one user that wait at once.
    most: usize,
    kept: Mutex<Vec<Question>>,
}

struct Question {
    id: String,
    user: String,
    digest: String,
    /// Null after the decision.
    deed: Value,
    until: Instant,
    decision: Option<bool>,
}

impl Questions {
    /// Creates an empty list of questions.
    #[must_use]
    pub fn new(lifetimes: Lifetimes, most: usize) -> Self {
        Self { lifetimes, most, kept: Mutex::default() }
    }

    /// Asks a question. Returns its id, and whether it is new.
    pub(super) fn ask(
        &self,
        user: &str,
        digest: &str,
        deed: Value,
    ) -> Result<(String, bool), Error> {
        if deed.to_string().len() > MAX_DEED {
            return Err(Error::invalid_params(
                "the arguments are longer than a page can show (4 MiB)",
            )
            .with_hint("Do it in smaller parts."));
        }
        let mut kept = self.current();
        let is_open = |known: &&Question| known.decision.is_none() && known.user == user;
        if let Some(known) = kept.iter().filter(is_open).find(|known| known.digest == digest) {
            return Ok((known.id.clone(), false));
        }
        if kept.iter().filter(is_open).count() >= self.most || kept.len() >= MAX_KEPT {
            return Err(Error::new(Code::Busy, "too many questions wait for the user already")
                .with_hint("The user has to decide them first, or wait ten minutes."));
        }
        let (id, until) = (random_id(), Instant::now() + self.lifetimes.question);
        let (user, digest) = (user.to_owned(), digest.to_owned());
        kept.push(Question { id: id.clone(), user, digest, deed, until, decision: None });
        Ok((id, true))
    }

    /// Returns the decision; a yes or a no is returned only once.
    pub(super) fn take(&self, user: &str, digest: &str) -> Decision {
        let mut kept = self.current();
        let is_it = |known: &Question| known.user == user && known.digest == digest;
        match kept.iter().position(|known| is_it(known) && known.decision.is_some()) {
            Some(place) => match kept.remove(place).decision {
                Some(true) => Decision::Yes,
                _ => Decision::No,
            },
            None if kept.iter().any(is_it) => Decision::Pending,
            None => Decision::Unknown,
        }
    }

    /// Decides a question.
    pub(super) fn decide(&self, id: &str, yes: bool) -> Result<(), Error> {
        let mut kept = self.current();
        let question = kept.iter_mut().find(|known| known.id == id).ok_or_else(gone)?;
        if question.decision.is_some() {
            return Err(Error::new(Code::Conflict, "it is decided already"));
        }
        question.decision = Some(yes);
        question.deed = Value::Null;
        question.until = Instant::now() + self.lifetimes.decision;
        Ok(())
    }

    /// Returns an open question, and how long it stays open.
    pub(super) fn open(&self, id: &str) -> Result<(Value, Duration), Error> {
        let kept = self.current();
        let question = kept.iter().find(|known| known.id == id && known.decision.is_none());
        let question = question.ok_or_else(gone)?;
        Ok((question.deed.clone(), question.until.saturating_duration_since(Instant::now())))
    }

    /// Returns the ids of the open questions.
    pub(super) fn open_ids(&self) -> Vec<String> {
        let kept = self.current();
        kept.iter().filter(|known| known.decision.is_none()).map(|known| known.id.clone()).collect()
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Vec<Question>> {
        let (mut kept, now) = (lock(&self.kept), Instant::now());
        kept.retain(|known| known.until > now);
        kept
    }
}

fn gone() -> Error {
    Error::new(Code::NotFound, "there is no such question, or it has expired")
        .with_hint("Call the tool again to get a new question.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MAX_OPEN: usize = 8;

    fn asked(questions: &Questions, user: &str, digest: &str) -> String {
        questions.ask(user, digest, json!({"calls": []})).unwrap().0
    }

    #[test]
    fn a_decision_is_good_for_its_user_and_digest_once() {
        let questions = Questions::new(Lifetimes::default(), MAX_OPEN);
        assert_eq!(questions.take("ada", "1"), Decision::Unknown);
        let id = asked(&questions, "ada", "1");
        assert_eq!(asked(&questions, "ada", "1"), id, "it is open already");
        assert_ne!(asked(&questions, "bob", "1"), id);
        assert_eq!(questions.take("ada", "1"), Decision::Pending);
        questions.decide(&id, true).unwrap();
        assert_eq!(questions.decide(&id, false).unwrap_err().code(), Code::Conflict);
        assert!(questions.open(&id).is_err(), "it is not shown again");
        assert_eq!(questions.take("ada", "2"), Decision::Unknown);
        assert_eq!(questions.take("bob", "1"), Decision::Pending);
        assert_eq!(questions.take("ada", "1"), Decision::Yes);
        assert_eq!(questions.take("ada", "1"), Decision::Unknown);
        let id = asked(&questions, "ada", "1");
        questions.decide(&id, false).unwrap();
        assert_eq!(questions.take("ada", "1"), Decision::No);
    }

    #[test]
    fn questions_and_decisions_end_with_their_time() {
        let (long, none) = (Duration::from_secs(60), Duration::ZERO);
        let questions = Questions::new(Lifetimes { question: none, decision: long }, MAX_OPEN);
        let id = asked(&questions, "ada", "1");
        assert_eq!(questions.decide(&id, true).unwrap_err().code(), Code::NotFound);
        assert_eq!(questions.take("ada", "1"), Decision::Unknown);
        let questions = Questions::new(Lifetimes { question: long, decision: none }, MAX_OPEN);
        let id = asked(&questions, "ada", "1");
        questions.decide(&id, true).unwrap();
        assert_eq!(questions.take("ada", "1"), Decision::Unknown);
    }

    #[test]
    fn so_many_questions_wait_and_no_more() {
        let questions = Questions::new(Lifetimes::default(), MAX_OPEN);
        for number in 0..MAX_OPEN {
            asked(&questions, "ada", &number.to_string());
        }
        assert_eq!(questions.ask("ada", "x", json!({})).unwrap_err().code(), Code::Busy);
        let long = json!("x".repeat(MAX_DEED));
        assert_eq!(questions.ask("bob", "x", long).unwrap_err().code(), Code::InvalidParams);
    }
}
