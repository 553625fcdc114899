//! Which connections are open: the caps, the drain and the gauge all come from this one table.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::limits::Limits;
use super::memory::BodyMemory;
use super::streams::Streams;
use crate::os::{Source, Wait, Waker, poll};
use crate::sync::lock;

type Hook = Box<dyn FnOnce() + Send>;

const SERVING: u8 = 0;
const DRAINING: u8 = 1;
const CUT: u8 = 2;

/// What the accept loop, the connections, the streams thread and the shutdown handle share.
pub(super) struct Registry {
    pub(super) limits: Limits,
    pub(super) streams: Arc<Streams>,
    pub(super) bodies: BodyMemory,
    table: Mutex<Table>,
    /// Signalled when the last connection has gone, and when the drain is to end early.
    drained: Condvar,
    phase: AtomicU8,
    /// Ends the accept loop's wait.
    waker: Waker,
    /// Nothing once the shutdown began.
    hooks: Mutex<Option<Vec<Hook>>>,
    /// What is run when the drain time is over.
    last_hooks: Mutex<Vec<Hook>>,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Weak<Connected>>,
    per_address: HashMap<IpAddr, usize>,
}

/// Why a connection is not taken.
pub(super) enum Full {
    InAll,
    ForAddress,
}

/// An open connection and its place under the caps, which it returns when it is dropped.
pub(super) struct Connected {
    pub(super) socket: TcpStream,
    /// The client, with an IPv4 address even where the socket is an IPv6 one.
    pub(super) peer: SocketAddr,
    id: u64,
    /// Whether it waits for a request, so that a drain may close it.
    idle: AtomicBool,
    registry: Arc<Registry>,
}

impl Registry {
    pub(super) fn new(limits: Limits, streams: Arc<Streams>, waker: Waker) -> Registry {
        Registry {
            limits,
            streams,
            bodies: BodyMemory::default(),
            table: Mutex::default(),
            drained: Condvar::new(),
            phase: AtomicU8::new(SERVING),
            waker,
            hooks: Mutex::new(Some(Vec::new())),
            last_hooks: Mutex::default(),
        }
    }

    /// Gives the connection a place. Returns the socket if there is none.
    pub(super) fn admit(
        self: &Arc<Registry>,
        socket: TcpStream,
        peer: SocketAddr,
    ) -> Result<Arc<Connected>, (TcpStream, Full)> {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let mut table = lock(&self.table);
        if table.open.len() >= self.limits.connections {
            return Err((socket, Full::InAll));
        }
        if !peer.ip().is_loopback() {
            let from_address = table.per_address.entry(peer.ip()).or_default();
            if *from_address >= self.limits.connections_per_address {
                return Err((socket, Full::ForAddress));
            }
            *from_address += 1;
        }
        let id = table.next;
        table.next += 1;
        let connected = Arc::new(Connected {
            socket,
            peer,
            id,
            idle: AtomicBool::new(false),
            registry: Arc::clone(self),
        });
        table.open.insert(id, Arc::downgrade(&connected));
        Ok(connected)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.phase.load(Ordering::SeqCst) != SERVING
    }

    /// How many connections are open.
    pub(super) fn connections(&self) -> usize {
        lock(&self.table).open.len()
    }

    /// Every open connection. They are collected first: dropping one takes the table's lock.
    pub(super) fn all(&self) -> Vec<Arc<Connected>> {
        lock(&self.table).open.values().filter_map(Weak::upgrade).collect()
    }

