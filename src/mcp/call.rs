//! A request while it runs: progress and log messages to its client, questions to its client, and whether it still wants an answer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::context::{Context, Level};
use super::elicitation::Question;
use super::handler::Interruption;
use super::message::{Request, notification_text, wrong_type};
use super::seal::{MAX_TOKEN, Purpose, Seal, Use, digest};
use super::version::Version;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::random::random_id;

/// How long a client may take to answer the questions of a multi round-trip request.
const STATE_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The other end of a running request; one implementation per transport.
pub trait Peer {
    /// Sends a notification that belongs to the running request. What cannot be delivered is dropped: the client is gone then.
    fn notify(&self, json: &str);

    /// Sends a request of ours and waits for the client's answer (legacy era only).
    ///
    /// # Errors
    /// [`crate::error::Code::Cancelled`] when the client is gone, [`crate::error::Code::Timeout`] when it does not answer, [`crate::error::Code::Internal`] with its
    /// own message when it refuses.
    fn request(&self, method: &str, params: &Object) -> Result<Value, Error>;

    /// Whether the client is gone, or has asked to stop.
    fn cancelled(&self) -> bool;

    /// The id of the legacy session that the request belongs to; empty in the modern era, which has none.
    fn scope(&self) -> &str;
}

/// A request while it runs.
pub struct Call<'a> {
    context: &'a Context,
    request: &'a Request,
    peer: &'a dyn Peer,
    seal: &'a Seal,
    answers: Answers,
    /// The answers that the handler has asked for so far, in this run.
    used: RefCell<BTreeMap<String, Value>>,
}

impl<'a> Call<'a> {
    /// Opens the call: reads the answers that a modern client sends along.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidParams`] for answers of a wrong shape, and for a `requestState` that is forged, expired, of another
    /// caller or of another request.
    pub(super) fn open(
        context: &'a Context,
        request: &'a Request,
        peer: &'a dyn Peer,
        seal: &'a Seal,
    ) -> Result<Self, Error> {
        let answers = if context.version.is_modern() {
            Answers::read(context, request, seal)?
        } else {
            Answers::default()
        };
        Ok(Self { context, request, peer, seal, answers, used: RefCell::default() })
    }

    /// Who calls, and how.
    #[must_use]
    pub const fn context(&self) -> &Context {
        self.context
    }

    /// The W3C trace context that the client sent in `_meta`, if any.
    #[must_use]
    pub fn trace_parent(&self) -> Option<&str> {
        self.request.meta()?.get("traceparent")?.as_str()
    }

    /// Whether the client has gone or asked to stop: long work asks between its steps.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.peer.cancelled()
    }

    /// Tells how far the work is, if the client asked for it. `progress` must grow from call to call.
    pub fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        let Some(token @ (Value::String(_) | Value::Number(_))) =
            self.request.meta().and_then(|meta| meta.get("progressToken"))
        else {
            return;
        };
        let mut params = Object::from_iter([
            ("progressToken".to_owned(), token.clone()),
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

    /// Sends a log message, if the client wants messages of this level.
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

    /// Asks the client one question and gives back its answer, whose shape fits the question.
    ///
    /// # Errors
    /// See [`Call::ask_all`].
    pub fn ask(&self, key: &str, question: Question) -> Result<Value, Interruption> {
        self.ask_all(vec![(key.to_owned(), question)]).map(|mut answers| answers.remove(0))
    }

    /// As [`Call::ask`], but an answer counts only beside the request state of this very question, so that a client cannot
    /// answer what it was never asked, and an answer of a wrong shape is `None`: the client cannot ask this.
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

    /// Asks the client's user to open a link, in the way of the client's version. Returns the answer; `None` where the client
    /// cannot open links, or answers in a wrong shape.
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
        Err(Error::new(Code::UrlElicitationRequired, message)
            .with_data("elicitations", json!([elicitation]))
            .into())
    }

    /// Whether this request brings the state of an earlier round.
    #[must_use]
    pub fn is_later_round(&self) -> bool {
        self.answers.state_id.is_some()
    }

    /// Uses the request state up: the same state is no answer to anything again.
    ///
    /// # Errors
    /// [`Code::InvalidParams`] when it was used before.
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

    /// Asks the client several questions at once and gives back the answers in the same order.
    ///
    /// In the modern era the handler runs again from its start when the answers have come: what it does before asking
    /// has to be repeatable.
    ///
    /// # Errors
    /// [`Interruption::InputRequired`] when answers are missing (modern era), [`crate::error::Code::MissingClientCapability`] when the
    /// client cannot be asked, and what [`Peer::request`] gives in the legacy era.
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
        // Only what was asked for goes into the state: other keys are the client's own affair.
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

    /// `requestState`: the answers of all rounds so far, sealed for this caller and this very request.
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
        Ok(token)
    }
}

/// The answers that a modern client has given, in this round and in earlier ones.
#[derive(Default)]
struct Answers {
    digest: String,
    /// The id of the request state that they came with, which was found valid.
    state_id: Option<String>,
    /// The sealed questions that were asked in the last round: the digest of each by its key.
    asked: BTreeMap<String, String>,
    all: BTreeMap<String, Value>,
}

/// What `requestState` holds.
#[derive(Serialize, Deserialize)]
struct RequestState {
    /// Digest of the method and of the parameters without the answers.
    request: String,
    /// Whose request it is.
    user: String,
    /// A random id: what is asked with a seal is answered once.
    id: String,
    /// The answers of earlier rounds.
    answers: BTreeMap<String, Value>,
    /// As [`Answers::asked`].
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
            Some(Value::Object(responses)) => {
                if let Some((key, response)) =
                    responses.iter().find(|(_, response)| !response.is_object())
                {
                    return Err(wrong_type(
                        &format!("params.inputResponses.{key}"),
                        "an object",
                        response,
                    ));
                }
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

/// The error for what is good once and was used before.
///
/// # Errors
/// Unless this was its first use.
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

/// SHA-256 of the method and of every parameter but the answers and the per-request metadata.
fn request_digest(request: &Request) -> String {
    let mut salient = request.params.clone();
    for name in ["_meta", "inputResponses", "requestState"] {
        salient.remove(name);
    }
    // Clients may write the same parameters in another order when they call again.
    salient.sort_keys();
    let text = format!("{}\n{}", request.method, Value::Object(salient));
    digest(&text)
}
