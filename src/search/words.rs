//! Texts as words: lower case, without accents, without light endings, and the distance between two of them.

use std::borrow::Cow;

/// The words of a text in their order: split at what is not a letter or digit, and between `camelCase` parts. A run of
/// Japanese or Chinese characters is one word.
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let (mut was_lower, mut was_ideograph, mut is_camel) = (false, false, false);
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    for character in with_todo(text).chars() {
        // An apostrophe belongs to its word: "what's" is "whats".
        if matches!(character, '\'' | '’') {
            continue;
        }
        let ideograph = is_ideograph(character);
        if !character.is_alphanumeric() && !ideograph {
            end(&mut word);
        } else {
            if character.is_uppercase() && was_lower && is_camel || ideograph != was_ideograph {
                end(&mut word);
            } else if word.is_empty() {
                // `GitHub` and `TypeScript` are names, `getIssue` is several words.
                is_camel = character.is_lowercase();
            }
            fold(character, &mut word);
        }
        was_lower = character.is_lowercase();
        was_ideograph = ideograph;
    }
    end(&mut word);
    words
}

/// The text with "to-do" and "To Do" as one word, which would be two words that say nothing.
fn with_todo(text: &str) -> Cow<'_, str> {
    const WRITTEN: [&str; 5] = ["to-do", "To-do", "To-Do", "TO-DO", "To Do"];
    let mut text = Cow::Borrowed(text);
    for written in WRITTEN {
        if text.contains(written) {
            text = text.replace(written, "todo").into();
        }
    }
    text
}

/// Whether words of this script are written without spaces.
pub fn is_ideograph(character: char) -> bool {
    matches!(u32::from(character), 0x3005..=0x3007 | 0x3040..=0x30ff | 0x3400..=0x9fff | 0xf900..=0xfaff | 0xff66..=0xff9f)
}

/// Adds the character in lower case and without its accent.
fn fold(character: char, word: &mut String) {
    for lower in character.to_lowercase() {
        match lower {
            'à'..='å' => word.push('a'),
            'ç' => word.push('c'),
            'è'..='ë' => word.push('e'),
            'ì'..='ï' => word.push('i'),
            'ñ' => word.push('n'),
            'ò'..='ö' | 'ø' => word.push('o'),
            'ù'..='ü' => word.push('u'),
            'ß' => word.push_str("ss"),
            // Full-width forms, as Japanese keyboards write them.
            '\u{ff10}'..='\u{ff5a}' => {
                word.extend(char::from_u32(u32::from(lower) - 0xfee0));
            }
            // Accents that are characters of their own.
            '\u{300}'..='\u{36f}' => {}
            other => word.push(other),
        }
    }
}

/// The word without its light ending: `issues` and `issue`, `merging` and `merge` have the same stem.
pub fn stem(word: &str) -> &str {
    let mut stem = word;
    if !word.is_ascii() {
        return stem;
    }
    if let Some(start) = stem.strip_suffix("ies").filter(|start| start.len() > 2) {
        // `queries` and `query`: the `y` is dropped below.
        return start;
    }
    if stem.len() > 3 && !["ss", "us", "is"].iter().any(|end| stem.ends_with(end)) {
        stem = stem.strip_suffix('s').unwrap_or(stem);
    }
    // `setting` and `meeting` are things, not activities.
    if !matches!(stem, "setting" | "meeting" | "string" | "thing") {
        for ending in ["ing", "ed"] {
            let Some(start) = stem.strip_suffix(ending) else { continue };
            let has_vowel = start.bytes().any(|byte| b"aeiouy".contains(&byte));
            if start.len() >= 3 && has_vowel && !start.ends_with('e') {
                let bytes = start.as_bytes();
                let is_double = bytes[bytes.len() - 1] == bytes[bytes.len() - 2]
                    && !b"sl".contains(&bytes[bytes.len() - 1]);
                stem = if is_double { &start[..start.len() - 1] } else { start };
                break;
            }
        }
    }
    if stem.len() > 3 { stem.strip_suffix(['e', 'y']).unwrap_or(stem) } else { stem }
}

/// Whether one word becomes the other by at most `most` slips: a character too many, missing, wrong, or two exchanged.
pub fn is_within(one: &str, other: &str, most: usize) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > most {
        return false;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for row in 1..=one.len() {
        let mut line = vec![row; other.len() + 1];
        for column in 1..=other.len() {
            let is_same = one[row - 1] == other[column - 1];
            let mut slips = (last[column] + 1)
                .min(line[column - 1] + 1)
                .min(last[column - 1] + usize::from(!is_same));
            if row > 1
                && column > 1
                && one[row - 1] == other[column - 2]
                && one[row - 2] == other[column - 1]
            {
                slips = slips.min(before_last[column - 2] + 1);
            }
            line[column] = slips;
        }
        if line.iter().all(|slips| *slips > most) {
            return false;
        }
        before_last = std::mem::replace(&mut last, line);
    }
    last[other.len()] <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_into_folded_words() {
        let check = |text: &str, expected: &[&str]| assert_eq!(words(text), expected, "{text}");
        check("create_pull_request", &["create", "pull", "request"]);
        check("getFileContents", &["get", "file", "contents"]);
        check("Löschen, Größe: ¿Qué?", &["loschen", "grosse", "que"]);
        check("what's new on GitHub", &["whats", "new", "on", "github"]);
        check("GitHubのプルリクエスト", &["github", "のプルリクエスト"]);
        check("ＰＲ", &["pr"]);
        check("  -- ", &[]);
    }

    #[test]
    fn words_of_one_kind_have_one_stem() {
        let check = |words: &[&str]| {
            for word in words {
                assert_eq!(stem(word), stem(words[0]), "{words:?}");
            }
        };
        check(&["issue", "issues"]);
        check(&["merge", "merging", "merged", "merges"]);
        check(&["query", "queries"]);
        check(&["branch", "branches"]);
        check(&["tag", "tags", "tagged"]);
        check(&["run", "running", "runs"]);
        check(&["release", "releases", "releasing"]);
        check(&["archive", "archived"]);
        assert_ne!(stem("setting"), stem("set"));
        assert_eq!(stem("status"), "status");
    }

    #[test]
    fn slips_are_counted() {
        for (one, other, slips) in [
            ("branch", "branch", 0),
            ("brnach", "branch", 1),
            ("brach", "branch", 1),
            ("branchh", "branch", 1),
            ("bramch", "branch", 1),
            ("confluense", "confluence", 1),
            ("supbaes", "supabase", 2),
        ] {
            for most in 0..4 {
                assert_eq!(is_within(one, other, most), slips <= most, "{one} {other} {most}");
            }
        }
    }
}
