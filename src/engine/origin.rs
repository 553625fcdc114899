//! Origins beside a module's own, where its tools may send requests without the credential.

/// Whether it is one, as a module file writes it: `https://` and a host, whose first label may be `*`.
pub fn is_origin(text: &str) -> bool {
    let Some(host) = text.strip_prefix("https://") else { return false };
    let mut labels = host.strip_prefix("*.").unwrap_or(host).split('.');
    let count = host.split('.').count();
    // A wildcard of a whole top-level domain would be everybody's host.
    let enough = if host.starts_with("*.") { count >= 3 } else { count >= 2 };
    enough && labels.all(is_label)
}

/// Whether it is one label of a host name (RFC 1123, section 2.1).
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether an address lies below one of these origins.
pub fn is_listed(origins: &[String], address: &str) -> bool {
    let Some(host) = host(address) else { return false };
    origins.iter().filter_map(|origin| origin.strip_prefix("https://")).any(|listed| {
        match listed.strip_prefix('*') {
            Some(rest) => host.strip_suffix(rest).is_some_and(is_label),
            None => host == listed,
        }
    })
}

/// The host of an https address without a port or a user.
fn host(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://")?;
    Some(rest.split_once('/').map_or(rest, |(host, _)| host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_host_whose_first_label_may_be_open() {
        for right in ["https://supabase.com", "https://*.supabase.co", "https://a-1.example"] {
            assert!(is_origin(right), "{right}");
        }
        for wrong in [
            "http://supabase.com",
            "https://supabase.com/docs",
            "https://supabase.com:8443",
            "https://user@supabase.com",
            "https://*",
            "https://*.com",
            "https://a.*.com",
            "https://localhost",
            "https://Supabase.com",
            "supabase.com",
            "",
        ] {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }

    #[test]
    fn only_what_lies_below_a_listed_origin_is_listed() {
        let origins = ["https://supabase.com".to_owned(), "https://*.supabase.co".to_owned()];
        for right in [
            "https://supabase.com",
            "https://supabase.com/docs",
            "https://abc.supabase.co/functions/v1",
        ] {
            assert!(is_listed(&origins, right), "{right}");
        }
        for wrong in [
            "http://supabase.com",
            "https://supabase.co",
            "https://evil.example/supabase.com",
            "https://evil.supabase.com",
            "https://a.b.supabase.co",
            "https://evil.example#.supabase.co",
            "https://evil.example?.supabase.co",
            "https://user:x@abc.supabase.co",
            "https://abc.supabase.co:8443",
            "https://.supabase.co",
            "https://abc.supabase.co.evil.example",
        ] {
            assert!(!is_listed(&origins, wrong), "{wrong}");
        }
    }
}
