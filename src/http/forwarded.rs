//! Which client a request comes from, where a proxy brings it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::head::Headers;

/// The proxies whose word about their clients counts. Any client can send the same headers, so no one else's does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    prefix: u32,
}

/// What is wrong with a list of proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotProxies(String);

impl fmt::Display for NotProxies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for TrustedProxies {
    type Err = NotProxies;

    /// Reads addresses and ranges such as `10.0.0.0/8` or `2001:db8::/32`, separated by commas or spaces.
    fn from_str(text: &str) -> Result<TrustedProxies, NotProxies> {
        let entries = text.split([',', ' ']).filter(|entry| !entry.is_empty());
        let networks: Vec<_> = entries.map(Network::parse).collect::<Result<_, _>>()?;
        if networks.is_empty() {
            return Err(NotProxies("it names no address".to_owned()));
        }
        Ok(TrustedProxies(networks))
    }
}

impl TrustedProxies {
    /// Whether a connection from this address is a proxy's.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client's address: the last hop in `X-Forwarded-For` or `Forwarded` (RFC 7239) that is not a trusted proxy. It is
    /// `peer` itself if that is not a trusted proxy, if it does not name a client, and if the two headers contradict each
    /// other: a proxy sets one of them, and passes on what the client wrote into the other.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &Headers) -> IpAddr {
        if !self.contains(peer) {
            return peer;
        }
        let listed: Vec<_> = headers.get_all("x-forwarded-for").collect();
        let listed: Vec<_> = listed.iter().flat_map(|line| line.split(',')).collect();
        let told: Vec<_> = headers.get_all("forwarded").collect();
        let told: Vec<_> = told.iter().flat_map(|line| elements(line, ',')).map(node).collect();
        match (self.last_untrusted(peer, &listed), self.last_untrusted(peer, &told)) {
            (Some(one), Some(other)) if one != other => peer,
            (Some(client), _) | (None, Some(client)) => client,
            (None, None) => peer,
        }
    }

    /// The last of `hops` that is not a trusted proxy; if there is none, or a hop is not an address, the last address before
    /// it. `None` if there are no hops.
    fn last_untrusted(&self, peer: IpAddr, hops: &[&str]) -> Option<IpAddr> {
        let mut last = peer;
        for hop in hops.iter().rev() {
            match address(hop) {
                Some(address) => last = address,
                None => return Some(last),
            }
            if !self.contains(last) {
                break;
            }
        }
        (!hops.is_empty()).then_some(last)
    }
}

/// The address that stands for all addresses of one client: those of an IPv6 network of 64 bits are one household's
/// (RFC 6177).
#[must_use]
pub fn one_client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address => address,
    }
}

impl Network {
    fn parse(text: &str) -> Result<Network, NotProxies> {
        let wrong = |why: &str| NotProxies(format!("{text:?} {why}"));
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| wrong("is not an address, or a range such as 10.0.0.0/8"))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), str::parse).ok().filter(|prefix| *prefix <= bits);
        let prefix = prefix.ok_or_else(|| wrong("has a prefix that is not a number of bits"))?;
        if prefix == 0 {
            return Err(wrong("has every address: then each client could say that it is another"));
        }
        Ok(Network { first: masked(address, prefix), prefix })
    }

    fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && masked(address, self.prefix) == self.first
    }
}

/// The address with only its first `prefix` bits.
fn masked(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

/// A hop as an address, with or without a port; `None` for `unknown` and names that hide it.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let parsed = bare.parse().or_else(|_| hop.parse().map(|address: SocketAddr| address.ip()));
    parsed.ok().map(|address| address.to_canonical())
}

