//! Caches addresses of hosts.
//!
//! ureq resolves the host of every request, in a separate thread, before it looks for an open connection. musl does not cache
//! results, so in the static binary every call would wait for the name server.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::sync::lock;

/// How long a result is cached: as short as the DNS records of services that move their traffic by DNS.
const KEPT: Duration = Duration::from_secs(30);
/// The maximum number of cached hosts: as many as there are modules, plus some redirects.
const MAX_HOSTS: usize = 256;

/// A host and a port.
type Host = (String, u16);

/// When a host was resolved, and its addresses.
type Resolved = (Instant, Vec<SocketAddr>);

/// Resolves a host once in a while. Clones share what they know.
#[derive(Clone, Default)]
pub(super) struct KeepingResolver {
    system: Arc<DefaultResolver>,
    known: Arc<Mutex<HashMap<Host, Resolved>>>,
    /// Whether hosts with a private address are refused.
    public_only: bool,
}

/// A host has an address of a private network, and must not.
#[derive(Debug)]
pub(super) struct PrivateAddress;

impl fmt::Display for PrivateAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the host has an address of a private network")
    }
}

impl std::error::Error for PrivateAddress {}

impl KeepingResolver {
    /// The same for hosts on the internet alone.
    pub fn public_only(&self) -> Self {
        Self { public_only: true, ..self.clone() }
    }

    /// Whether a host that was resolved a moment ago is in a private network.
    pub fn knows_as_private(&self, uri: &Uri) -> bool {
        let (host, port) = host_and_port(uri);
        if let Some(address) = literal(&host) {
            return is_private(address);
        }
        let addresses = self.kept(&(host, port)).unwrap_or_default();
        addresses.iter().any(|address| is_private(address.ip()))
    }

    fn checked(&self, found: ResolvedSocketAddrs) -> Result<ResolvedSocketAddrs, ureq::Error> {
        if self.public_only && found.iter().any(|address| is_private(address.ip())) {
            return Err(ureq::Error::Other(Box::new(PrivateAddress)));
        }
        Ok(found)
    }

    fn kept(&self, host: &Host) -> Option<Vec<SocketAddr>> {
        let known = lock(&self.known);
        known
            .get(host)
            .filter(|(since, _)| since.elapsed() < KEPT)
            .map(|(_, addresses)| addresses.clone())
    }

    pub(super) fn keep(&self, host: Host, addresses: Vec<SocketAddr>) {
        let mut known = lock(&self.known);
        if known.len() >= MAX_HOSTS {
            known.retain(|_, (since, _)| since.elapsed() < KEPT);
        }
        if known.len() < MAX_HOSTS {
            known.insert(host, (Instant::now(), addresses));
        }
    }
}

impl Resolver for KeepingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (host, port) = host_and_port(uri);
        let mut found = self.empty();
        if let Some(address) = literal(&host) {
            found.push(SocketAddr::new(address, port));
            return self.checked(found);
        }
        let key = (host, port);
        if let Some(addresses) = self.kept(&key) {
            for address in addresses {
                found.push(address);
            }
            return self.checked(found);
        }
        let found = self.system.resolve(uri, config, timeout)?;
        self.keep(key, found.to_vec());
        self.checked(found)
    }
}

fn host_and_port(uri: &Uri) -> Host {
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
    (uri.host().unwrap_or_default().to_owned(), port)
}

/// The address of a host that is written as one.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

/// Whether an address is not one of the internet (the registries of RFC 6890): this machine, a private network, a provider's
/// inner network, a link's own, a group's, or one that stands for such an IPv4 address (NAT64, 6to4).
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || matches!(first, 0 | 224..)
                || (first == 100 && (64..128).contains(&second))
                || (first == 192 && second == 0 && address.octets()[2] == 0)
                || (first == 198 && (18..20).contains(&second))
        }
        IpAddr::V6(address) => {
            let [first, second, third, .., seventh, eighth] = address.segments();
            let embedded = |high: u16, low: u16| {
                is_private(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low).to_canonical())
            };
            address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || (first == 0x64 && second == 0xff9b && embedded(seventh, eighth))
                || (first == 0x2002 && embedded(second, third))
                || (address.segments()[..6] == [0; 6] && embedded(seventh, eighth))
        }
    }
}

impl fmt::Debug for KeepingResolver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeepingResolver")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_of_the_internet_are_known() {
        let check = |addresses: &[&str], expected: bool| {
            for address in addresses {
                let parsed = address.parse().expect("the test's address is one");
                assert_eq!(is_private(parsed), expected, "{address}");
            }
        };
        check(
            &[
                "127.0.0.1",
                "0.0.0.0",
                "10.1.2.3",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "169.254.169.254",
                "100.64.0.1",
                "100.127.0.1",
                "192.0.0.1",
                "198.18.0.1",
                "224.0.0.1",
                "255.255.255.255",
                "::1",
                "::",
                "fd00::1",
                "fe80::1",
                "ff02::1",
                "::ffff:10.0.0.1",
                "::10.0.0.1",
                "64:ff9b::169.254.169.254",
                "2002:a00:1::",
            ],
            true,
        );
        check(
            &[
                "93.184.216.34",
                "172.32.0.1",
                "172.15.0.1",
                "100.63.0.1",
                "100.128.0.1",
                "192.0.2.1",
                "198.20.0.1",
                "11.0.0.1",
                "2606:2800:220:1::1",
                "64:ff9b::93.184.216.34",
                "::ffff:93.184.216.34",
                "2002:5db8:d822::",
            ],
            false,
        );
    }

    #[test]
    fn a_resolver_for_the_internet_alone_refuses_private_addresses() {
        let everywhere = KeepingResolver::default();
        let kept = |host: &str, address: [u8; 4]| {
            everywhere.keep((host.to_owned(), 443), vec![SocketAddr::from((address, 443))]);
        };
        kept("public.example", [93, 184, 216, 34]);
        kept("rebound.example", [10, 0, 0, 1]);
        let resolves = |resolver: &KeepingResolver, url: &str| {
            let timeout = NextTimeout::default();
            resolver.resolve(&url.parse().expect("a URL"), &Config::default(), timeout)
        };
        let public = everywhere.public_only();
        for (url, is_public) in [
            ("https://public.example/x", true),
            ("https://rebound.example/x", false),
            ("http://169.254.169.254/latest/meta-data", false),
            ("https://[fd00::1]/", false),
        ] {
            assert!(resolves(&everywhere, url).is_ok(), "{url}");
            assert_eq!(resolves(&public, url).is_ok(), is_public, "{url}");
            assert_eq!(everywhere.knows_as_private(&url.parse().expect("a URL")), !is_public);
        }
        let unknown = "https://unknown.example/".parse().expect("a URL");
        assert!(!everywhere.knows_as_private(&unknown));
    }

    #[test]
    fn an_answer_is_kept_and_the_number_of_hosts_is_bounded() {
        let resolver = KeepingResolver::default();
        let addresses = vec![SocketAddr::from(([127, 0, 0, 1], 80))];
        for number in 0..MAX_HOSTS + 10 {
            resolver.keep((format!("host-{number}"), 80), addresses.clone());
        }
        assert_eq!(resolver.kept(&("host-0".to_owned(), 80)), Some(addresses));
        assert_eq!(resolver.kept(&("host-0".to_owned(), 443)), None);
        assert_eq!(lock(&resolver.known).len(), MAX_HOSTS);
    }
}
