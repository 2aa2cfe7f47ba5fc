//! What is a picture here: PNG, JPEG or WebP, by what the bytes say.
//!
//! Nothing is decoded here. The head of the file must be one of its kind, whole enough to tell the
//! size in pixels, which is bounded: a small file can otherwise claim an area that no phone can
//! hold. SVG is left out, because it is a program as much as a picture.

use super::scale::{MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS};
use crate::net::limits::MAX_FILE_BYTES;

/// Bytes of a picture.
pub const MAX_PICTURE_BYTES: usize = MAX_FILE_BYTES;

/// Pixels along one side of a picture.
pub const MAX_PICTURE_SIDE: u32 = 8_192;

/// The kinds of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG, in a JFIF or Exif file.
    Jpeg,
    /// WebP.
    Webp,
}

impl Format {
    /// The media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Png => "image/png",
            Format::Jpeg => "image/jpeg",
            Format::Webp => "image/webp",
        }
    }
}

/// What a picture's head says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its kind.
    pub format: Format,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Shape {
    /// All its pixels.
    #[must_use]
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Why bytes are no picture here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPicture {
    /// Nothing was sent.
    #[error("the body is empty: send the bytes of a PNG, JPEG or WebP file")]
    Empty,
    /// Too many bytes.
    #[error(
        "the picture has more than {MAX_PHOTO_BYTES} bytes, which is the limit: make it smaller, \
         or save it as JPEG or WebP"
    )]
    TooLarge,
    /// Something else.
    #[error(
        "the bytes are no PNG, JPEG or WebP file: send one of these (SVG and GIF are not kept)"
    )]
    Unknown,
    /// The head is damaged or cut.
    #[error("the {0} file is damaged: its head does not tell its size; save it again")]
    Damaged(&'static str),
    /// More pixels than a phone can show.
    #[error(
        "the picture is {width} by {height} pixels: each side may have 1 to {MAX_PICTURE_SIDE}, \
         and both together {MAX_PHOTO_PIXELS}; make it smaller"
    )]
    Side {
        /// As the head says.
        width: u32,
        /// As the head says.
        height: u32,
    },
}

/// Looks at the head of a file, which may be a photograph that is too large to be kept.
///
/// # Errors
/// [`NoPicture`] says why it is none.
pub fn shape(bytes: &[u8]) -> Result<Shape, NoPicture> {
    if bytes.is_empty() {
        return Err(NoPicture::Empty);
    }
    if bytes.len() > MAX_PHOTO_BYTES {
        return Err(NoPicture::TooLarge);
    }
    let (format, side) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        (Format::Png, png(bytes).ok_or(NoPicture::Damaged("PNG"))?)
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        (Format::Jpeg, jpeg(bytes).ok_or(NoPicture::Damaged("JPEG"))?)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        (Format::Webp, webp(bytes).ok_or(NoPicture::Damaged("WebP"))?)
    } else {
        return Err(NoPicture::Unknown);
    };
    let (width, height) = side;
    let fits = |side: u32| (1..=MAX_PICTURE_SIDE).contains(&side);
    if !fits(width) || !fits(height) {
        return Err(NoPicture::Side { width, height });
    }
    Ok(Shape { format, width, height })
}

fn big_endian(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The first chunk is the header: its length, its name, width, height.
fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    let is_header = big_endian(bytes, 8)? == 13 && bytes.get(12..16)? == b"IHDR";
    is_header.then_some(())?;
    Some((big_endian(bytes, 16)?, big_endian(bytes, 20)?))
}

/// Segments follow each other until the frame header, which has the size.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let two = |at: usize| {
        let pair = bytes.get(at..at.checked_add(2)?)?;
        Some(u32::from(u16::from_be_bytes(pair.try_into().ok()?)))
    };
    let mut at = 2;
    loop {
        (*bytes.get(at)? == 0xff).then_some(())?;
        let marker = *bytes.get(at + 1)?;
        match marker {
            // Filling, and marks without a length.
            0xff => at += 1,
            0x01 | 0xd0..=0xd7 => at += 2,
            // Frame headers; three of these codes mean other things.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                return Some((two(at + 7)?, two(at + 5)?));
            }
            // Pixels or the end before any frame header.
            0xd9 | 0xda => return None,
            _ => {
                let length = usize::try_from(two(at + 2)?).ok()?;
                (length >= 2).then_some(())?;
                at = at.checked_add(2)?.checked_add(length)?;
            }
        }
    }
}

