//! Limits on what a client may use: sizes, counts and times.

use std::time::Duration;

use super::forwarded::TrustedProxies;
use crate::os::{open_files, raise_open_files};

/// The limits of the HTTP server. [`Limits::default`] has the values in the description of each field.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; 512. Over it: 503 with `Retry-After`, closed. [`Server::bind`](crate::http::Server::bind)
    /// lowers it when the process may not open enough descriptors.
    pub connections: usize,
    /// Connections open at once from one address; 128. Loopback is exempt: all clients of a laptop share one address. The
    /// connection of a trusted proxy counts for the client whose request it brings.
    pub connections_per_address: usize,
    /// The proxies whose word about their clients' addresses counts; none.
    pub trusted_proxies: TrustedProxies,
    /// Bytes of a request head, from the request line to the empty line, and of the trailers of a body; 16 KiB. Over it: 431.
    pub head_bytes: usize,
    /// Header lines of a request; 100. Over it: 431.
    pub header_count: usize,
    /// Bytes of a request target; 8 KiB. Over it: 414.
    pub target_bytes: usize,
    /// Time for a whole head, from its first byte; 10 s. Over it: 408.
    pub head_time: Duration,
    /// Bytes of a request body, without its framing; 4 MiB. Over it: 413.
    pub body_bytes: usize,
    /// Bytes of all request bodies at once; 64 MiB. Over it: 503.
    pub all_bodies_bytes: usize,
    /// Time for a whole body, from the end of its head; 30 s. Over it: 408.
    pub body_time: Duration,
    /// Bytes of the body of a request that no known caller sends; 64 KiB. Over it: 413.
    pub stranger_body_bytes: usize,
    /// Bytes of all such bodies at once; 1 MiB. Over it: 503.
    pub all_stranger_bodies_bytes: usize,
    /// The least bytes a second of such a body, on the average; 1 KiB. Under it: 408.
    pub stranger_bytes_per_second: usize,
    /// How long a connection may wait for a request; 75 s. Over it: closed without a word.
    pub idle_time: Duration,
    /// How long a client may read nothing of a response; 30 s. Over it: closed.
    pub write_stall: Duration,
    /// Silence on a parked event stream after which a comment keeps it open; 15 s.
    pub event_comment_every: Duration,
    /// How long requests in flight may continue after the shutdown began; 8 s. Over it: cut.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 512,
            connections_per_address: 128,
            trusted_proxies: TrustedProxies::default(),
            head_bytes: 16 * 1024,
            header_count: 100,
            target_bytes: 8 * 1024,
            head_time: Duration::from_secs(10),
            body_bytes: 4 * 1024 * 1024,
            all_bodies_bytes: 64 * 1024 * 1024,
            body_time: Duration::from_secs(30),
            stranger_body_bytes: 64 * 1024,
            all_stranger_bodies_bytes: 1024 * 1024,
            stranger_bytes_per_second: 1024,
            idle_time: Duration::from_secs(75),
            write_stall: Duration::from_secs(30),
            event_comment_every: Duration::from_secs(15),
            drain_time: Duration::from_secs(8),
        }
    }
}

/// File descriptors that a connection may need: its socket and one to a service.
const DESCRIPTORS_PER_CONNECTION: usize = 2;
/// File descriptors for everything except connections: standard streams, listener, wakers, telemetry, files.
const DESCRIPTORS_RESERVED: usize = 32;

/// Returns how many connections the process can have, at most `wanted`. If the soft limit of file descriptors is too low, it is
/// raised to the hard limit; if that is still too low, a warning is logged.
pub(super) fn within_descriptors(wanted: usize) -> usize {
    let needed =
        wanted.saturating_mul(DESCRIPTORS_PER_CONNECTION).saturating_add(DESCRIPTORS_RESERVED);
    let Some((soft, hard)) = open_files() else { return wanted };
    let open = if soft < needed && soft < hard && raise_open_files() { hard } else { soft };
    let possible = connections_for(open);
    if possible < wanted {
        log::warn!(
            "the process may open {open} files, so {possible} connections are accepted at once instead of {wanted}; \
             allow {needed} (ulimit -n) for all of them"
        );
    }
    wanted.min(possible)
}

fn connections_for(descriptors: usize) -> usize {
    (descriptors.saturating_sub(DESCRIPTORS_RESERVED) / DESCRIPTORS_PER_CONNECTION).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_descriptor_limit_leaves_room_for_upstream_connections() {
        for (descriptors, connections) in
            [(0, 1), (33, 1), (64, 16), (1056, 512), (usize::MAX, usize::MAX / 2 - 16)]
        {
            assert_eq!(connections_for(descriptors), connections, "{descriptors} descriptors");
        }
    }
}
