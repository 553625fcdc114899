//! Sockets, beyond what the standard library offers.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use nix::sys::socket::Backlog;

/// One end of a pair that ends a wait in [`poll`](super::poll()).
pub type Waker = UnixStream;

/// A pair to end a wait: the end to wait on, and the end to write a byte to. Neither ever blocks.
///
/// # Errors
/// When there are no descriptors.
pub fn waker() -> io::Result<(Waker, Waker)> {
    let (waiting, waking) = UnixStream::pair()?;
    waiting.set_nonblocking(true)?;
    waking.set_nonblocking(true)?;
    Ok((waiting, waking))
}

/// Lengthens the queue of connections that were not accepted yet to what the system allows.
///
/// The standard library asks for 128. Beyond it a burst's handshakes are dropped and tried again a second later. A second
/// `listen` on the same socket lengthens the queue.
///
/// # Errors
/// When the system refuses.
pub fn lengthen_backlog(listener: &TcpListener) -> io::Result<()> {
    // Linux calls the longest -1 (`MAXCONN` is 128 with musl); systems that do not know -1 have their limit in `MAXCONN`.
    Ok(nix::sys::socket::listen(listener, Backlog::new(-1).unwrap_or(Backlog::MAXCONN))?)
}
