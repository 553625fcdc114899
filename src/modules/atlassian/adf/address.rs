//! Addresses: which ones a document may link to, and where a text contains bare ones.

use std::ops::Range;

/// The schemes that Atlassian's editor links to (`dist/*/utils/is-safe-url.js` of the npm package `@atlaskit/adf-schema`).
const SAFE_SCHEMES: [&str; 41] = [
    "callto",
    "cvs",
    "dynamicsnav",
    "facetime",
    "feed",
    "file",
    "ftp",
    "ftps",
    "git",
    "gopher",
    "hipchat",
    "http",
    "https",
    "integrity",
    "irc",
    "irc6",
    "itms",
    "jamfselfservice",
    "magnet",
    "mailto",
    "mvn",
    "news",
    "nntp",
    "notes",
    "rdp",
    "scp",
    "sftp",
    "sip",
    "sips",
    "skype",
    "slack",
    "smb",
    "sourcetree",
    "ssh",
    "svn",
    "tel",
    "telnet",
    "urn",
    "vnc",
    "whatsapp",
    "xmpp",
];

/// Returns whether a document may link to an address: it is relative, or its scheme runs no code and is accepted by Atlassian's
/// editor. Any other text that looks like a link stays text, such as `std::string` between angle brackets.
pub(super) fn is_safe(address: &str) -> bool {
    scheme(address).is_none_or(|scheme| SAFE_SCHEMES.contains(&scheme.as_str()))
}

/// Returns whether an address is a web address, which an inline card can show.
pub(super) fn is_web(address: &str) -> bool {
    matches!(scheme(address).as_deref(), Some("http" | "https"))
}

/// Returns the scheme of an address (RFC 3986 §3.1) in lower case; `None` if it is relative. White space and control characters
/// are skipped, because browsers ignore them there.
fn scheme(address: &str) -> Option<String> {
    let (scheme, _) = address.split_once(':')?;
    let scheme: String =
        scheme.chars().filter(|letter| !letter.is_whitespace() && !letter.is_control()).collect();
    let valid = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'));
    valid.then(|| scheme.to_ascii_lowercase())
}

/// Returns the address that a bare address links to.
pub(super) fn href(bare: &str) -> String {
    let begins = |prefix: &str| {
        bare.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    let whole = ["http://", "https://", "mailto:", "xmpp:"].into_iter().any(begins);
    if whole {
        bare.to_owned()
    } else if email(bare) == Some(bare.len()) {
        format!("mailto:{bare}")
    } else {
        format!("http://{bare}")
    }
}

/// Returns the position of the character that makes a bare address an address.
pub(super) fn breaking_mark(bare: &str) -> usize {
    let href = href(bare);
    let email = href.starts_with("mailto:") || href.starts_with("xmpp:");
    bare.find(if email { &['@'][..] } else { &[':', '.'][..] }).unwrap_or_default()
}

/// Returns the position and length of an email address in a text.
pub(super) fn next_email(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(at) = text[from..].find('@') {
        let at = from + at;
        let local = text[from..at].bytes().rev().take_while(|byte| is_local_part(*byte)).count();
        let start = at - local;
        if !text[..start].ends_with('/')
            && let Some(length) = email(&text[start..])
        {
            return Some((start, length));
        }
        from = at + 1;
    }
    None
}

/// Returns whether a whole text is one bare address.
pub(super) fn is_bare(text: &str) -> bool {
    BareAddresses::within(text, 0..text.len()).length_at(0) == Some(text.len())
}

/// Finds bare addresses in a text, as GFM does ("Autolinks (extension)"; for cases that it does not define, like `micromark`
/// and `cmark-gfm`): `http://`, `https://`, `www.`, email addresses, and those after `mailto:` and `xmpp:`.
///
/// For ascending positions, the total time is linear in the text.
pub(super) struct BareAddresses<'t> {
    text: &'t str,
    /// The beginning of the examined text.
    start: usize,
    /// The last possible end of an address that begins before it.
    end: usize,
    /// The beginning of the punctuation before `end`.
    trail: usize,
}

impl<'t> BareAddresses<'t> {
    /// Searches a range of a text; no address begins or ends outside it.
    pub(super) fn within(text: &'t str, range: Range<usize>) -> Self {
        Self { text: &text[..range.end], start: range.start, end: 0, trail: 0 }
    }

