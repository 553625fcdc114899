//! Names and sentences.

use std::collections::HashSet;

/// The maximum length of a description in characters.
const MAX_SENTENCE: usize = 200;

/// Converts a name to `snake_case`: `getIssueURL` and `get-issue/url` both become `get_issue_url`.
pub fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            snake.push('_');
            continue;
        }
        let before = at.checked_sub(1).map(|before| letters[before]);
        let ends_capitals = letters.get(at + 1).is_some_and(char::is_ascii_lowercase)
            && before.is_some_and(|c| c.is_ascii_uppercase());
        if letter.is_ascii_uppercase()
            && (ends_capitals
                || before.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
        {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    let snake = snake.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_");
    match snake.chars().next() {
        None => "value".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("n_{snake}"),
        Some(_) => snake,
    }
}

/// Returns the prefix of a module's environment variables.
pub fn variable(module: &str) -> String {
    snake(module).to_ascii_uppercase()
}

/// Returns the beginning of a name, cut between two words if possible.
pub fn cut(name: &str, most: usize) -> String {
    if name.len() <= most {
        return name.to_owned();
    }
    let whole = name[..=most].rfind('_').filter(|end| *end > most / 2).unwrap_or(most);
    name[..whole].trim_end_matches('_').to_owned()
}

/// Returns the name, with a number if the name is taken; `most` limits the length of an ASCII name.
pub fn unique(taken: &mut HashSet<String>, name: &str, most: usize) -> String {
    let mut found = if name.len() > most { cut(name, most) } else { name.to_owned() };
    let mut number = 2;
    while taken.contains(&found) {
        let ending = format!("_{number}");
        found = if name.len() > most - ending.len() {
            cut(name, most - ending.len())
        } else {
            name.to_owned()
        } + &ending;
        number += 1;
    }
    taken.insert(found.clone());
    found
}

/// Returns the first sentence of a text without markup; `None` if the text is empty.
pub fn sentence(text: &str) -> Option<String> {
    let plain = plain(text);
    let end = plain.find(". ").unwrap_or(plain.len());
    let sentence = plain[..end].trim_end_matches(['.', ':', ' ']);
    if sentence.is_empty() {
        return None;
    }
    match sentence.char_indices().nth(MAX_SENTENCE) {
        None => Some(format!("{sentence}.")),
        Some((most, _)) => {
            Some(format!("{}…", &sentence[..sentence[..most].rfind(' ').unwrap_or(most)]))
        }
    }
}

/// A text in one line, at most `most` characters of it, cut between two words where it can be.
pub fn shortened(text: &str, most: usize) -> String {
    let plain = plain(text);
    match plain.char_indices().nth(most) {
        None => plain,
        Some((end, _)) => plain[..plain[..end].rfind(' ').unwrap_or(end)].to_owned(),
    }
}

/// Converts Markdown or HTML to one line of text, without tags, emphasis and link addresses.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '*', '`', ']', '[']) {
        plain.push_str(&rest[..at]);
        let mark = &rest[at..];
        let end = if mark.starts_with('<')
            && mark[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        {
            mark.find('>')
        } else if mark.starts_with("](") {
            mark.find(')')
        } else {
            if mark.starts_with('<') {
                plain.push('<');
            }
            Some(0)
        };
        rest = end.map_or("", |end| &mark[end + 1..]);
    }
    plain.push_str(rest);
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns whether it is the address of a page.
pub fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_snake_case_and_short() {
        let check = |name: &str, expected: &str| assert_eq!(snake(name), expected, "{name}");
        check("getIssueURL", "get_issue_url");
        check("get-issue/url", "get_issue_url");
        check("repos/list-for-org", "repos_list_for_org");
        check("HTTPServer2Go", "http_server2_go");
        check("_GET_ /a/{b}", "get_a_b");
        check("2fa", "n_2fa");
        check("日本", "value");
        assert_eq!(cut("list_all_of_the_things", 15), "list_all_of_the");
        assert_eq!(cut("list_all_of_the_things", 17), "list_all_of_the");
        assert_eq!(cut("aaaaaaaaaaaaaaaaaaaaaa", 5), "aaaaa");
        let mut taken = HashSet::new();
        let names: Vec<_> = (0..3).map(|_| unique(&mut taken, "list_things", 10)).collect();
        assert_eq!(names, ["list_thing", "list_thi_2", "list_thi_3"]);
    }

    #[test]
    fn a_description_is_one_plain_sentence() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(sentence(text).as_deref(), expected, "{text:?}");
        };
        check("Get a thing", Some("Get a thing."));
        check("  Gets\n a <b>thing</b>, or *none*. More of it. ", Some("Gets a thing, or none."));
        check("See [the docs](https://a.example/x_y) of `id`:", Some("See the docs of id."));
        check("At most 3.5 < 4", Some("At most 3.5 < 4."));
        check("Open <a href=\"", Some("Open."));
        check(" . ", None);
        check("", None);
        let long = sentence(&"word ".repeat(100)).unwrap();
        assert!(long.ends_with("word…") && long.chars().count() <= MAX_SENTENCE + 1, "{long}");
    }
}
