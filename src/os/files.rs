//! The limit of open files and sockets.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Returns the soft and the hard limit of open files; `None` if the system does not report them.
#[must_use]
pub fn open_files() -> Option<(usize, usize)> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let number = |limit| usize::try_from(limit).unwrap_or(usize::MAX);
    Some((number(soft), number(hard)))
}

/// Raises the soft limit of open files to the hard one. Returns whether that succeeded.
#[must_use]
pub fn raise_open_files() -> bool {
    getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard))
        .is_ok()
}
