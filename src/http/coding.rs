//! The content coding of a request body (RFC 9110, 8.4): gzip, or none.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::head::Headers;
use super::memory::Allowance;
use super::response::Refusal;

/// Bytes that are decoded before they are counted.
const PIECE: u64 = 64 * 1024;

/// Returns the body without its content coding. What it takes counts as much as what was sent, and is bounded in the same way.
///
/// # Errors
/// 415 for another coding than gzip, 400 for a body that is not in it, 413 for one that is over the limit without it.
pub(super) fn decode(
    body: Vec<u8>,
    headers: &Headers,
    allowance: &mut Allowance,
) -> Result<Vec<u8>, Refusal> {
    let codings = headers.get_all("content-encoding").flat_map(|line| line.split(','));
    let mut codings = codings
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
    let Some(coding) = codings.next().filter(|_| !body.is_empty()) else { return Ok(body) };
    let is_gzip = ["gzip", "x-gzip"].iter().any(|known| known.eq_ignore_ascii_case(coding));
    if !is_gzip || codings.next().is_some() {
        return Err(Refusal::new(
            415,
            "the body's Content-Encoding is not known; send the body as it is, or once as gzip",
        ));
    }
    let mut reader = MultiGzDecoder::new(&body[..]);
    let mut decoded = Vec::new();
    loop {
        let read = (&mut reader).take(PIECE).read_to_end(&mut decoded);
        let read =
            read.map_err(|_| Refusal::new(400, "the body is not gzip, as Content-Encoding says"))?;
        if read == 0 {
            return Ok(decoded);
        }
        if decoded.len() > allowance.bytes {
            let message = format!("the body is over {} bytes without its coding", allowance.bytes);
            return Err(Refusal::new(413, message));
        }
        allowance.grow_to(body.len() + decoded.len())?;
    }
}
