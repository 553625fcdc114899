//! Reads all pages of a list, for hooks that need more than one.

use std::collections::HashSet;

use crate::error::Error;

/// Most pages that a walk reads, unless its caller says less.
pub const MAX_PAGES: usize = 200;

/// Where a walk over pages ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After the last page.
    Last,
    /// At a position that the service gave before: it would go round in circles.
    Repeated,
    /// At the bound.
    TooMany,
}

/// Calls `page` with the position of each page, `None` for the first, until it returns no further position.
///
/// # Errors
///
/// Those of `page`.
pub fn walk(
    max_pages: usize,
    mut page: impl FnMut(Option<&str>) -> Result<Option<String>, Error>,
) -> Result<End, Error> {
    let mut seen = HashSet::new();
    let mut position: Option<String> = None;
    for _ in 0..max_pages {
        let Some(next) = page(position.as_deref())? else { return Ok(End::Last) };
        if !seen.insert(next.clone()) {
            return Ok(End::Repeated);
        }
        position = Some(next);
    }
    Ok(End::TooMany)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_ends_after_the_last_page_in_a_circle_or_at_the_bound() {
        let check = |next: fn(usize) -> Option<usize>, end: End, pages: usize| {
            let mut read = 0;
            let found = walk(5, |position| {
                read += 1;
                let at = position.map_or(0, |position| position.parse().expect("it is a number"));
                Ok(next(at).map(|next| next.to_string()))
            });
            assert_eq!((found, read), (Ok(end), pages));
        };
        check(|_| None, End::Last, 1);
        check(|at| (at < 3).then_some(at + 1), End::Last, 4);
        check(|_| Some(7), End::Repeated, 2);
        check(|at| Some((at + 1) % 3), End::Repeated, 4);
        check(|at| Some(at + 1), End::TooMany, 5);
        assert!(walk(5, |_| Err(Error::invalid_params("x"))).is_err());
    }
}