    /// Returns the length of the address that begins at a position; `None` if there is no address.
    pub(super) fn length_at(&mut self, at: usize) -> Option<usize> {
        let before = self.text[self.start..at].chars().next_back();
        let rest = &self.text[at..];
        let first = rest.bytes().next()?;
        if !is_local_part(first) {
            return None;
        }
        let prefix = ["mailto:", "xmpp:"]
            .into_iter()
            .find(|prefix| rest.starts_with(prefix) && !before.is_some_and(char::is_alphanumeric));
        if let Some(prefix) = prefix {
            return email(&rest[prefix.len()..]).map(|length| prefix.len() + length);
        }
        let follows = |before: char| before == '/' || u8::try_from(before).is_ok_and(is_local_part);
        let email = if before.is_some_and(follows) { None } else { email(rest) };
        email.or_else(|| self.web(at, before))
    }

    fn web(&mut self, at: usize, before: Option<char>) -> Option<usize> {
        let rest = &self.text[at..];
        let begins = |prefix: &str| {
            rest.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
        };
        let scheme = ["https://", "http://"].into_iter().find(|scheme| begins(scheme));
        let domain = if let Some(scheme) = scheme {
            let first = rest[scheme.len()..].chars().next()?;
            let joined = before.is_some_and(|before| before.is_ascii_alphabetic());
            (!joined && first.is_alphanumeric()).then_some(at + scheme.len())?
        } else {
            let apart = |before: char| {
                before.is_whitespace()
                    || matches!(before, '(' | '*' | '_' | '[' | ']' | '~')
                    || is_token_edge(before)
            };
            (begins("www.") && rest.len() > 4 && before.is_none_or(apart)).then_some(at)?
        };
        self.find_end(at);
        let path = self.domain_end(domain)?;
        Some(self.path_end(path) - at)
    }

    /// Finds the white space, `<` or bracket that ends every address, and the punctuation before it, which belongs to the
    /// sentence and not to the address.
    fn find_end(&mut self, at: usize) {
        if at < self.end {
            return;
        }
        let rest = &self.text[at..];
        let mut letters = rest.char_indices().peekable();
        let length = loop {
            match letters.next() {
                Some((here, ']')) => {
                    if matches!(letters.peek(), Some((_, '(' | '['))) {
                        break here;
                    }
                }
                Some((here, letter))
                    if letter == '<' || letter.is_whitespace() || is_token_edge(letter) =>
                {
                    break here;
                }
                Some(_) => {}
                None => break rest.len(),
            }
        };
        self.end = at + length;
        let mut trail = &rest[..length];
        while let Some(last) = trail.chars().next_back() {
            let shorter = &trail[..trail.len() - last.len_utf8()];
            trail = match last {
                // A character reference counts as one punctuation mark.
                ';' => shorter
                    .trim_end_matches(|letter: char| letter.is_ascii_alphabetic())
                    .strip_suffix('&')
                    .filter(|before| before.len() + 1 < shorter.len())
                    .unwrap_or(shorter),
                '!' | '"' | '\'' | ')' | '*' | ',' | '.' | ':' | '?' | ']' | '_' | '~' => shorter,
                _ => break,
            };
        }
        self.trail = at + trail.len();
    }

    /// Returns the end of a domain; `None` if it is not valid: it is empty, or has an underscore in its last two parts.
    fn domain_end(&self, from: usize) -> Option<usize> {
        let (mut last, mut before_last) = (false, false);
        let mut end = from;
        let mut empty = true;
        for letter in self.text[from..self.end].chars() {
            match letter {
                '.' | '_' if end >= self.trail => break,
                '_' => last = true,
                '.' => (before_last, last) = (last, false),
                '-' => empty = false,
                _ if !is_domain_letter(letter) => break,
                _ => empty = false,
            }
            end += letter.len_utf8();
        }
        (!empty && !last && !before_last).then_some(end)
    }

    /// Returns the end of the path that begins at a position: before the punctuation that ends the sentence. A closing
    /// parenthesis belongs to the path if it was opened in it.
    fn path_end(&self, from: usize) -> usize {
        let mut end = from.max(self.trail);
        let path = &self.text[from..end];
        let opened = path.matches('(').count();
        let mut closed = path.matches(')').count();
        while closed < opened && self.text[end..self.end].starts_with(')') {
            closed += 1;
            end += 1;
        }
        end
    }
}

/// Returns the length of the email address at the beginning of a text.
fn email(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let local = bytes.iter().take_while(|byte| is_local_part(**byte)).count();
    if local == 0 || bytes.get(local) != Some(&b'@') {
        return None;
    }
    let mut end = local + 1;
    let mut dot = false;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'.' if bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric) => dot = true,
            b'-' | b'_' => {}
            byte if byte.is_ascii_alphanumeric() => {}
            _ => break,
        }
        end += 1;
    }
    (dot && bytes[end - 1].is_ascii_alphabetic()).then_some(end)
}

fn is_local_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_')
}