/// The first chunk is one of three kinds, each with the size at its own place.
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    // The length counts from after itself; files are padded to an even length.
    let told = usize::try_from(length).ok()?.checked_add(8)?;
    (told <= bytes.len() && bytes.len() - told <= 1).then_some(())?;
    let byte = |at: usize| bytes.get(at).copied().map(u32::from);
    match bytes.get(12..16)? {
        b"VP8 " => {
            (bytes.get(23..26)? == b"\x9d\x01\x2a").then_some(())?;
            let side = |at| Some((byte(at)? | byte(at + 1)? << 8) & 0x3fff);
            Some((side(26)?, side(28)?))
        }
        b"VP8L" => {
            (byte(20)? == 0x2f).then_some(())?;
            let bits = u32::from_le_bytes(bytes.get(21..25)?.try_into().ok()?);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => {
            let side = |at| Some((byte(at)? | byte(at + 1)? << 8 | byte(at + 2)? << 16) + 1);
            Some((side(24)?, side(27)?))
        }
        _ => None,
    }
}

/// A PNG of this size in pixels: its head, as far as anything here looks at it.
#[cfg(test)]
pub(crate) fn some_png(width: u32, height: u32, filling: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0]);
    bytes.extend(filling);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_jpeg() -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc2, 0, 11, 8];
        bytes.extend([0, 30, 0, 40, 1, 0, 0, 0]);
        bytes
    }

    fn some_webp(kind: &[u8; 4], chunk: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF".to_vec();
        bytes.extend(u32::try_from(chunk.len() + 12).unwrap().to_le_bytes());
        bytes.extend(b"WEBP");
        bytes.extend(kind);
        bytes.extend(u32::try_from(chunk.len()).unwrap().to_le_bytes());
        bytes.extend(chunk);
        bytes
    }

    #[test]
    fn each_kind_tells_its_size() {
        let of = |format, width, height| Ok(Shape { format, width, height });
        assert_eq!(shape(&some_png(3, 4, b"")), of(Format::Png, 3, 4));
        assert_eq!(shape(&some_jpeg()), of(Format::Jpeg, 40, 30));
        let lossy = [0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 32, 0];
        assert_eq!(shape(&some_webp(b"VP8 ", &lossy)), of(Format::Webp, 64, 32));
        let lossless = [0x2f, 9, 0x40, 2, 0];
        assert_eq!(shape(&some_webp(b"VP8L", &lossless)), of(Format::Webp, 10, 10));
        let extended = [0, 0, 0, 0, 19, 0, 0, 9, 0, 0];
        assert_eq!(shape(&some_webp(b"VP8X", &extended)), of(Format::Webp, 20, 10));
    }

    /// Promise P33.
    #[test]
    fn what_is_no_picture_is_refused_with_the_reason() {
        assert_eq!(shape(b""), Err(NoPicture::Empty));
        for other in [
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".as_slice(),
            b"GIF89a\x01\0\x01\0",
            b"<!doctype html><img>",
            b"RIFF\0\0\0\0WAVE",
            b"%PDF-1.7",
        ] {
            assert_eq!(shape(other), Err(NoPicture::Unknown));
        }
        let large = some_png(1, 1, &vec![0; MAX_PHOTO_BYTES]);
        assert_eq!(shape(&large), Err(NoPicture::TooLarge));
        assert_eq!(shape(&some_png(0, 1, b"")), Err(NoPicture::Side { width: 0, height: 1 }));
        let wide = MAX_PICTURE_SIDE + 1;
        assert!(matches!(shape(&some_png(wide, 1, b"")), Err(NoPicture::Side { .. })));
        assert_eq!(shape(b"\x89PNG\r\n\x1a\n"), Err(NoPicture::Damaged("PNG")));
        assert_eq!(shape(b"\xff\xd8\xff\xd9"), Err(NoPicture::Damaged("JPEG")));
        let mut cut = some_webp(b"VP8L", &[0x2f, 9, 0x40, 2, 0]);
        cut.truncate(20);
        assert_eq!(shape(&cut), Err(NoPicture::Damaged("WebP")));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            kind in 0..4_usize,
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let heads: [&[u8]; 4] = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x20\0\0\0WEBP"];
            let mut all = heads[kind].to_vec();
            all.append(&mut bytes);
            let _ = shape(&all);
        }
    }
}
