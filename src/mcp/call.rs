//! A running request: progress and log messages to its client, questions to its client, and cancellation.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::context::{Context, Level};
use super::elicitation::Question;
use super::handler::Interruption;
use super::message::{Id, Request, notification_text, wrong_type};
use super::seal::{MAX_TOKEN, Purpose, Seal, Use, digest};
use super::server::Server;
use super::version::Version;
use crate::access::OpenQuestions;
use crate::cancellation::Cancellation;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::random::random_id;

/// How long a client may take to answer the questions of a multi round-trip request.
const STATE_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The client's side of a running request; each transport has one implementation.
pub trait Peer {
    /// Sends a notification that belongs to the running request. If it cannot be delivered, it is dropped, because the client
    /// has disconnected.
    fn notify(&self, json: &str);

    /// Sends a request to the client and waits for its answer (legacy era only).
    ///
    /// # Errors
    /// [`crate::error::Code::Cancelled`] if the client has disconnected, [`crate::error::Code::Timeout`] if it does not answer,
    /// [`crate::error::Code::Internal`] with the client's message if it refuses.
    fn request(&self, method: &str, params: &Object) -> Result<Value, Error>;

    /// What is cancelled when the client is gone, has asked to stop, or the server ends.
    fn cancellation(&self) -> &Cancellation;

    /// Returns the id of the request's legacy session; empty in the modern era, which has no sessions.
    fn scope(&self) -> &str;
}

/// A running request.
pub struct Call<'a> {
    context: &'a Context,
    request: &'a Request,
    peer: &'a dyn Peer,
    seal: &'a Seal,
    questions: &'a OpenQuestions,
    answers: Answers,
    /// The keys of the answers that the handler has requested in this run.
    used: RefCell<BTreeMap<String, Value>>,
}

impl<'a> Call<'a> {
    /// Starts the call: reads the answers that a modern client includes.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidParams`] for answers of the wrong form, and for a `requestState` that is forged, expired,
    /// or belongs to another caller or another request.
    pub(super) fn open(
        context: &'a Context,
        request: &'a Request,
        peer: &'a dyn Peer,
        server: &'a Server,
    ) -> Result<Self, Error> {
        let (seal, questions) = (&server.seal, &server.quotas.questions);
        let answers = if context.version.is_modern() {
            Answers::read(context, request, seal)?
        } else {
            Answers::default()
        };
        // The client is back: whether it answered or not, nothing waits for it.
        questions.close(context.caller.user_id(), &answers.digest);
        Ok(Self { context, request, peer, seal, questions, answers, used: RefCell::default() })
    }

    /// Returns the context: the caller, the version and so on.
    #[must_use]
    pub const fn context(&self) -> &Context {
        self.context
    }

    /// Returns the W3C trace context that the client sent in `_meta`, if any.
    #[must_use]
    pub fn trace_parent(&self) -> Option<&str> {
        self.request.meta()?.get("traceparent")?.as_str()
    }

