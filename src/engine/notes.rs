//! Notes in a shortened text. If the text were written back with its note, the omitted part would be deleted.

use super::OFFSET;

const CUT: &str = "[cut: ";
const LEFT_OUT: [&str; 2] = ["[… ", " lines left out …]"];

/// Returns the note under a text whose rest can be read: it begins with character `start`, and `shown` of `total` characters
/// are before the rest.
#[must_use]
pub fn cut_before_rest(start: usize, shown: usize, total: usize) -> String {
    format!(
        "{CUT}characters {start} to {shown} of {total}; call again with {OFFSET} {shown} to read on]"
    )
}

/// Returns the note under a text whose rest cannot be read.
#[must_use]
pub fn cut(shown: usize, total: usize) -> String {
    format!(
        "{CUT}{shown} of {total} characters; ask for less with head, tail, fields or a smaller limit]"
    )
}

/// Returns the note in place of the lines between the first and the last ones.
#[must_use]
pub fn left_out(lines: usize) -> String {
    let [begin, end] = LEFT_OUT;
    format!("{begin}{lines}{end}")
}

/// Returns the note in a shortened text; `None` if there is no note.
#[must_use]
pub fn note_of(text: &str) -> Option<&str> {
    let is_cut = |line: &str| {
        let rest = line.strip_prefix(CUT).filter(|rest| rest.ends_with(']'));
        rest.is_some_and(|rest| {
            let rest = rest.strip_prefix("characters ").unwrap_or(rest);
            rest.starts_with(|first: char| first.is_ascii_digit()) && rest.contains(" of ")
        })
    };
    let is_left_out = |line: &str| {
        let [begin, end] = LEFT_OUT;
        let count = line.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
        count.is_some_and(|count| count.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let last = text.trim_end().lines().next_back().filter(|line| is_cut(line.trim()));
    last.or_else(|| text.lines().find(|line| is_left_out(line.trim()))).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortened_text_is_known_by_its_note() {
        for note in [cut_before_rest(0, 60_000, 70_000), cut(60_000, 70_000)] {
            for text in
                [note.clone(), format!("# Page\n\ntext\n{note}"), format!("text\n{note}\n \n")]
            {
                assert_eq!(note_of(&text), Some(note.as_str()), "{text}");
            }
            assert_eq!(note_of(&format!("{note}\nmore text")), None);
        }
        let note = left_out(12);
        assert_eq!(note_of(&format!("first\n{note}\nlast")), Some(note.as_str()));
        for text in ["", "text", "[cut: it short]", "text [cut: 1 of 2]x", "[… lines left out …]"]
        {
            assert_eq!(note_of(text), None, "{text}");
        }
    }
}
