//! Where a redirect leads, and whether to follow it.

use ureq::http::Uri;
use ureq::http::header::LOCATION;
use ureq::http::uri::Scheme;

use super::UpstreamAnswer;
use crate::error::{Code, Error};

/// Reads an absolute `http` or `https` URL; `None` for any other text.
pub fn parse(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let known = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
    (known && uri.host().is_some_and(|host| !host.is_empty())).then_some(uri)
}

/// Returns whether a status is a redirect (RFC 9110 §15.4).
pub const fn is_one(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Returns whether both have the same scheme, host and port (RFC 6454 §5).
pub fn same_origin(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| {
        uri.port_u16().unwrap_or(if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 })
    };
    let host = |uri: &Uri| uri.host().unwrap_or_default().to_ascii_lowercase();
    one.scheme() == other.scheme() && host(one) == host(other) && port(one) == port(other)
}

/// Returns the absolute URL that a response redirects to.
///
/// # Errors
///
/// [`Code::UpstreamUnavailable`] if there is no URL, or if the redirect goes from `https` to `http`.
pub fn target(service: &str, from: &Uri, answer: &UpstreamAnswer) -> Result<Uri, Error> {
    let refuse =
        |what: &str| Error::new(Code::UpstreamUnavailable, format!("{service} redirects {what}."));
    let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let to = location
        .and_then(|location| resolve(from, location))
        .ok_or_else(|| refuse("without a usable address"))?;
    if from.scheme() == Some(&Scheme::HTTPS) && to.scheme() != Some(&Scheme::HTTPS) {
        return Err(refuse("to an address without https, which is refused"));
    }
    Ok(to)
}

/// Returns the error for a redirected write: no caller asked for its effect at another address.
pub fn of_a_write(service: &str, status: u16) -> Error {
    Error::new(
        Code::NotFound,
        format!("{service} redirects this call ({status}), and only reads are sent on."),
    )
    .with_hint("It was renamed or moved: look it up and call again with its present name.")
}

/// Resolves a reference against the URL of its page (RFC 3986 §5.2; the server handles dot segments).
fn resolve(from: &Uri, reference: &str) -> Option<Uri> {
    let reference = reference.split('#').next().filter(|reference| !reference.is_empty())?;
    let scheme = from.scheme_str()?;
    let authority = from.authority()?;
    let path = from.path();
    let starts_with_scheme = reference.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    let url = if starts_with_scheme {
        reference.to_owned()
    } else if reference.starts_with("//") {
        format!("{scheme}:{reference}")
    } else if reference.starts_with('/') {
        format!("{scheme}://{authority}{reference}")
    } else if reference.starts_with('?') {
        format!("{scheme}://{authority}{path}{reference}")
    } else {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{reference}")
    };
    parse(&url)
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    #[test]
    fn a_location_is_resolved_against_the_request() {
        let check = |reference: &str, expected: Option<&str>| {
            let from = parse("https://api.example.com:8443/a/b?x=1").unwrap();
            let to = resolve(&from, reference).map(|uri| uri.to_string());
            assert_eq!(to.as_deref(), expected, "{reference:?}");
        };
        check("https://other.example/p?q=1#part", Some("https://other.example/p?q=1"));
        check("HTTP://other.example/", Some("http://other.example/"));
        check("//other.example/p", Some("https://other.example/p"));
        check("/c", Some("https://api.example.com:8443/c"));
        check("?y=2", Some("https://api.example.com:8443/a/b?y=2"));
        check("c", Some("https://api.example.com:8443/a/c"));
        check("/c?next=http://x/", Some("https://api.example.com:8443/c?next=http://x/"));
        check("ftp://other.example/", None);
        check("javascript:alert(1)", None);
        check("https://", None);
        check("", None);
        check("#part", None);
        check("/with space", None);
    }

    #[test]
    fn https_is_never_given_up() {
        let check = |from: &str, location: &'static str, followed: bool| {
            let headers = [(LOCATION, HeaderValue::from_static(location))].into_iter().collect();
            let answer = UpstreamAnswer {
                status: 302,
                headers,
                body: Vec::new(),
                held: crate::upstream::AnswerShare::default(),
            };
            let to = target("GitHub", &parse(from).unwrap(), &answer);
            assert_eq!(to.is_ok(), followed, "{from} {location}");
        };
        check("https://a.example/", "https://b.example/", true);
        check("http://a.example/", "https://b.example/", true);
        check("http://a.example/", "http://b.example/", true);
        check("https://a.example/", "http://a.example/", false);
        check("https://a.example/", "HTTP://b.example/", false);
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let check = |one: &str, other: &str, same: bool| {
            assert_eq!(
                same_origin(&parse(one).unwrap(), &parse(other).unwrap()),
                same,
                "{one} {other}"
            );
        };
        check("https://a.example/x", "https://A.example:443/y", true);
        check("http://a.example", "http://a.example:80", true);
        check("https://a.example", "http://a.example", false);
        check("https://a.example", "https://a.example:8443", false);
        check("https://a.example", "https://a.example.evil.example", false);
        check("https://a.example", "https://a.example@evil.example", false);
    }
}