    /// Returns whether the client has disconnected or cancelled the request; long operations check this between their steps.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.cancellation().is_cancelled()
    }

    /// What ends the work for this call.
    #[must_use]
    pub fn cancellation(&self) -> &Cancellation {
        self.peer.cancellation()
    }

    /// Reports progress, if the client asked for it. `progress` must grow from call to call.
    pub fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        let token = self.request.meta().and_then(|meta| meta.get("progressToken"));
        // A token of another type would come back in another spelling, which its client does not know.
        let Some(token) = token.cloned().and_then(Id::from_value) else { return };
        let mut params = Object::from_iter([
            ("progressToken".to_owned(), json!(token)),
            ("progress".to_owned(), json!(progress)),
        ]);
        if let Some(total) = total {
            params.insert("total".to_owned(), json!(total));
        }
        if let Some(message) = message {
            params.insert("message".to_owned(), json!(message));
        }
        self.peer.notify(&notification_text("notifications/progress", &params));
    }

    /// Sends a log message, if the client requested messages of this level.
    pub fn log(&self, level: Level, logger: &str, data: &Value) {
        if self.context.log_level.is_some_and(|least| level >= least) {
            let params = Object::from_iter([
                ("level".to_owned(), json!(level.as_str())),
                ("logger".to_owned(), json!(logger)),
                ("data".to_owned(), data.clone()),
            ]);
            self.peer.notify(&notification_text("notifications/message", &params));
        }
    }

    /// Asks the client one question and returns its answer, whose form matches the question.
    ///
    /// # Errors
    /// See [`Call::ask_all`].
    pub fn ask(&self, key: &str, question: Question) -> Result<Value, Interruption> {
        self.ask_all(vec![(key.to_owned(), question)]).map(|mut answers| answers.remove(0))
    }

    /// Like [`Call::ask`], but an answer is accepted only with the request state of this very question, so that a client cannot
    /// answer a question that was not asked. An answer of the wrong form is returned as `None`, because the client then does
    /// not support the question.
    ///
    /// # Errors
    /// See [`Call::ask_all`].
    pub fn ask_sealed(&self, key: &str, question: Question) -> Result<Option<Value>, Interruption> {
        question.check(self.context.capabilities)?;
        if !self.context.version.is_modern() {
            let answer =
                self.peer.request(question.method(), &question.params(self.context.version))?;
            return Ok(Some(answer).filter(|answer| question.fits(answer)));
        }
        let asked = self.question_digest(&question);
        if self.answers.asked.get(key) == Some(&asked) {
            return Ok(self.answers.get(key).filter(|answer| question.fits(answer)).cloned());
        }
        let state = self.request_state(BTreeMap::from([(key.to_owned(), asked)]))?;
        Err(Interruption::InputRequired { questions: vec![(key.to_owned(), question)], state })
    }

    /// Asks the client's user to open a link, in the form of the client's version. Returns the answer; `None` if the client
    /// cannot open links, or if its answer has the wrong form.
    ///
    /// # Errors
    /// The question (2026-07-28), or the error that makes a client of 2025-11-25 open the link and call again.
    pub fn ask_to_open(
        &self,
        key: &str,
        message: String,
        url: &str,
    ) -> Result<Option<Value>, Interruption> {
        if !self.context.capabilities.elicitation_url {
            return Ok(None);
        }
        let question = Question::Url { message, url: url.to_owned() };
        if self.context.version.is_modern() {
            return self.ask_sealed(key, question);
        }
        if self.context.version < Version::V2025_11_25 {
            return Ok(None);
        }
        let elicitation = question.params(self.context.version);
        let message = elicitation.get("message").and_then(Value::as_str).unwrap_or_default();
        // With the link, for a client that declares more than it does and shows the error as it is.
        Err(Error::new(Code::UrlElicitationRequired, format!("{message} {url}"))
            .with_data("elicitations", json!([elicitation]))
            .into())
    }

    /// Returns whether this request includes the state of an earlier round.
    #[must_use]
    pub fn is_later_round(&self) -> bool {
        self.answers.state_id.is_some()
    }

    /// Uses up the request state: it cannot be used as an answer again.
    ///
    /// # Errors
    /// [`Code::InvalidParams`] if it was already used.
    pub fn spend_state(&self) -> Result<(), Error> {
        match &self.answers.state_id {
            Some(id) => {
                spent(self.seal.spend(id, STATE_LIFETIME), "params.requestState was used before")
            }
            None => Ok(()),
        }
    }

    fn question_digest(&self, question: &Question) -> String {
        digest(&Value::Object(question.params(self.context.version)).to_string())
    }

    /// Asks the client several questions at once and returns the answers in the same order.
    ///
    /// In the modern era, the handler runs again from its start when the answers have arrived, so everything that it does
    /// before asking must be repeatable.
    ///
    /// # Errors
    /// [`Interruption::InputRequired`] if answers are missing (modern era), [`crate::error::Code::MissingClientCapability`] if
    /// the client does not support the question, and the errors of [`Peer::request`] in the legacy era.
    pub fn ask_all(&self, questions: Vec<(String, Question)>) -> Result<Vec<Value>, Interruption> {
        for (_, question) in &questions {
            question.check(self.context.capabilities)?;
        }
        if !self.context.version.is_modern() {
            return questions.iter().map(|(_, question)| self.ask_now(question)).collect();
        }
        let answered: Vec<Option<Value>> = questions
            .iter()
            .map(|(key, question)| {
                self.answers.get(key).filter(|answer| question.fits(answer)).cloned()
            })
            .collect();
        // Only requested answers are part of the state; the client may use other keys for itself.
        let given = questions
            .iter()
            .zip(&answered)
            .filter_map(|((key, _), answer)| Some((key.clone(), answer.clone()?)));
        self.used.borrow_mut().extend(given);
        if answered.iter().all(Option::is_some) {
            return Ok(answered.into_iter().flatten().collect());
        }
        let state = self.request_state(BTreeMap::new())?;
        let open = questions
            .into_iter()
            .zip(answered)
            .filter(|(_, answer)| answer.is_none())
            .map(|(question, _)| question);
        Err(Interruption::InputRequired { questions: open.collect(), state })
    }

    fn ask_now(&self, question: &Question) -> Result<Value, Interruption> {
        let answer =
            self.peer.request(question.method(), &question.params(self.context.version))?;
        if question.fits(&answer) {
            return Ok(answer);
        }
        Err(Error::invalid_params(format!(
            "the client's answer to {} does not fit the question",
            question.method()
        ))
        .into())
    }

    /// Returns `requestState`: the answers of all rounds so far, sealed for this caller and this very request.
    fn request_state(&self, asked: BTreeMap<String, String>) -> Result<String, Error> {
        let answers = self.used.borrow().clone();
        let state = RequestState {
            request: self.answers.digest.clone(),
            user: self.context.caller.user_id().to_owned(),
            id: random_id(),
            answers,
            asked,
        };
        let token = self.seal.seal(Purpose::RequestState, state, STATE_LIFETIME);
        if token.len() > MAX_TOKEN {
            return Err(Error::invalid_params(format!(
                "the answers so far are longer than a request state of {MAX_TOKEN} bytes can hold"
            ))
            .with_hint("Answer more briefly."));
        }
        let user = self.context.caller.user_id();
        self.questions.open(user, &self.answers.digest, STATE_LIFETIME)?;
        Ok(token)
    }
}

