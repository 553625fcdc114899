//! Suggestions for mistyped names.

/// Returns the known name that the user most likely meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given = plain(name);
    known
        .map(|candidate| (edits(&given, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().min(given.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns whether `name` is `known` with one slip: a missing, extra or wrong character, two swapped neighbours, or different
/// case, `_` and `-`. It is stricter than [`nearest`], for places where names of other programs are common.
pub(crate) fn is_slip(name: &str, known: &str) -> bool {
    let (name, known) = (plain(name), plain(known));
    edits(&name, &known) <= 1 || is_exchange(&name, &known)
}

/// Returns the name in lower case without `_` and `-`.
pub(crate) fn plain(name: &str) -> String {
    name.to_lowercase().replace(['_', '-'], "")
}

/// Returns whether the texts differ only by two swapped neighbours.
fn is_exchange(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let Some(first) = one.iter().zip(&other).position(|(a, b)| a != b) else { return false };
    let mut exchanged = one;
    if first + 1 < exchanged.len() {
        exchanged.swap(first, first + 1);
    }
    exchanged == other
}

/// Returns the Levenshtein distance: the number of characters to insert, remove or replace.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_a_slip_and_another_name_is_not() {
        let check = |name: &str, known: &str, expected: bool| {
            assert_eq!(is_slip(name, known), expected, "{name} {known}");
        };
        check("GITHUB_TOKNE", "GITHUB_TOKEN", true);
        check("GITHUB_TOKENS", "GITHUB_TOKEN", true);
        check("GITHUBTOKEN", "GITHUB_TOKEN", true);
        check("github-token", "GITHUB_TOKEN", true);
        check("GITLAB_TOKEN", "GITHUB_TOKEN", false);
        check("GH_TOKEN", "GITHUB_TOKEN", false);
        check("HOME", "PORT", false);
    }
}
