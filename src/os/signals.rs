//! The signals that ask the process to stop.

use std::io;

use nix::sys::signal::{self, SigSet};

/// SIGTERM and SIGINT, blocked in all threads of the process.
pub struct Signals(SigSet);

/// A received signal.
#[derive(Debug, Clone, Copy)]
pub struct Signal(signal::Signal);

impl Signals {
    /// Blocks the signals. Must be called before any thread starts, so that all threads inherit it.
    ///
    /// # Errors
    /// If the system call fails.
    pub fn block() -> io::Result<Self> {
        let signals = SigSet::from_iter([signal::Signal::SIGTERM, signal::Signal::SIGINT]);
        signals.thread_block()?;
        Ok(Self(signals))
    }

    /// Waits for the next signal; `None` if that is not possible.
    #[must_use]
    pub fn wait(&self) -> Option<Signal> {
        self.0.wait().ok().map(Signal)
    }
}

impl Signal {
    /// Returns its name, such as `SIGTERM`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.as_str()
    }

    /// Returns the exit code with which a shell reports a program that the signal ended.
    #[must_use]
    pub const fn exit_code(self) -> i32 {
        128 + self.0 as i32
    }
}
