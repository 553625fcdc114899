//! Compares two texts line by line.

use std::fmt::Write;

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;

/// The maximum number of line pairs that are compared. Beyond it, a changed passage is shown as removed and added as a whole.
const MAX_PAIRS: usize = 4_000_000;

/// A line of the comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DiffLine<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// Returns the hunks of a unified diff, in the format of `diff -U3`; empty if the texts are equal.
pub fn unified(old: &[String], new: &[String]) -> String {
    let lines = compare(old, new);
    let changed: Vec<usize> =
        (0..lines.len()).filter(|at| !matches!(lines[*at], DiffLine::Same(_))).collect();
    let mut hunks: Vec<(usize, usize)> = Vec::new();
    for at in changed {
        let (start, end) = (at.saturating_sub(CONTEXT), (at + CONTEXT + 1).min(lines.len()));
        match hunks.last_mut() {
            Some(last) if start <= last.1 => last.1 = end,
            _ => hunks.push((start, end)),
        }
    }
    let mut text = String::new();
    for (start, end) in hunks {
        let (old_before, new_before) = counts(&lines[..start]);
        let (old_count, new_count) = counts(&lines[start..end]);
        // An empty range is named by the line before it.
        let first = |before: usize, count: usize| before + usize::from(count > 0);
        let (old_first, new_first) = (first(old_before, old_count), first(new_before, new_count));
        writeln!(text, "@@ -{old_first},{old_count} +{new_first},{new_count} @@")
            .expect("a string takes all");
        for line in &lines[start..end] {
            let (mark, line) = match line {
                DiffLine::Same(line) => (' ', line),
                DiffLine::Old(line) => ('-', line),
                DiffLine::New(line) => ('+', line),
            };
            writeln!(text, "{mark}{line}").expect("a string takes all");
        }
    }
    text
}

/// Returns the numbers of lines in the old and the new text.
fn counts(lines: &[DiffLine<'_>]) -> (usize, usize) {
    let new = lines.iter().filter(|line| matches!(line, DiffLine::New(_))).count();
    let old = lines.iter().filter(|line| matches!(line, DiffLine::Old(_))).count();
    (lines.len() - new, lines.len() - old)
}

/// Returns all lines of both texts in order, common lines once.
fn compare<'a>(old: &'a [String], new: &'a [String]) -> Vec<DiffLine<'a>> {
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    let (old_middle, new_middle) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut lines: Vec<_> = old[..head].iter().map(|line| DiffLine::Same(line)).collect();
    if old_middle.len().saturating_mul(new_middle.len()) > MAX_PAIRS {
        lines.extend(old_middle.iter().map(|line| DiffLine::Old(line)));
        lines.extend(new_middle.iter().map(|line| DiffLine::New(line)));
    } else {
        lines.extend(longest_common(old_middle, new_middle));
    }
    lines.extend(old[old.len() - tail..].iter().map(|line| DiffLine::Same(line)));
    lines
}

/// Compares with the longest common subsequence, so that the result has the most common lines.
fn longest_common<'a>(old: &'a [String], new: &'a [String]) -> Vec<DiffLine<'a>> {
    let width = new.len() + 1;
    // `table[i * width + j]`: how many lines `old[i..]` and `new[j..]` have in common.
    let mut table = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            table[i * width + j] = if old[i] == new[j] {
                table[(i + 1) * width + j + 1] + 1
            } else {
                table[(i + 1) * width + j].max(table[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::with_capacity(old.len() + new.len());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(DiffLine::Same(&old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || (i < old.len() && table[(i + 1) * width + j] >= table[i * width + j + 1])
        {
            lines.push(DiffLine::Old(&old[i]));
            i += 1;
        } else {
            lines.push(DiffLine::New(&new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split_terminator(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_difference_is_told_as_diff_tells_it() {
        let check = |old: &str, new: &str, expected: &str| {
            assert_eq!(unified(&lines(old), &lines(new)), expected, "{old:?} {new:?}");
        };
        check("a b c", "a b c", "");
        check("", "", "");
        check("", "a", "@@ -0,0 +1,1 @@\n+a\n");
        check("a", "", "@@ -1,1 +0,0 @@\n-a\n");
        check("a b c", "a x c", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
        check("1 2 3 4 5", "1 2 3 4 x 5", "@@ -2,4 +2,5 @@\n 2\n 3\n 4\n+x\n 5\n");
        check("a b c d", "b d e", "@@ -1,4 +1,3 @@\n-a\n b\n-c\n d\n+e\n");
        // Seven lines between two changes separate the hunks, six join them.
        check(
            "a 1 2 3 4 5 6 7 b",
            "x 1 2 3 4 5 6 7 y",
            "@@ -1,4 +1,4 @@\n-a\n+x\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+y\n",
        );
        check(
            "a 1 2 3 4 5 6 b",
            "x 1 2 3 4 5 6 y",
            "@@ -1,8 +1,8 @@\n-a\n+x\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+y\n",
        );
    }

    #[test]
    fn texts_too_long_to_compare_are_shown_whole() {
        let text = |mark: &str| (0..=2_000).map(|n| format!("{mark}{n}")).collect::<Vec<_>>();
        assert_eq!(counts(&compare(&text("a"), &text("b"))), (2_001, 2_001));
    }
}
