//! Caches addresses of hosts.
//!
//! ureq resolves the host of every request, in a separate thread, before it looks for an open connection. musl does not cache
//! results, so in the static binary every call would wait for the name server.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
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

/// Resolves a host and caches the result.
#[derive(Default)]
pub(super) struct KeepingResolver {
    system: DefaultResolver,
    known: Mutex<HashMap<Host, (Instant, Vec<SocketAddr>)>>,
}

impl KeepingResolver {
    fn kept(&self, host: &Host) -> Option<Vec<SocketAddr>> {
        let known = lock(&self.known);
        known
            .get(host)
            .filter(|(since, _)| since.elapsed() < KEPT)
            .map(|(_, addresses)| addresses.clone())
    }

    fn keep(&self, host: Host, addresses: Vec<SocketAddr>) {
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
        let host = uri.host().unwrap_or_default();
        let port =
            uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let mut found = self.empty();
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            found.push(SocketAddr::new(address, port));
            return Ok(found);
        }
        let key = (host.to_owned(), port);
        if let Some(addresses) = self.kept(&key) {
            for address in addresses {
                found.push(address);
            }
            return Ok(found);
        }
        let found = self.system.resolve(uri, config, timeout)?;
        self.keep(key, found.to_vec());
        Ok(found)
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
