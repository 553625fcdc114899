//! The table of open connections: the caps, the drain and the gauge all use it.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::forwarded::one_client;
use super::limits::Limits;
use super::memory::BodyMemory;
use super::response::Refusal;
use super::streams::Streams;
use crate::os::{Source, Wait, Waker, poll};
use crate::sync::lock;

type Hook = Box<dyn FnOnce() + Send>;

const SERVING: u8 = 0;
const DRAINING: u8 = 1;
const CUT: u8 = 2;

/// State shared by the accept loop, the connections, the streams thread and the shutdown handle.
pub(super) struct Registry {
    pub(super) limits: Limits,
    pub(super) streams: Arc<Streams>,
    pub(super) bodies: BodyMemory,
    table: Mutex<Table>,
    /// Signalled when the last connection has closed, and when the drain must end early.
    drained: Condvar,
    phase: AtomicU8,
    /// Ends the accept loop's wait.
    waker: Waker,
    /// `None` after the shutdown has begun.
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

/// Why a connection is refused.
pub(super) enum Full {
    InAll,
    ForAddress,
}

impl Full {
    /// Why, for the client and the log.
    pub(super) const fn why(&self) -> &'static str {
        match self {
            Full::InAll => "the server has as many connections open as it can hold",
            Full::ForAddress => "this address has as many connections open as one may have",
        }
    }
}

/// One of the connections that an address may have; given back when it is dropped.
struct Share {
    registry: Arc<Registry>,
    client: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut table = lock(&self.registry.table);
        if let Some(count) = table.per_address.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                table.per_address.remove(&self.client);
            }
        }
    }
}

/// An open connection and its place under the caps, which it returns when it is dropped.
pub(super) struct Connected {
    pub(super) socket: TcpStream,
    /// The client's address; an IPv4-mapped IPv6 address is stored as IPv4.
    pub(super) peer: SocketAddr,
    id: u64,
    /// Where the connection counts: for the other end, or for the client whose request a trusted proxy brings.
    share: Mutex<Option<Share>>,
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

    /// Registers the connection. Returns the socket and the reason if a cap is reached.
    pub(super) fn admit(
        self: &Arc<Registry>,
        socket: TcpStream,
        peer: SocketAddr,
    ) -> Result<Arc<Connected>, (TcpStream, Full)> {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if self.connections() >= self.limits.connections {
            return Err((socket, Full::InAll));
        }
        // What a trusted proxy brings counts for its clients, which the heads of the requests name.
        let share = if self.limits.trusted_proxies.contains(peer.ip()) {
            None
        } else {
            match self.share(peer.ip()) {
                Ok(share) => share,
                Err(full) => return Err((socket, full)),
            }
        };
        let mut table = lock(&self.table);
        let id = table.next;
        table.next += 1;
        let connected = Arc::new(Connected {
            socket,
            peer,
            id,
            share: Mutex::new(share),
            idle: AtomicBool::new(false),
            registry: Arc::clone(self),
        });
        table.open.insert(id, Arc::downgrade(&connected));
        Ok(connected)
    }

    /// One of the connections that an address may have; `None` for loopback, whose clients all share one address.
    fn share(self: &Arc<Registry>, address: IpAddr) -> Result<Option<Share>, Full> {
        if address.is_loopback() {
            return Ok(None);
        }
        let client = one_client(address);
        let mut table = lock(&self.table);
        let count = table.per_address.entry(client).or_default();
        if *count >= self.limits.connections_per_address {
            return Err(Full::ForAddress);
        }
        *count += 1;
        drop(table);
        Ok(Some(Share { registry: Arc::clone(self), client }))
    }

    pub(super) fn is_draining(&self) -> bool {
        self.phase.load(Ordering::SeqCst) != SERVING
    }

    /// Returns the number of open connections.
    pub(super) fn connections(&self) -> usize {
        lock(&self.table).open.len()
    }

