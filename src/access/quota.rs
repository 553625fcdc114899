//! How much one user may have open at once, so that one user's agent cannot use up what all share.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Code, Error};
use crate::sync::lock;

/// How long a request waits for another one of its user to end before it is refused: a burst of quick ones is no harm.
const PATIENCE: Duration = Duration::from_millis(250);

/// Users with questions that are kept before those whose questions are all over their time are forgotten.
const USERS: usize = 4_096;

/// How much one user may have open at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserLimits {
    /// Requests that run.
    pub requests: usize,
    /// Event streams.
    pub streams: usize,
    /// Questions to the client that it has not answered.
    pub questions: usize,
}

impl Default for UserLimits {
    fn default() -> Self {
        Self { requests: 32, streams: 16, questions: 8 }
    }
}

/// What users have open.
#[derive(Debug)]
pub struct Quotas {
    /// Requests that arrive or run: as many as may run, and room for the answers that those wait for.
    pub arriving: Quota,
    /// Requests that run.
    pub requests: Quota,
    /// Event streams.
    pub streams: Quota,
    /// Questions that wait for an answer.
    pub questions: OpenQuestions,
}

impl Default for Quotas {
    fn default() -> Self {
        Self::new(UserLimits::default())
    }
}

impl Quotas {
    /// With nothing open yet.
    #[must_use]
    pub fn new(limits: UserLimits) -> Self {
        let UserLimits { requests, streams, questions } = limits;
        let wait = "Wait until one of them has been answered.";
        let arriving = requests.saturating_add(questions);
        Self {
            arriving: Quota::new("requests", arriving, PATIENCE, wait),
            requests: Quota::new("requests", requests, PATIENCE, wait),
            streams: Quota::new("event streams", streams, Duration::ZERO, "Close one of them."),
            questions: OpenQuestions { most: questions, open: Mutex::default() },
        }
    }
}

/// How many of something each user may have open.
#[derive(Debug)]
pub struct Quota {
    shared: Arc<Shared>,
    patience: Duration,
    hint: &'static str,
}

#[derive(Debug)]
struct Shared {
    what: &'static str,
    most: usize,
    /// The number of each user who has any.
    open: Mutex<HashMap<String, usize>>,
    /// Signalled whenever one is given back.
    given_back: Condvar,
}

/// One of those that a user may have open; given back when it is dropped.
#[derive(Debug)]
pub struct Slot {
    shared: Arc<Shared>,
    user: String,
}

impl Quota {
    fn new(what: &'static str, most: usize, patience: Duration, hint: &'static str) -> Self {
        let given_back = Condvar::new();
        let shared = Shared { what, most, open: Mutex::default(), given_back };
        Self { shared: Arc::new(shared), patience, hint }
    }

    /// Takes one for a user, who may have to wait a moment for it.
    ///
    /// # Errors
    /// [`Code::UserBusy`] if the user has as many open as one may have.
    pub fn take(&self, user: &str) -> Result<Slot, Error> {
        self.take_within(user, self.patience)
    }

    /// As [`Quota::take`], but without waiting: for a thread that others wait for.
    ///
    /// # Errors
    /// As [`Quota::take`].
    pub fn take_at_once(&self, user: &str) -> Result<Slot, Error> {
        self.take_within(user, Duration::ZERO)
    }

    fn take_within(&self, user: &str, patience: Duration) -> Result<Slot, Error> {
        let Shared { what, most, given_back, .. } = &*self.shared;
        let is_full = |open: &mut HashMap<String, usize>| open.get(user) >= Some(most);
        let open = lock(&self.shared.open);
        let waited = given_back.wait_timeout_while(open, patience, is_full);
        let mut open = waited.unwrap_or_else(PoisonError::into_inner).0;
        if is_full(&mut open) {
            return Err(full(*most, what).with_hint(self.hint));
        }
        *open.entry(user.to_owned()).or_default() += 1;
        Ok(Slot { shared: Arc::clone(&self.shared), user: user.to_owned() })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = lock(&self.shared.open);
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
        drop(open);
        self.shared.given_back.notify_all();
    }
}

/// The questions that each user's clients have not answered, by the id of each and the end of its time.
#[derive(Debug)]
pub struct OpenQuestions {
    most: usize,
    open: Mutex<HashMap<String, HashMap<String, Instant>>>,
}

