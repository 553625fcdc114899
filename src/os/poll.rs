//! Waits for several sockets at once, with poll(2).

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout};

/// A socket to wait for.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    descriptor: BorrowedFd<'a>,
    wait: Wait,
}

/// The events to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Data, a connection, or the end.
    Read,
    /// The same, or space for data to write.
    ReadOrWrite,
}

/// The events that happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ready {
    /// There is data or a connection, or the peer has closed.
    pub read: bool,
    /// There is space for data to write.
    pub write: bool,
    /// The connection is broken or closed.
    pub broken: bool,
}

impl<'a> Source<'a> {
    /// Waits for this socket.
    pub fn new(socket: &'a impl AsFd, wait: Wait) -> Self {
        Self { descriptor: socket.as_fd(), wait }
    }
}

impl Ready {
    /// Returns whether any event happened.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// Waits until a source is ready or the time is over; without a time, it waits without a limit. Returns the events of each
/// source, in their order. `None` if a signal interrupted the wait: call it again.
#[must_use]
pub fn poll(sources: &[Source<'_>], time: Option<Duration>) -> Option<Vec<Ready>> {
    let mut descriptors: Vec<_> = sources
        .iter()
        .map(|source| {
            let flags = match source.wait {
                Wait::Read => PollFlags::POLLIN,
                Wait::ReadOrWrite => PollFlags::POLLIN | PollFlags::POLLOUT,
            };
            PollFd::new(source.descriptor, flags)
        })
        .collect();
    let time = match time {
        None => PollTimeout::NONE,
        Some(Duration::ZERO) => PollTimeout::ZERO,
        // Rounded up, so that the wait does not end early.
        Some(time) => PollTimeout::try_from(time.as_millis() + 1).unwrap_or(PollTimeout::MAX),
    };
    // Only a signal can cause an error here.
    nix::poll::poll(&mut descriptors, time).ok()?;
    let ready = |descriptor: &PollFd<'_>| {
        let flags = descriptor.revents().unwrap_or(PollFlags::POLLERR);
        Ready {
            read: flags.contains(PollFlags::POLLIN),
            write: flags.contains(PollFlags::POLLOUT),
            broken: flags.intersects(PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL),
        }
    };
    Some(descriptors.iter().map(ready).collect())
}
