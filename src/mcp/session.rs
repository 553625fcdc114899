//! The legacy era's session: the result of `initialize`, and the little that a server remembers beyond it.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::context::{ClientCapabilities, ClientInfo, Context, Level, View};
use super::message::{Id, Response};
use super::seal::{Purpose, Seal};
use super::version::Version;
use crate::access::Caller;
use crate::cancellation::Cancellation;
use crate::random::random_id;
use crate::sync::lock;

/// How long a session id is valid; afterwards, the client gets 404 and starts a new session on its own.
const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// The maximum number of sessions that the server remembers something about. Beyond it, the memory of some is dropped, but the
/// sessions stay valid.
const MAX_REMEMBERED: usize = 4_096;

/// The result of `initialize`. Over HTTP, it is sealed in the session id, so that every replica knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Identifies the session.
    pub id: String,
    version: String,
    capabilities: ClientCapabilities,
    client: Option<ClientInfo>,
    user: String,
}

impl Session {
    /// Creates a session.
    #[must_use]
    pub fn new(
        version: Version,
        capabilities: ClientCapabilities,
        client: Option<ClientInfo>,
        caller: &Caller,
    ) -> Self {
        Self {
            id: random_id(),
            version: version.as_str().to_owned(),
            capabilities,
            client,
            user: caller.user_id().to_owned(),
        }
    }

    /// Returns the session id for the client.
    #[must_use]
    pub fn seal(&self, seal: &Seal) -> String {
        seal.seal(Purpose::Session, self.clone(), SESSION_LIFETIME)
    }

    /// Opens a session id; `None` if it is forged, has expired, or belongs to another caller.
    #[must_use]
    pub fn open(seal: &Seal, token: &str, caller: &Caller) -> Option<Self> {
        seal.open::<Self>(Purpose::Session, token)
            .filter(|session| session.user == caller.user_id())
    }

    /// Returns the negotiated version.
    #[must_use]
    pub fn version(&self) -> Version {
        Version::negotiate(&self.version)
    }

    /// Returns the context of a request in this session.
    #[must_use]
    pub fn context(&self, caller: Caller, view: View, sessions: &Sessions) -> Context {
        Context {
            version: self.version(),
            capabilities: self.capabilities,
            client: self.client.clone(),
            caller,
            view,
            log_level: Some(sessions.log_level(&self.id)),
        }
    }
}

/// What this process remembers of a session.
#[derive(Default)]
struct Memory {
    ended: bool,
    log_level: Option<Level>,
    watched: HashSet<String>,
    /// Requests of the client that run now.
    running: HashMap<Id, Cancellation>,
    /// Requests of ours that wait for the client.
    waiting: HashMap<Id, SyncSender<Result<Value, String>>>,
}

impl Memory {
    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }
}

/// What this process remembers of sessions. A session can continue without it on another replica, which logs at the default
/// level and sends no updates for resources that it was not asked to watch.
#[derive(Default)]
pub struct Sessions {
    all: Mutex<HashMap<String, Memory>>,
    /// Cancelled when the server ends: every request is cancelled with it.
    ending: Cancellation,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Memory>> {
        lock(&self.all)
    }

    /// What is cancelled when the server ends.
    pub(super) const fn ending(&self) -> &Cancellation {
        &self.ending
    }

    fn with<T>(&self, session: &str, change: impl FnOnce(&mut Memory) -> T) -> T {
        let mut sessions = self.lock();
        if sessions.len() >= MAX_REMEMBERED && !sessions.contains_key(session) {
            let forgotten =
                sessions.iter().find(|(_, memory)| memory.is_idle()).map(|(id, _)| id.clone());
            if let Some(id) = forgotten {
                sessions.remove(&id);
            }
        }
        change(sessions.entry(session.to_owned()).or_default())
    }

    /// Ends a session: its id is no longer valid in this process.
    pub fn end(&self, session: &str) {
        self.with(session, |memory| {
            memory.running.values().for_each(Cancellation::cancel);
            *memory = Memory { ended: true, ..Memory::default() };
        });
    }

    /// Forgets a session whose connection is closed: no client can use it again.
    pub fn forget(&self, session: &str) {
        if let Some(memory) = self.lock().remove(session) {
            memory.running.values().for_each(Cancellation::cancel);
        }
    }

    /// Returns whether the session was ended here.
    #[must_use]
    pub fn has_ended(&self, session: &str) -> bool {
        self.lock().get(session).is_some_and(|memory| memory.ended)
    }

    /// Sets the minimum level of log messages.
    pub fn set_log_level(&self, session: &str, level: Level) {
        self.with(session, |memory| memory.log_level = Some(level));
    }

    fn log_level(&self, session: &str) -> Level {
        self.lock().get(session).and_then(|memory| memory.log_level).unwrap_or(Level::Info)
    }

    /// Remembers that the session watches a resource, or no longer watches it.
    pub fn watch(&self, session: &str, uri: &str, watched: bool) {
        self.with(session, |memory| {
            if watched {
                memory.watched.insert(uri.to_owned());
            } else {
                memory.watched.remove(uri);
            }
        });
    }