    /// Waits until every connection has gone; false when the deadline or a second [`Shutdown::begin`] came first.
    pub(super) fn wait_until_drained(&self, deadline: Instant) -> bool {
        let mut table = lock(&self.table);
        loop {
            if table.open.is_empty() {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.phase.load(Ordering::SeqCst) == CUT {
                return false;
            }
            table =
                self.drained.wait_timeout(table, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The hooks that wait for the shutdown; those that come later are run when they come.
    pub(super) fn take_hooks(&self) -> Vec<Hook> {
        lock(&self.hooks).take().unwrap_or_default()
    }

    /// The hooks that wait for the end of the drain time.
    pub(super) fn take_last_hooks(&self) -> Vec<Hook> {
        std::mem::take(&mut *lock(&self.last_hooks))
    }
}

impl Connected {
    pub(super) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.registry.limits
    }

    /// Notes that the connection waits for a request; false when it must not, because the server drains.
    ///
    /// The drain first says that it drains and then looks for idle ones, this says idle and then looks for the drain: in
    /// every order one of the two notices the other.
    pub(super) fn begin_idle(&self) -> bool {
        self.idle.store(true, Ordering::SeqCst);
        !self.registry.is_draining()
    }

    pub(super) fn end_idle(&self) {
        self.idle.store(false, Ordering::SeqCst);
    }

    /// Ends the wait for a request, if there is one.
    pub(super) fn close_if_idle(&self) {
        if self.idle.load(Ordering::SeqCst) {
            let _ = self.socket.shutdown(std::net::Shutdown::Read);
        }
    }

    /// Whether the client has closed the connection. Looks without waiting.
    pub(super) fn client_gone(&self) -> bool {
        let socket = Source::new(&self.socket, Wait::Read);
        let Some(ready) = poll(&[socket], Some(Duration::ZERO)) else { return false };
        // Where it is readable, this does not wait: a byte, or the end.
        ready[0].broken || (ready[0].read && !matches!(self.socket.peek(&mut [0]), Ok(1..)))
    }

    /// Ends everything that the connection does with its socket.
    pub(super) fn cut(&self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut table = lock(&self.registry.table);
        table.open.remove(&self.id);
        if let Some(from_address) = table.per_address.get_mut(&self.peer.ip()) {
            *from_address -= 1;
            if *from_address == 0 {
                table.per_address.remove(&self.peer.ip());
            }
        }
        if table.open.is_empty() {
            self.registry.drained.notify_all();
        }
    }
}

/// Ends a [`Server`](crate::http::Server) from any thread.
#[derive(Clone)]
pub struct Shutdown {
    registry: Arc<Registry>,
}

impl Shutdown {
    pub(super) fn new(registry: Arc<Registry>) -> Shutdown {
        Shutdown { registry }
    }

    /// Begins the drain: no new connections, idle ones are closed, requests in flight may end within
    /// [`Limits::drain_time`](crate::http::Limits::drain_time), event streams are finished. A second call ends the drain at once.
    pub fn begin(&self) {
        let began = self.registry.phase.compare_exchange(
            SERVING,
            DRAINING,
            Ordering::SeqCst,
            Ordering::SeqCst,
        );
        if began.is_ok() {
            let _ = (&self.registry.waker).write(&[1]);
        } else {
            // Under the lock, so that it does not fall between the drain's look at the phase and its wait.
            let _table = lock(&self.registry.table);
            self.registry.phase.store(CUT, Ordering::SeqCst);
            self.registry.drained.notify_all();
        }
    }

    /// Whether the drain has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.registry.is_draining()
    }

    /// Has `hook` run by the server's thread when the drain begins, before parked streams are finished: the place for their
    /// owners to send a last event. It runs at once when the drain has begun already.
    pub fn on_begin(&self, hook: Box<dyn FnOnce() + Send>) {
        let mut hooks = lock(&self.registry.hooks);
        if let Some(hooks) = hooks.as_mut() {
            hooks.push(hook);
        } else {
            drop(hooks);
            hook();
        }
    }

    /// Runs `hook` when the drain time is over and requests still run, a second before their connections are cut: the place to
    /// cancel them, so that they are answered.
    pub fn on_end(&self, hook: Box<dyn FnOnce() + Send>) {
        lock(&self.registry.last_hooks).push(hook);
    }

    /// How many connections are open, parked event streams included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.registry.connections()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A registry with these caps, and a source of sockets for it.
    fn registry(
        connections: usize,
        connections_per_address: usize,
    ) -> (Arc<Registry>, impl Fn() -> TcpStream) {
        let limits = Limits { connections, connections_per_address, ..Limits::default() };
        let (_, waking) = crate::os::waker().expect("descriptors are left");
        let (_, streams_waking) = crate::os::waker().expect("descriptors are left");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let socket = move || {
            TcpStream::connect(listener.local_addr().expect("it listens"))
                .expect("the backlog has room")
        };
        (Arc::new(Registry::new(limits, Arc::new(Streams::new(streams_waking)), waking)), socket)
    }

    fn peer(ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().expect("the test's address is one"), 4000)
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let (registry, socket) = registry(10, 2);
        let first = registry.admit(socket(), peer("192.0.2.1")).ok();
        let second = registry.admit(socket(), peer("::ffff:192.0.2.1")).ok();
        assert!(first.is_some() && second.is_some());
        let third = registry.admit(socket(), peer("192.0.2.1"));
        assert!(
            matches!(third, Err((_, Full::ForAddress))),
            "an IPv4 address has one share, however it is written"
        );
        let other = registry.admit(socket(), peer("192.0.2.2")).ok();
        assert!(other.is_some(), "another address has its own share");
        drop(second);
        assert!(registry.admit(socket(), peer("192.0.2.1")).is_ok());
        drop((first, other));
        assert_eq!(registry.connections(), 0);
        assert!(
            lock(&registry.table).per_address.is_empty(),
            "an address that is gone is not remembered"
        );
    }

    #[test]
    fn loopback_is_bounded_only_in_all() {
        let (registry, socket) = registry(3, 1);
        let addresses = ["127.0.0.1", "127.0.0.1", "::1"];
        let admitted: Vec<_> =
            addresses.iter().map(|ip| registry.admit(socket(), peer(ip)).ok()).collect();
        assert!(admitted.iter().all(Option::is_some));
        assert!(matches!(registry.admit(socket(), peer("127.0.0.1")), Err((_, Full::InAll))));
    }
}
