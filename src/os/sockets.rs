//! Socket functions that the standard library does not have.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use nix::sys::socket::Backlog;

/// One end of a pair that ends a wait in [`poll`](super::poll()).
pub type Waker = UnixStream;

/// Returns a pair to end a wait: the end to wait for, and the end to write a byte to. Neither ever blocks.
///
/// # Errors
/// If no file descriptors are left.
pub fn waker() -> io::Result<(Waker, Waker)> {
    let (waiting, waking) = UnixStream::pair()?;
    waiting.set_nonblocking(true)?;
    waking.set_nonblocking(true)?;
    Ok((waiting, waking))
}

/// Extends the queue of connections that are not accepted yet to the system's limit.
///
/// The standard library asks for 128. Beyond that, the handshakes of a burst are dropped and retried a second later. A second
/// `listen` on the same socket extends the queue.
///
/// # Errors
/// If the system call fails.
pub fn lengthen_backlog(listener: &TcpListener) -> io::Result<()> {
    // On Linux, -1 means the maximum (`MAXCONN` is 128 with musl); other systems have their maximum in `MAXCONN`.
    Ok(nix::sys::socket::listen(listener, Backlog::new(-1).unwrap_or(Backlog::MAXCONN))?)
}