    /// Returns the resources that the session watches.
    #[must_use]
    pub fn watched(&self, session: &str) -> Vec<String> {
        self.lock()
            .get(session)
            .map(|memory| memory.watched.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Notes that a request of the client is about to run. Returns what cancels it.
    pub(super) fn begin(&self, session: &str, request: &Id) -> Cancellation {
        let ending = self.ending.clone();
        let new = || Cancellation::watching(move || ending.is_cancelled());
        self.with(session, |memory| {
            memory.running.entry(request.clone()).or_insert_with(new).clone()
        })
    }

    /// Registers a running request of the client; dropping the guard removes it.
    #[must_use]
    pub fn run(&self, session: &str, request: &Id) -> Running<'_> {
        let cancellation = self.begin(session, request);
        Running {
            sessions: self,
            session: session.to_owned(),
            request: request.clone(),
            cancellation,
        }
    }

    /// Handles `notifications/cancelled`: the client no longer wants the response.
    pub fn cancel(&self, session: &str, request: &Id) {
        if let Some(running) =
            self.lock().get(session).and_then(|memory| memory.running.get(request))
        {
            running.cancel();
        }
    }

    /// Registers a request from the server that waits for the client's answer.
    #[must_use]
    pub fn wait(&self, session: &str) -> (Id, Receiver<Result<Value, String>>) {
        // The id cannot be guessed, so that only the client that was asked can answer.
        let id = Id::from(random_id().as_str());
        let (sender, receiver) = sync_channel(1);
        self.with(session, |memory| memory.waiting.insert(id.clone(), sender));
        (id, receiver)
    }

    /// Removes a waiting request.
    pub fn stop_waiting(&self, session: &str, id: &Id) {
        self.with(session, |memory| memory.waiting.remove(id));
    }

    /// Closes every place of a session: its client cannot answer any more.
    pub(super) fn stop_waiting_for_all(&self, session: &str) {
        self.with(session, |memory| memory.waiting.clear());
    }

    /// Hands the client's answer to anyone who waits for it; answers that no one waits for are dropped.
    pub fn deliver(&self, session: &str, response: Response) {
        let Some(id) = response.id else { return };
        let waiting = self.lock().get_mut(session).and_then(|memory| memory.waiting.remove(&id));
        if let Some(sender) = waiting {
            // The receiver may have stopped waiting.
            let _ = sender.send(response.outcome);
        }
    }
}

/// A running request of the client.
pub struct Running<'a> {
    sessions: &'a Sessions,
    session: String,
    request: Id,
    cancellation: Cancellation,
}

impl Running<'_> {
    /// Returns whether the client has cancelled it.
    #[must_use]
    pub const fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Whether the client no longer wants the answer. A request that the server's end cancels is answered.
    #[must_use]
    pub fn is_unwanted(&self) -> bool {
        self.cancellation.is_cancelled() && !self.sessions.ending.is_cancelled()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(memory) = self.sessions.lock().get_mut(&self.session) {
            memory.running.remove(&self.request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Token;
    use crate::secret::Secret;

    #[test]
    fn a_session_opens_for_its_caller_alone_and_keeps_what_was_agreed() {
        let seal = Seal::random();
        let caller = Caller::local();
        let capabilities = ClientCapabilities { sampling: true, ..ClientCapabilities::default() };
        let session = Session::new(Version::V2025_06_18, capabilities, None, &caller);
        let token = session.seal(&seal);
        assert!(
            token.bytes().all(|byte| (0x21..=0x7e).contains(&byte)),
            "visible ASCII (2025-11-25, Session Management)"
        );
        let opened = Session::open(&seal, &token, &caller).unwrap();
        assert_eq!((opened.version(), opened.capabilities), (Version::V2025_06_18, capabilities));
        assert_eq!(
            Session::open(
                &seal,
                &token,
                &Caller::user("somebody-else", Token::Api(Secret::new("mcpist_x".to_owned())))
            ),
            None
        );
        assert_eq!(Session::open(&Seal::random(), &token, &caller), None);
    }

    #[test]
    fn an_ended_session_stops_its_running_requests() {
        let sessions = Sessions::default();
        let running = sessions.run("s", &Id::from(1));
        sessions.end("s");
        assert!(running.is_unwanted() && sessions.has_ended("s") && !sessions.has_ended("t"));
    }

    #[test]
    fn an_answer_reaches_only_the_session_that_was_asked() {
        let sessions = Sessions::default();
        let (id, receiver) = sessions.wait("s");
        let answer = |outcome| Response { id: Some(id.clone()), outcome };
        sessions.deliver("t", answer(Ok(Value::Null)));
        assert!(receiver.try_recv().is_err());
        sessions.deliver("s", answer(Ok(Value::Bool(true))));
        assert_eq!(receiver.try_recv(), Ok(Ok(Value::Bool(true))));
        sessions.deliver("s", answer(Ok(Value::Null)));
    }

    #[test]
    fn memory_is_bounded() {
        let sessions = Sessions::default();
        for number in 0..MAX_REMEMBERED + 100 {
            sessions.set_log_level(&number.to_string(), Level::Error);
        }
        assert_eq!(sessions.lock().len(), MAX_REMEMBERED);
    }
}
