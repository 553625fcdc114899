//! Checks `Host` and `Origin`: web pages of other sites, and names that were made to point here, get nothing (DNS rebinding).

use std::net::IpAddr;

use crate::error::{Code, Error};
use crate::mcp::headers::Lookup;

/// The names of this server, and the sites whose pages may call it.
#[derive(Debug, Clone)]
pub struct Origins {
    /// Names that `Host` may have, without a port; `None` for any name, because a load balancer has already selected this
    /// server by name.
    hosts: Option<Vec<String>>,
    /// Whether every IP address and every name without a dot is also allowed: strangers can make only names with dots point
    /// here.
    by_address: bool,
    /// Allowed origins besides loopback ones, as `https://name[:port]`.
    sites: Vec<String>,
    loopback: bool,
}

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl Origins {
    /// Local mode: loopback names and the address that the server listens on. If that is not a loopback address, also every
    /// name that no stranger can make point here.
    #[must_use]
    pub fn local(address: IpAddr) -> Self {
        let is_loopback = address.is_loopback();
        let mut hosts = LOOPBACK.map(str::to_owned).to_vec();
        hosts.push(match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        });
        // In a container, clients use a different address from the one that the server listens on.
        Self { hosts: Some(hosts), by_address: !is_loopback, sites: Vec::new(), loopback: true }
    }

    /// Hosted mode: any `Host`, and pages of these origins.
    #[must_use]
    pub const fn hosted(sites: Vec<String>) -> Self {
        Self { hosts: None, by_address: false, sites, loopback: false }
    }

    /// Checks `Host` and `Origin`.
    ///
    /// # Errors
    /// [`Code::ForeignOrigin`] naming the header and its value.
    pub fn check(&self, headers: &dyn Lookup) -> Result<(), Error> {
        self.check_host(headers)?;
        match headers.get("origin") {
            Some(origin) if !self.admit(origin) => Err(foreign(
                "Origin",
                origin,
                "Calls from web pages are accepted from this machine and configured sites alone.",
            )),
            _ => Ok(()),
        }
    }

    /// Checks only `Host`, for resources that every page may request.
    ///
    /// # Errors
    /// As [`Origins::check`].
    pub(super) fn check_host(&self, headers: &dyn Lookup) -> Result<(), Error> {
        if let (Some(hosts), Some(host)) = (&self.hosts, headers.get("host"))
            && !hosts.iter().any(|known| known.eq_ignore_ascii_case(without_port(host)))
            && !(self.by_address && cannot_be_rebound(without_port(host)))
        {
            return Err(foreign(
                "Host",
                host,
                "Use http://127.0.0.1 or http://localhost with the port.",
            ));
        }
        Ok(())
    }

    /// Returns whether pages of this origin may call the server and read its responses.
    pub(super) fn admit(&self, origin: &str) -> bool {
        let is_loopback =
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).is_some_and(
                |host| LOOPBACK.iter().any(|known| known.eq_ignore_ascii_case(without_port(host))),
            );
        let is_known = self.sites.iter().any(|known| known.eq_ignore_ascii_case(origin));
        is_known || self.loopback && is_loopback
    }

    /// Returns whether every page may read what needs no token. Not in local mode, so that no page learns that the server
    /// exists.
    pub(super) const fn any_may_read(&self) -> bool {
        !self.loopback
    }
}

fn foreign(name: &str, value: &str, right: &str) -> Error {
    Error::new(
        Code::ForeignOrigin,
        format!("{name} {value:?} is not one that this server answers to"),
    )
    .with_hint(right.to_owned())
}

/// Returns whether a host is an IP address, or a name that only the local network resolves; not a domain of a stranger.
fn cannot_be_rebound(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_label = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && host.bytes().any(|byte| byte.is_ascii_alphabetic());
    address.parse::<IpAddr>().is_ok() || is_label
}

/// Returns `name:8088` without its port; brackets of an IPv6 address stay.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_and_pages_reach_a_local_server() {
        let check = |host: &str, origin: Option<&str>, passes: bool| {
            let mut pairs = vec![("Host", host)];
            pairs.extend(origin.map(|origin| ("Origin", origin)));
            assert_eq!(
                Origins::local(IpAddr::from([127, 0, 0, 2])).check(&pairs.as_slice()).is_ok(),
                passes,
                "{pairs:?}"
            );
        };
        check("localhost:8088", None, true);
        check("LOCALHOST", Some("http://localhost:3000"), true);
        check("127.0.0.1", Some("https://127.0.0.1"), true);
        check("[::1]:8088", Some("http://[::1]:6274"), true);
        check("127.0.0.2:8088", None, true);
        check("127.0.0.3:8088", None, false);
        check("evil.example.com", None, false);
        check("127.0.0.1.evil.example.com:8088", None, false);
        check("localhost@evil.example.com", None, false);
        check("localhost:8088", Some("http://evil.example.com"), false);
        check("localhost:8088", Some("null"), false);
        check("localhost:8088", Some("http://localhost.evil.example.com"), false);
        check("localhost:8088", Some("file://localhost"), false);
        check("", None, false);
    }

    #[test]
    fn a_local_server_for_others_is_reached_by_addresses_and_local_names() {
        let origins = Origins::local(IpAddr::from([0, 0, 0, 0]));
        let check = |host: &str, passes: bool| {
            assert_eq!(origins.check(&[("Host", host)].as_slice()).is_ok(), passes, "{host}");
        };
        for right in
            ["localhost:8088", "192.0.2.7:8088", "[2001:db8::1]:8088", "mcpist", "my-nas:8088"]
        {
            check(right, true);
        }
        for wrong in
            ["evil.example.com", "192.0.2.7.example.com", "evil.example.com:8088", "a.b", "", "a@b"]
        {
            check(wrong, false);
        }
        let foreign = [("Host", "mcpist"), ("Origin", "http://mcpist")];
        assert!(origins.check(&foreign.as_slice()).is_err());
    }

    #[test]
    fn a_hosted_server_takes_any_name_but_only_pages_of_its_sites() {
        let origins = Origins::hosted(vec!["https://mcpist.app".to_owned()]);
        let check = |origin: &str| {
            origins.check(&[("Host", "anything"), ("Origin", origin)].as_slice()).is_ok()
        };
        assert!(check("https://mcpist.app"));
        assert!(!check("http://localhost:3000"));
        assert!(!check("https://mcpist.app.evil.example.com"));
    }
}