impl OpenQuestions {
    /// Opens a question for `lifetime`; one with the same id is open again for that time.
    ///
    /// # Errors
    /// [`Code::UserBusy`] if the user has as many open as one may have.
    pub fn open(&self, user: &str, id: &str, lifetime: Duration) -> Result<(), Error> {
        let (mut open, now) = (lock(&self.open), Instant::now());
        let is_open = |questions: &mut HashMap<String, Instant>| {
            questions.retain(|_, until| *until > now);
            !questions.is_empty()
        };
        if open.len() >= USERS {
            open.retain(|_, questions| is_open(questions));
        }
        let questions = open.entry(user.to_owned()).or_default();
        is_open(questions);
        if questions.len() >= self.most && !questions.contains_key(id) {
            return Err(full(self.most, "questions")
                .with_hint("Answer one of them, or wait until it is over its time."));
        }
        questions.insert(id.to_owned(), now + lifetime);
        Ok(())
    }

    /// Opens a question until the guard is dropped, at most for `lifetime`.
    ///
    /// # Errors
    /// As [`OpenQuestions::open`].
    pub fn asking<'q>(
        &'q self,
        user: &'q str,
        id: &str,
        lifetime: Duration,
    ) -> Result<Asking<'q>, Error> {
        self.open(user, id, lifetime)?;
        Ok(Asking { questions: self, user, id: id.to_owned() })
    }

    /// Closes a question, if it is open.
    pub fn close(&self, user: &str, id: &str) {
        let mut open = lock(&self.open);
        if let Some(questions) = open.get_mut(user) {
            questions.remove(id);
            if questions.is_empty() {
                open.remove(user);
            }
        }
    }
}

/// A question that is open as long as this.
#[derive(Debug)]
pub struct Asking<'q> {
    questions: &'q OpenQuestions,
    user: &'q str,
    id: String,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.questions.close(self.user, &self.id);
    }
}

fn full(most: usize, what: &str) -> Error {
    Error::new(
        Code::UserBusy,
        format!("this user is busy: as many {what} are open as a user may have ({most})"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(requests: usize, questions: usize) -> Quotas {
        Quotas::new(UserLimits { requests, streams: 1, questions })
    }

    #[test]
    fn each_user_has_so_many_and_gets_them_back() {
        let quotas = quotas(2, 1);
        let (first, second) =
            (quotas.requests.take("a").unwrap(), quotas.requests.take("a").unwrap());
        let error = quotas.requests.take("a").unwrap_err();
        assert_eq!(error.code().reply().name, "busy");
        assert_eq!(error.code().reply().status, 429);
        assert!(
            error.to_string().contains("as many requests are open as a user may have (2)"),
            "{error}"
        );
        assert!(quotas.requests.take("b").is_ok(), "another user has their own");
        drop(first);
        let third = quotas.requests.take("a").unwrap();
        drop((second, third));
        assert!(lock(&quotas.requests.shared.open).is_empty());
    }

    #[test]
    fn a_request_waits_a_moment_for_another_one_to_end() {
        let quotas = quotas(1, 1);
        let first = quotas.requests.take("a").unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| quotas.requests.take("a").is_ok());
            drop(first);
            assert!(second.join().unwrap());
        });
    }

    #[test]
    fn a_panic_gives_a_place_back() {
        let quotas = quotas(1, 1);
        let panics = std::panic::AssertUnwindSafe(|| {
            let _place = quotas.streams.take("a").unwrap();
            panic!("as bugs do");
        });
        assert!(std::panic::catch_unwind(panics).is_err());
        assert!(quotas.streams.take("a").is_ok());
    }

    #[test]
    fn open_questions_are_counted_until_they_are_answered_or_over_their_time() {
        let questions = quotas(1, 2).questions;
        let long = Duration::from_secs(600);
        let asking = questions.asking("a", "1", long).unwrap();
        assert!(questions.open("a", "2", long).is_ok());
        assert_eq!(questions.open("a", "3", long).unwrap_err().code(), Code::UserBusy);
        assert!(questions.open("a", "2", long).is_ok(), "the same question again");
        assert!(questions.open("b", "3", long).is_ok(), "another user");
        drop(asking);
        assert!(questions.open("a", "3", long).is_ok());
        questions.close("a", "2");
        assert!(questions.open("a", "4", Duration::ZERO).is_ok());
        assert!(questions.open("a", "5", long).is_ok(), "what is over its time does not count");
        for id in ["3", "5"] {
            questions.close("a", id);
        }
        questions.close("b", "3");
        assert!(lock(&questions.open).is_empty());
    }
}
