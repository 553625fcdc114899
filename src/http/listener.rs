//! The server: accepts connections up to the caps, one thread each, and drains them at the end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::limits::{Limits, within_descriptors};
use super::registry::{Registry, Shutdown};
use super::response::{Refusal, Response};
use super::streams::{self, Streams};
use super::{Service, connection};
use crate::os::{Source, Wait, Waker, lengthen_backlog, poll, waker};
use crate::telemetry::spans;

/// A handler's stack. Debug frames are several times as large.
const STACK_BYTES: usize = if cfg!(debug_assertions) { 1024 * 1024 } else { 256 * 1024 };
/// The wait after an accept that failed for lack of file descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(20);
/// A lasting condition is logged once in this time.
const LOG_EVERY: Duration = Duration::from_secs(5);
/// How long requests that are cancelled at the end of the drain may take to be answered.
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// Bytes of a refused connection that are read, so that closing it does not reset it.
const REFUSED_BYTES: usize = 16 * 1024;

/// A listening HTTP server; [`Server::run`] serves.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    registry: Arc<Registry>,
    /// Readable when the shutdown has begun.
    shutdown: Waker,
    /// Readable when the streams thread has work to do.
    streams_woken: Waker,
}

impl Server {
    /// Listens on `address`; port 0 selects a free one. Raises the process's limit of file descriptors if `limits` need it, and
    /// lowers [`Limits::connections`] to what the process supports.
    ///
    /// # Errors
    /// If the address is not available, or there are no file descriptors.
    pub fn bind(address: SocketAddr, mut limits: Limits) -> io::Result<Server> {
        limits.connections = within_descriptors(limits.connections);
        let listener = TcpListener::bind(address)?;
        lengthen_backlog(&listener)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (shutdown, shutdown_waker) = waker()?;
        let (streams_woken, streams_waker) = waker()?;
        let streams = Arc::new(Streams::new(streams_waker));
        let registry = Arc::new(Registry::new(limits, streams, shutdown_waker));
        Ok(Server { listener, address, registry, shutdown, streams_woken })
    }

    /// Returns the address of the listener, with its real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the handle that ends the server, from any thread.
    #[must_use]
    pub fn handle(&self) -> Shutdown {
        Shutdown::new(Arc::clone(&self.registry))
    }

    /// Serves until [`Shutdown::begin`], then drains. Handlers whose connections were cut may still run when it returns.
    ///
    /// # Errors
    /// If the thread for event streams cannot be started.
    pub fn run(self, service: Arc<dyn Service>) -> io::Result<()> {
        let registry = self.registry;
        let (shared, woken) = (Arc::clone(&registry), self.streams_woken);
        let streams_thread =
            spawn("streams", move || streams::serve(&shared.streams, woken, &shared.limits))?;

        let door =
            Door { listener: self.listener, shutdown: self.shutdown, registry: &registry, service };
        door.accept_until_shutdown();
        drain(&registry);
        registry.streams.end();
        if streams_thread.join().is_err() {
            log::error!("the thread of the event streams panicked");
        }
        Ok(())
    }
}

/// The state of the accept loop. Dropping it closes the port.
struct Door<'r> {
    listener: TcpListener,
    shutdown: Waker,
    registry: &'r Arc<Registry>,
    service: Arc<dyn Service>,
}

impl Door<'_> {
    /// Accepts connections; no error of a client or the system ends this.
    fn accept_until_shutdown(self) {
        let mut failures = Seldom::default();
        let mut refusals = Seldom::default();
        while !self.registry.is_draining() {
            match self.listener.accept() {
                Ok((socket, peer)) => self.admit(socket, peer, &mut refusals),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(true, None);
                }
                // The client disconnected before it was accepted.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
                    ) => {}
                Err(error) => {
                    // File descriptors or memory are used up. The connection stays in the queue, so an immediate retry would
                    // fail again.
                    failures.log(|| log::error!("no connection can be accepted for now: {error}"));
                    self.wait(false, Some(BACK_OFF));
                }
            }
        }
    }

    /// Waits for the shutdown, the time, and, if wanted, a connection.
    fn wait(&self, for_connections: bool, time: Option<Duration>) {
        let shutdown = Source::new(&self.shutdown, Wait::Read);
        let listener = Source::new(&self.listener, Wait::Read);
        let count = if for_connections { 2 } else { 1 };
        // In every case, the loop checks again.
        let _ = poll(&[shutdown, listener][..count], time);
    }

    fn admit(&self, socket: TcpStream, peer: SocketAddr, refusals: &mut Seldom) {
        // On some systems, the socket inherits this from the listener.
        if socket.set_nonblocking(false).is_err() {
            return;
        }
        match self.registry.admit(socket, peer) {
            Ok(connected) => {
                let (service, kept) = (Arc::clone(&self.service), Arc::clone(&connected));
                if let Err(error) =
                    spawn("connection", move || connection::serve(connected, &*service))
                {
                    refusals.log(|| {
                        log::error!(
                            "a connection is refused, as no thread can be started: {error}"
                        );
                    });
                    refuse(&kept.socket, "the server has no thread for another connection");
                }
            }
            Err((socket, full)) => {
                let why = full.why();
                refusals.log(|| log::warn!("a connection from {peer} is refused: {why}"));
                refuse(&socket, why);
            }
        }
    }
}

/// Responds with 503 without waiting for the client. Received bytes are read, because closing with unread bytes resets the
/// connection, and the reset can overtake the response.
fn refuse(mut socket: &TcpStream, why: &'static str) {
    spans::refused(503);
    let mut answer = Vec::new();
    let body = Response::from(&Refusal::new(503, why)).print_head(&mut answer, Some("close"));
    answer.extend_from_slice(&body);
    if socket.set_nonblocking(true).is_err() {
        return;
    }
    // Each of these fails only if the client has disconnected.
    let _ = socket.write(&answer);
    let _ = socket.shutdown(std::net::Shutdown::Write);
    let _ = socket.read(&mut [0; REFUSED_BYTES]);
}

/// Ends what is open: idle connections at once, streams and requests in flight within the drain time, then cuts the rest.
fn drain(registry: &Registry) {
    let deadline = Instant::now() + registry.limits.drain_time;
    registry.all().iter().for_each(|connected| connected.close_if_idle());
    for hook in registry.take_hooks() {
        hook();
    }
    registry.streams.finish();
    if registry.wait_until_drained(deadline) {
        return;
    }
    registry.take_last_hooks().into_iter().for_each(|hook| hook());
    if !registry.wait_until_drained(Instant::now() + ANSWER_TIME) {
        let left = registry.all();
        log::warn!("{} connections did not end in time and are cut", left.len());
        for connected in &left {
            connected.cut();
        }
    }
}

pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).stack_size(STACK_BYTES).spawn(work)
}

/// Logs events that may happen a thousand times a second, but only once in a while.
#[derive(Default)]
struct Seldom {
    last: Option<Instant>,
}

impl Seldom {
    fn log(&mut self, log: impl FnOnce()) {
        if self.last.is_none_or(|last| last.elapsed() >= LOG_EVERY) {
            self.last = Some(Instant::now());
            log();
        }
    }
}
