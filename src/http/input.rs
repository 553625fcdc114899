//! Received bytes of a connection that are not used yet.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Holds a typical request with a token and some kilobytes of JSON, so that it takes one read.
const USUAL_BYTES: usize = 8 * 1024;
/// A larger buffer is released between requests.
pub(super) const KEPT_BYTES: usize = 16 * 1024;

/// The read side of a connection: a buffer before the socket.
pub(super) struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The socket's current read timeout, to save the call that sets it.
    timeout: Option<Duration>,
}

impl Input {
    pub(super) fn new() -> Input {
        Input { buffer: vec![0; USUAL_BYTES], start: 0, end: 0, timeout: None }
    }

    /// Returns the received bytes that are not used yet.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Removes the first `count` bytes.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            if self.buffer.len() > KEPT_BYTES {
                self.buffer = vec![0; USUAL_BYTES];
            }
        }
    }

    /// Waits for more bytes until the deadline. Returns their number; 0 at the end.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] at the deadline, and the socket's own errors.
    pub(super) fn fill_until(
        &mut self,
        socket: &TcpStream,
        deadline: Instant,
    ) -> io::Result<usize> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.fill_within(socket, left)
    }

    /// Like [`Input::fill_until`], with a time instead of a deadline.
    pub(super) fn fill_within(
        &mut self,
        mut socket: &TcpStream,
        time: Duration,
    ) -> io::Result<usize> {
        if self.timeout != Some(time) {
            socket.set_read_timeout(Some(time))?;
            self.timeout = Some(time);
        }
        self.make_room();
        loop {
            match socket.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The error of a read timeout differs between systems.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(ErrorKind::TimedOut.into());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn make_room(&mut self) {
        if self.end < self.buffer.len() {
            return;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        } else {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }
}
