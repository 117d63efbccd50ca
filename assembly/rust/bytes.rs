//! Bytes as protocols have them, and text. It knows nothing of the host.

use std::{fmt, ops, str};

/// The payload of a frame at the front of the input, behind four bytes of length, the highest
/// first. If it is not all there: how many bytes to wait for, as `want` takes them.
pub fn frame(data: &[u8]) -> Result<&[u8], usize> {
    if data.len() < 4 {
        return Err(4);
    }
    let (header, rest) = data.split_at(4);
    let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
    rest.get(..length).ok_or(length.saturating_add(4))
}

/// The version of a key's value: to be compared and handed back only.
pub type Version = [u8; 8];
/// As an expected version: there must be no such key.
pub const NO_KEY: Version = [0; 8];

/// The version and the value of which the data of a `reply` consists.
pub fn versioned(data: &[u8]) -> Option<(Version, &[u8])> {
    let version = data.get(..8)?.try_into().ok()?;
    Some((version, &data[8..]))
}

/// At most N bytes of text, formatted without an allocation. What goes beyond is cut.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    pub const fn new() -> Self {
        Text {
            bytes: [0; N],
            length: 0,
        }
    }
    /// `Text::<32>::of(format_args!("{} lines\n", lines))`
    pub fn of(arguments: fmt::Arguments) -> Self {
        let mut text = Self::new();
        // The only error is that it was cut.
        let _ = fmt::write(&mut text, arguments);
        text
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let mut end = piece.len().min(N - self.length);
        while !piece.is_char_boundary(end) {
            end -= 1;
        }
        self.bytes[self.length..self.length + end].copy_from_slice(&piece.as_bytes()[..end]);
        self.length += end;
        // After a cut nothing more is formatted.
        if end == piece.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

impl<const N: usize> ops::Deref for Text<N> {
    type Target = str;
    fn deref(&self) -> &str {
        str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl<const N: usize> AsRef<[u8]> for Text<N> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl<const N: usize> AsRef<str> for Text<N> {
    fn as_ref(&self) -> &str {
        self
    }
}
