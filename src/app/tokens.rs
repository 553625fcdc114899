//! An estimate of how many tokens a text of ours is, a little too high rather than too low.

/// The tokens of a text, as tokenizers of the kind of `o200k_base` count them.
pub(super) fn estimated(text: &str) -> usize {
    #[derive(PartialEq, Clone, Copy)]
    enum Kind {
        Letters,
        Digits,
        Space,
        Line,
        Sign,
    }
    let (mut tokens, mut last, mut length) = (0, Kind::Space, 0);
    for character in text.chars() {
        let kind = match character {
            'a'..='z' | 'A'..='Z' => Kind::Letters,
            '0'..='9' => Kind::Digits,
            '\n' => Kind::Line,
            ' ' | '\t' => Kind::Space,
            _ => Kind::Sign,
        };
        length = if kind == last { length + 1 } else { 1 };
        last = kind;
        // Words of up to eight letters, three digits or two signs are one token; a space belongs to the word after it.
        let starts = match kind {
            Kind::Letters => length % 8 == 1,
            Kind::Digits => length % 3 == 1,
            Kind::Space => length == 2,
            Kind::Line => length == 1,
            Kind::Sign => !character.is_ascii() || length % 2 == 1,
        };
        tokens += usize::from(starts);
    }
    tokens
}
