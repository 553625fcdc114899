//! Decodes the chunked coding of a request body (RFC 9112, 7.1) strictly: lines end in CR LF, sizes are bare hexadecimal
//! digits.

use super::limits::Limits;
use super::response::Refusal;

/// The maximum number of digits in a chunk's size: more than any body needs, and too few to overflow.
const SIZE_DIGITS: u32 = 12;
/// The maximum total size in bytes of a body's chunk extensions. They have no meaning here, so long ones would only cost time.
const EXTENSION_BYTES: usize = 4 * 1024;

/// Decodes a chunked body piece by piece.
#[derive(Debug, Default)]
pub struct Chunked {
    state: ChunkState,
    /// While the size is read, the size so far; then the remaining bytes of the chunk.
    size: u64,
    extension_bytes: usize,
    trailer_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ChunkState {
    /// Before a chunk's size.
    #[default]
    Start,
    /// In a chunk's size, with the number of its digits.
    Size(u32),
    /// In a chunk's extensions, after the semicolon.
    Extension,
    /// After the CR of a chunk's first line.
    SizeEnd,
    Data,
    /// After a chunk's data, before its CR.
    DataEnd,
    /// After a chunk's data and CR.
    DataEndLine,
    /// At the beginning of a trailer line, or of the empty line that ends the body.
    TrailerStart,
    Trailer,
    /// After a trailer line's CR.
    TrailerEnd,
    /// After the last CR.
    LastLine,
    Done,
}

impl Chunked {
    /// Takes received bytes, appends the body's bytes to `body`, and returns how many bytes of `input` were used: all of them
    /// unless the body ended. Extensions and trailers are read and dropped.
    ///
    /// # Errors
    /// A [`Refusal`] if the framing violates RFC 9112, or exceeds `limits`.
    pub fn decode(
        &mut self,
        input: &[u8],
        body: &mut Vec<u8>,
        limits: &Limits,
    ) -> Result<usize, Refusal> {
        let mut used = 0;
        while self.state != ChunkState::Done && used < input.len() {
            if self.state == ChunkState::Data {
                let arrived = input.len() - used;
                let taken = usize::try_from(self.size).map_or(arrived, |size| size.min(arrived));
                body.extend_from_slice(&input[used..used + taken]);
                used += taken;
                self.size -= taken as u64;
                if self.size == 0 {
                    self.state = ChunkState::DataEnd;
                }
            } else {
                self.state = self.step(input[used], body.len(), limits)?;
                used += 1;
            }
        }
        Ok(used)
    }

    /// Returns whether the whole body has been decoded.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == ChunkState::Done
    }

    /// Handles one byte of framing.
    fn step(
        &mut self,
        byte: u8,
        body_bytes: usize,
        limits: &Limits,
    ) -> Result<ChunkState, Refusal> {
        match (self.state, byte) {
            (ChunkState::Start, _) => {
                self.size = u64::from(hex_digit(byte)?);
                Ok(ChunkState::Size(1))
            }
            (ChunkState::Size(_), b';') => Ok(ChunkState::Extension),
            (ChunkState::Size(_) | ChunkState::Extension, b'\r') => Ok(ChunkState::SizeEnd),
            (ChunkState::Size(digits), _) => {
                let digit = hex_digit(byte)?;
                if digits == SIZE_DIGITS {
                    return Err(too_large(limits));
                }
                self.size = self.size * 16 + u64::from(digit);
                Ok(ChunkState::Size(digits + 1))
            }
            (ChunkState::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extension_bytes += 1;
                if self.extension_bytes > EXTENSION_BYTES {
                    return Err(bad("the chunk extensions are too long; none is needed"));
                }
                Ok(ChunkState::Extension)
            }
            (ChunkState::SizeEnd, b'\n') if self.size == 0 => Ok(ChunkState::TrailerStart),
            (ChunkState::SizeEnd, b'\n')
                if self.size > limits.body_bytes.saturating_sub(body_bytes) as u64 =>
            {
                Err(too_large(limits))
            }
            (ChunkState::SizeEnd, b'\n') => Ok(ChunkState::Data),
            (ChunkState::DataEnd, b'\r') => Ok(ChunkState::DataEndLine),
            (ChunkState::DataEndLine, b'\n') => Ok(ChunkState::Start),
            (ChunkState::DataEnd | ChunkState::DataEndLine, _) => {
                Err(bad("a chunk is longer than its size says"))
            }
            (ChunkState::TrailerStart, b'\r') => Ok(ChunkState::LastLine),
            (ChunkState::Trailer, b'\r') => Ok(ChunkState::TrailerEnd),
            (ChunkState::TrailerStart | ChunkState::Trailer, b'\t' | b' '..=b'~' | 0x80..) => {
                self.trailer_bytes += 1;
                if self.trailer_bytes > limits.head_bytes {
                    return Err(Refusal::new(
                        431,
                        format!("the trailers are over {} bytes", limits.head_bytes),
                    ));
                }
                Ok(ChunkState::Trailer)
            }
            (ChunkState::TrailerEnd, b'\n') => Ok(ChunkState::TrailerStart),
            (ChunkState::LastLine, b'\n') => Ok(ChunkState::Done),
            _ => Err(bad(
                "a line of the chunked body does not end in CR LF or has a control character",
            )),
        }
    }
}

fn hex_digit(byte: u8) -> Result<u32, Refusal> {
    char::from(byte)
        .to_digit(16)
        .ok_or_else(|| bad("a chunk does not begin with its size in hexadecimal digits and CR LF"))
}

/// Returns the refusal of a body that exceeds the limit.
pub(super) fn too_large(limits: &Limits) -> Refusal {
    Refusal::new(413, format!("the body is over {} bytes", limits.body_bytes))
}

fn bad(message: &'static str) -> Refusal {
    Refusal::new(400, message)
}