/// Returns whether the character may be part of a domain: everything except punctuation, symbols and control characters. Marks
/// (accents) count as letters here.
fn is_domain_letter(letter: char) -> bool {
    letter.is_alphanumeric() || (!letter.is_ascii() && is_mark(letter))
}

/// Returns whether the character is a combining mark within words: Indic and Thai vowels, combining accents.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{e4f}' | '\u{3099}' | '\u{309a}')
}

fn is_token_edge(letter: char) -> bool {
    matches!(letter, super::placeholder::BEGIN | super::placeholder::END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_address_ends_where_gfm_ends_it() {
        let check = |text: &str, expected: &[&str]| {
            let mut addresses = BareAddresses::within(text, 0..text.len());
            let mut found = Vec::new();
            let mut at = 0;
            while at < text.len() {
                let length = addresses.length_at(at).unwrap_or_default();
                if length > 0 {
                    found.push(&text[at..at + length]);
                }
                at += length.max(text[at..].chars().next().map_or(1, char::len_utf8));
            }
            assert_eq!(found, expected, "{text}");
        };
        for whole in [
            "https://github.com/x/y/blob/main/pkg/__init__.py",
            "https://x.y/?a=1&amp;b=2",
            "https://x.y/日本/a",
            "https://例え.jp/",
            "http://localhost:3000/a?b#c",
            "HTTPS://X.Y",
            "www.x.y",
            "https://x.y/a_(b)_c",
            "https://x.y/(a)",
            "https://x.y/a*b**c`d|e\\f[g]h",
            "https://me:word@x.y",
            "a.b+c-d_e@x-y.z",
            "mailto:me@x.y",
            "https://x.y/a%20b",
            "https://x.y/a.",
        ] {
            check(whole, &[whole.strip_suffix('.').unwrap_or(whole)]);
        }
        check("(see https://x.y/a).", &["https://x.y/a"]);
        check("(https://x.y/(a)).", &["https://x.y/(a)"]);
        check("https://x.y/a?!*_~'\":;,", &["https://x.y/a"]);
        check("https://x.y/a&amp; https://x.y/&b", &["https://x.y/a", "https://x.y/&b"]);
        check("https://x.y/a;;b c", &["https://x.y/a;;b"]);
        check("<https://x.y/a>b", &["https://x.y/a>b"]);
        check("https://x.y/a<b", &["https://x.y/a"]);
        check("https://x.y/a](b)", &["https://x.y/a"]);
        check("https://x.y/a] b", &["https://x.y/a"]);
        check("はhttps://x.y/a、b", &["https://x.y/a、b"]);
        check("me@x.y.", &["me@x.y"]);
        check("連絡はme@x.yへ", &["me@x.y"]);
        check("https://x.y https://z", &["https://x.y", "https://z"]);
        check("*www.x.y* (www.x.y) ~www.x.y~", &["www.x.y", "www.x.y", "www.x.y"]);
        for nothing in [
            "xhttps://x.y",
            "https://",
            "https://_x.y",
            "https://x_y",
            "https://a.x_y.z",
            "http:/x.y",
            "https\\://x.y",
            "awww.x.y",
            "www.",
            "me@x",
            "me@x.1",
            "me@x.y_",
            "@x.y",
            "x/me@x.y",
            "std::string",
            "ftp://x.y",
        ] {
            check(nothing, &[]);
        }
    }

    #[test]
    fn addresses_run_no_code() {
        for (address, safe) in [
            ("https://x.y", true),
            ("HTTPS://x.y", true),
            ("mailto:me@x.y", true),
            ("tel:+1", true),
            ("/wiki/x", true),
            ("#part", true),
            ("docs/a.md", true),
            ("docs/a.md?x=y:z", true),
            ("./a:b", true),
            ("", true),
            ("日本:x", true),
            ("javascript:alert(1)", false),
            ("JavaScript:alert(1)", false),
            (" java\tscript:alert(1)", false),
            ("\u{1}javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("vbscript:x", false),
            ("std::string", false),
            ("a+b.c-d:x", false),
        ] {
            assert_eq!(is_safe(address), safe, "{address}");
        }
    }

    #[test]
    fn a_bare_address_links_to_a_whole_one() {
        for (bare, whole) in [
            ("https://x.y", "https://x.y"),
            ("www.x.y", "http://www.x.y"),
            ("WWW.x.y/a@b", "http://WWW.x.y/a@b"),
            ("me@x.y", "mailto:me@x.y"),
            ("www.me@x.y", "mailto:www.me@x.y"),
            ("mailto:me@x.y", "mailto:me@x.y"),
        ] {
            assert!(is_bare(bare), "{bare}");
            assert_eq!(href(bare), whole);
        }
    }
}
