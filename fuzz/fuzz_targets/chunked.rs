//! A chunked body is the same whole or in pieces, stays within the limit, and ends where its framing says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcpist::http::{Chunked, Limits, Refusal};

/// The outcome of decoding: the body, the bytes used, and whether it is complete.
type Decoded = Result<(Vec<u8>, usize, bool), Refusal>;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    // Small, so that inputs reach it.
    let limits = Limits { body_bytes: 100, head_bytes: 200, ..Limits::default() };
    let whole = decode(bytes, bytes.len().max(1), &limits);
    assert_eq!(decode(bytes, 1, &limits), whole);
    assert_eq!(decode(bytes, usize::from(piece).max(1), &limits), whole);
    let Ok((body, used, is_done)) = whole else { return };
    assert!(body.len() <= limits.body_bytes);
    if is_done {
        // Bytes after the body are not read.
        assert_eq!(decode(&bytes[..used], 7, &limits), Ok((body.clone(), used, true)));
        let written = if body.is_empty() {
            Vec::new()
        } else {
            [format!("{:X}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat()
        };
        let written = [&written[..], b"0\r\n\r\n"].concat();
        assert_eq!(decode(&written, written.len(), &limits), Ok((body, written.len(), true)));
    } else {
        assert_eq!(used, bytes.len());
    }
});

fn decode(bytes: &[u8], piece: usize, limits: &Limits) -> Decoded {
    let (mut chunked, mut body, mut used) = (Chunked::default(), Vec::new(), 0);
    for piece in bytes.chunks(piece) {
        let taken = chunked.decode(piece, &mut body, limits)?;
        used += taken;
        if chunked.is_done() {
            break;
        }
        assert_eq!(taken, piece.len());
    }
    Ok((body, used, chunked.is_done()))
}