    /// Returns every open connection. They are collected first, because dropping one takes the table's lock.
    pub(super) fn all(&self) -> Vec<Arc<Connected>> {
        lock(&self.table).open.values().filter_map(Weak::upgrade).collect()
    }

    /// Waits until every connection is closed. Returns false if the deadline or a second [`Shutdown::begin`] comes first.
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

    /// Takes the hooks that run at shutdown. Hooks that are added later run at once.
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

    /// Counts the connection for the client whose request a trusted proxy brings, until [`Connected::end_request`].
    ///
    /// # Errors
    /// A refusal if the client has as many connections as one may have.
    pub(super) fn begin_request(&self, client: IpAddr) -> Result<(), Refusal> {
        if self.is_proxy() {
            let share = self.registry.share(client);
            *lock(&self.share) = share.map_err(|full| Refusal::new(503, full.why()))?;
        }
        Ok(())
    }

    /// Counts the connection of a trusted proxy for no client, until it brings another request.
    pub(super) fn end_request(&self) {
        if self.is_proxy() {
            lock(&self.share).take();
        }
    }

    fn is_proxy(&self) -> bool {
        self.limits().trusted_proxies.contains(self.peer.ip())
    }

    /// Notes that the connection waits for a request; false when it must not, because the server drains.
    ///
    /// Both sides publish their flag before they read the other's, so at least one always sees the other.
    pub(super) fn begin_idle(&self) -> bool {
        self.idle.store(true, Ordering::SeqCst);
        !self.registry.is_draining()
    }

    pub(super) fn end_idle(&self) {
        self.idle.store(false, Ordering::SeqCst);
    }

    /// Ends the wait for a request, if the connection is waiting.
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

    /// Begins the drain: new connections are refused, idle ones are closed, requests in flight may end within
    /// [`Limits::drain_time`](crate::http::Limits::drain_time), and event streams are finished. A second call ends the drain at
    /// once.
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
            // The lock keeps this from happening between the drain's check of the phase and its wait.
            let _table = lock(&self.registry.table);
            self.registry.phase.store(CUT, Ordering::SeqCst);
            self.registry.drained.notify_all();
        }
    }

    /// Returns whether the drain has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.registry.is_draining()
    }

    /// Registers `hook`, which the server's thread runs when the drain begins, before parked streams are finished, so that
    /// their owners can send a last event. If the drain has already begun, `hook` runs at once.
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

    /// Returns a registry with these caps, and a source of sockets for it.
    fn registry(
        connections: usize,
        connections_per_address: usize,
    ) -> (Arc<Registry>, impl Fn() -> TcpStream) {
        let trusted_proxies = "10.0.0.0/8".parse().expect("it is a range");
        let limits =
            Limits { connections, connections_per_address, trusted_proxies, ..Limits::default() };
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
        SocketAddr::new(ip.parse().expect("the test's address is valid"), 4000)
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
    fn what_a_trusted_proxy_brings_counts_for_its_clients_while_it_lasts() {
        let (registry, socket) = registry(10, 1);
        let proxy =
            || registry.admit(socket(), peer("10.0.0.1")).ok().expect("a proxy has no share");
        let client = |text: &str| text.parse().expect("the test's address is one");
        let (one, other, third) = (proxy(), proxy(), proxy());
        assert!(one.begin_request(client("203.0.113.1")).is_ok());
        assert_eq!(
            other.begin_request(client("203.0.113.1")).map_err(|refusal| refusal.status),
            Err(503)
        );
        assert!(other.begin_request(client("203.0.113.2")).is_ok());
        assert!(third.begin_request(client("2001:db8::1")).is_ok());
        one.end_request();
        assert!(one.begin_request(client("2001:db8:0:1::1")).is_ok(), "another network of 64 bits");
        other.end_request();
        assert!(other.begin_request(client("2001:db8::2")).is_err(), "the same network");
        drop((one, third));
        assert!(other.begin_request(client("2001:db8::2")).is_ok());
        drop(other);
        assert!(lock(&registry.table).per_address.is_empty());
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