/// The node of an element of `Forwarded`: the value of `for`, without quotes.
fn node(element: &str) -> &str {
    let pairs = elements(element, ';');
    let value = pairs.iter().find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    });
    let value = value.unwrap_or_default();
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// The parts of a header's value between separators that are not in quotes.
fn elements(value: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    let is_end = move |character: char| {
        quoted ^= character == '"';
        character == separator && !quoted
    };
    value.split(is_end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_ranges_are_read_and_anything_else_is_named() {
        let check = |text: &str, inside: &[&str], outside: &[&str]| {
            let proxies: TrustedProxies =
                text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            for (addresses, expected) in [(inside, true), (outside, false)] {
                for address in addresses {
                    let address = address.parse().expect("the test's address is one");
                    assert_eq!(proxies.contains(address), expected, "{text} {address}");
                }
            }
        };
        check("192.0.2.1", &["192.0.2.1", "::ffff:192.0.2.1"], &["192.0.2.2", "::1"]);
        check("10.1.2.3/8", &["10.0.0.0", "10.255.255.255"], &["11.0.0.0", "9.255.255.255"]);
        check("10.0.0.0/8, 2001:db8::/32", &["10.9.9.9", "2001:db8:1::1"], &["2001:db9::1"]);
        check("127.0.0.1 ::1", &["127.0.0.1", "::1"], &["127.0.0.2", "::2"]);
        check("192.0.2.7/32", &["192.0.2.7"], &["192.0.2.6"]);
        check("128.0.0.0/1", &["200.0.0.1"], &["127.0.0.1"]);
        for (text, says) in [
            ("", "no address"),
            (" , ", "no address"),
            ("proxy.example.com", "is not an address"),
            ("10.0.0.0/33", "prefix"),
            ("10.0.0.0/", "prefix"),
            ("10.0.0.0/-1", "prefix"),
            ("::/129", "prefix"),
            ("10.0.0.1,10.0.0", "\"10.0.0\""),
            ("0.0.0.0/0", "every address"),
            ("::/0", "every address"),
        ] {
            let error = text.parse::<TrustedProxies>().expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_not_a_trusted_proxy() {
        let proxies: TrustedProxies = "10.0.0.0/8, fd00::/8".parse().expect("they are ranges");
        let check = |peer: &str, headers: &[(&str, &str)], client: &str| {
            let headers_given: Headers = headers.iter().copied().collect();
            let parsed = |text: &str| text.parse::<IpAddr>().expect("the test's address is one");
            assert_eq!(
                proxies.client(parsed(peer), &headers_given),
                parsed(client),
                "{peer} {headers:?}"
            );
        };
        let listed = "X-Forwarded-For";
        check("192.0.2.9", &[(listed, "203.0.113.1")], "192.0.2.9");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &[(listed, "203.0.113.1")], "203.0.113.1");
        check("::ffff:10.0.0.1", &[(listed, "203.0.113.1")], "203.0.113.1");
        // What stands before the last untrusted hop may be the client's own invention.
        check("10.0.0.1", &[(listed, "198.51.100.7, 203.0.113.1")], "203.0.113.1");
        check("10.0.0.1", &[(listed, "198.51.100.7, 203.0.113.1, 10.0.0.2")], "203.0.113.1");
        check("10.0.0.1", &[(listed, "198.51.100.7"), (listed, "203.0.113.1")], "203.0.113.1");
        check("10.0.0.1", &[(listed, "10.0.0.3, 10.0.0.2")], "10.0.0.3");
        check("10.0.0.1", &[(listed, "203.0.113.1, unknown, 10.0.0.2")], "10.0.0.2");
        check("10.0.0.1", &[(listed, "203.0.113.1, nonsense")], "10.0.0.1");
        check("10.0.0.1", &[(listed, "")], "10.0.0.1");
        check("10.0.0.1", &[(listed, "203.0.113.1:4711")], "203.0.113.1");
        check("fd00::1", &[(listed, "2001:db8::1")], "2001:db8::1");
        check("fd00::1", &[(listed, "[2001:db8::1]:4711")], "2001:db8::1");
        check("10.0.0.1", &[(listed, "::ffff:203.0.113.1")], "203.0.113.1");
        let forwarded = "Forwarded";
        check("10.0.0.1", &[(forwarded, "for=203.0.113.1")], "203.0.113.1");
        check(
            "10.0.0.1",
            &[(forwarded, "proto=https; For=\"203.0.113.1:80\";by=10.0.0.1")],
            "203.0.113.1",
        );
        check(
            "10.0.0.1",
            &[(forwarded, "for=198.51.100.7, for=\"[2001:db8::1]:80\"")],
            "2001:db8::1",
        );
        check(
            "10.0.0.1",
            &[(forwarded, "for=203.0.113.1;host=\"a,for=198.51.100.7\"")],
            "203.0.113.1",
        );
        check("10.0.0.1", &[(forwarded, "for=203.0.113.1, for=_hidden, for=10.0.0.2")], "10.0.0.2");
        check("10.0.0.1", &[(forwarded, "by=203.0.113.1")], "10.0.0.1");
        check(
            "10.0.0.1",
            &[(forwarded, "for=203.0.113.1"), (listed, "203.0.113.1")],
            "203.0.113.1",
        );
        check("10.0.0.1", &[(forwarded, "for=198.51.100.7"), (listed, "203.0.113.1")], "10.0.0.1");
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_client() {
        let one =
            |text: &str| one_client(text.parse().expect("the test's address is one")).to_string();
        assert_eq!(one("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(one("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(one("192.0.2.1"), "192.0.2.1");
        assert_eq!(one("::1"), "::1");
    }
}