/// The answers of a modern client, in this round and in earlier ones.
#[derive(Default)]
struct Answers {
    digest: String,
    /// The id of their request state, which was valid.
    state_id: Option<String>,
    /// The sealed questions of the last round: the digest of each by its key.
    asked: BTreeMap<String, String>,
    all: BTreeMap<String, Value>,
}

/// The content of `requestState`.
#[derive(Serialize, Deserialize)]
struct RequestState {
    /// Digest of the method and of the parameters without the answers.
    request: String,
    /// The caller.
    user: String,
    /// A random id, because a sealed question can be answered only once.
    id: String,
    /// The answers of earlier rounds.
    answers: BTreeMap<String, Value>,
    /// Like [`Answers::asked`].
    asked: BTreeMap<String, String>,
}

impl Answers {
    fn read(context: &Context, request: &Request, seal: &Seal) -> Result<Self, Error> {
        let digest = request_digest(request);
        let state = match request.params.get("requestState") {
            None => None,
            Some(Value::String(token)) => seal
                .open::<RequestState>(Purpose::RequestState, token)
                .filter(|state| state.request == digest && state.user == context.caller.user_id())
                .map(Some)
                .ok_or_else(|| {
                    Error::invalid_params("params.requestState is not valid for this request")
                        .with_hint("Send it back unchanged, with the same parameters, within ten minutes; or call again without it.")
                })?,
            Some(other) => return Err(wrong_type("params.requestState", "a string", other)),
        };
        let (state_id, mut all, asked) = state
            .map_or_else(Default::default, |state| (Some(state.id), state.answers, state.asked));
        match request.params.get("inputResponses") {
            None => {}
            // One of a wrong shape is no error of the call: it shows that the client cannot ask this question.
            Some(Value::Object(responses)) => {
                all.extend(responses.iter().map(|(key, response)| (key.clone(), response.clone())));
            }
            Some(other) => return Err(wrong_type("params.inputResponses", "an object", other)),
        }
        Ok(Self { digest, state_id, asked, all })
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.all.get(key)
    }
}

/// The error for a one-time token that was already used.
///
/// # Errors
/// The error, unless this was its first use.
pub(crate) fn spent(outcome: Use, used: &str) -> Result<(), Error> {
    match outcome {
        Use::First => Ok(()),
        Use::Again => {
            Err(Error::invalid_params(used).with_hint("It is good once: call again without it."))
        }
        Use::Full => Err(Error::new(Code::Busy, "too much was confirmed in the last minutes")
            .with_hint("Try again in a few minutes.")),
    }
}

/// Returns the SHA-256 of the method and of every parameter, except the answers and the per-request metadata.
fn request_digest(request: &Request) -> String {
    let mut salient = request.params.clone();
    for name in ["_meta", "inputResponses", "requestState"] {
        salient.remove(name);
    }
    // Clients may write the same parameters in a different order when they call again.
    salient.sort_keys();
    let text = format!("{}\n{}", request.method, Value::Object(salient));
    digest(&text)
}
