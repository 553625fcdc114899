//! Differences between operating systems: the only module with `cfg(unix)` or `cfg(windows)` and with the system's own names.

mod files;
mod poll;
mod private;
mod signals;
mod sockets;

pub use files::{open_files, raise_open_files};
pub use poll::{Ready, Source, Wait, poll};
pub use private::{is_private, make_private_folder, write_private_file};
pub use signals::{Signal, Signals};
pub use sockets::{Waker, lengthen_backlog, waker};
