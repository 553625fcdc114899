//! Runs several calls of one request at once, each on its own thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Scope};

use serde_json::Value;

use crate::error::{Code, Error};

/// The maximum number of calls at once: the rate limits of services are soon reached.
const AT_ONCE: usize = 4;
/// Stack of a thread, in bytes; a call may open a TLS connection.
const STACK: usize = 512 * 1024;

/// Calls that run in parallel until [`run`] returns.
pub struct Calls<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    name: &'static str,
    sender: Sender<(usize, Result<Value, Error>)>,
    receiver: Receiver<(usize, Result<Value, Error>)>,
    running: usize,
}

/// Lets `work` start calls and wait for them. Returns when all calls have ended. The threads have this name. `cancelled` is
/// called only from this thread.
pub fn run<'env, T>(
    name: &'static str,
    work: impl for<'scope> FnOnce(&mut Calls<'scope, 'env>) -> T,
) -> T {
    let (sender, receiver) = channel();
    thread::scope(|scope| work(&mut Calls { scope, name, sender, receiver, running: 0 }))
}

impl<'scope> Calls<'scope, '_> {
    /// Returns whether another call can be started.
    pub fn has_room(&self) -> bool {
        self.running < AT_ONCE
    }

    /// Starts a call; its argument reports whether to stop. [`Calls::next`] returns its number and its outcome.
    pub fn start(
        &mut self,
        number: usize,
        call: impl FnOnce() -> Result<Value, Error> + Send + 'scope,
    ) {
        let sender = self.sender.clone();
        let body = move || {
            // A panic costs its call: the receiver would wait for ever for one that never reports.
            let result = catch_unwind(AssertUnwindSafe(call));
            let result = result.unwrap_or_else(|_| {
                Err(Error::internal("the call failed inside MCPist; this is a bug"))
            });
            // The receiver outlives the scope.
            let _ = sender.send((number, result));
        };
        let builder = thread::Builder::new().name(self.name.to_owned()).stack_size(STACK);
        if builder.spawn_scoped(self.scope, body).is_err() {
            let error = Error::new(Code::UpstreamUnavailable, "no thread is free for this call")
                .with_hint("Try again in a moment.");
            let _ = self.sender.send((number, Err(error)));
        }
        self.running += 1;
    }

    /// Waits for the next call to end; `None` if no call is running.
    pub fn next(&mut self) -> Option<(usize, Result<Value, Error>)> {
        if self.running == 0 {
            return None;
        }
        let ended = self.receiver.recv().ok();
        self.running -= 1;
        ended
    }
}
