//! Photographs made smaller: those that phones make before they are kept, all of them for pages.
//!
//! What comes out is a JPEG with the right side up, on white where there was nothing, and without
//! what a camera wrote beside the picture, such as where it was taken.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits, Rgb, RgbImage};

use super::image::{Format, MAX_PICTURE_BYTES, NoPicture, Shape};

/// Bytes of a photograph that is taken and made smaller.
pub const MAX_PHOTO_BYTES: usize = 16 * 1024 * 1024;

/// Pixels of a photograph that is taken and made smaller: 8,192 by 6,144.
pub const MAX_PHOTO_PIXELS: u64 = 8_192 * 6_144;

/// Pixels of a picture that is kept as it is.
pub const MAX_KEPT_PIXELS: u64 = 24_000_000;

/// Pixels of the longer side of a photograph that was made smaller before it was kept.
pub const SCALED_SIDE: u32 = 2_048;

/// Pixels of the longer side of a picture on a page, which shows it at a quarter of that.
pub const SMALL_SIDE: u32 = 384;

/// Bytes of a picture on a page.
pub const MAX_SMALL_BYTES: usize = 40 * 1024;

/// Sides, in eighths of the wanted one, and JPEG qualities that are tried until one fits. The last
/// fits whatever the picture shows: it has a 64th of the pixels.
const TRIES: [(u32, u8); 7] = [(8, 82), (8, 70), (6, 70), (6, 55), (4, 60), (2, 55), (1, 40)];

/// Whether a picture is kept as it was sent.
#[must_use]
pub fn is_kept_as_it_is(bytes: &[u8], shape: Shape) -> bool {
    bytes.len() <= MAX_PICTURE_BYTES && shape.pixels() <= MAX_KEPT_PIXELS
}

/// A photograph that is too large to be kept, made smaller.
///
/// # Errors
/// [`NoPicture`] when it cannot be read, or has too many pixels to be.
pub fn for_keeping(bytes: &[u8], shape: Shape) -> Result<Vec<u8>, NoPicture> {
    let photo = read(bytes, shape, MAX_PHOTO_PIXELS, SCALED_SIDE)?;
    fit(&photo, SCALED_SIDE, MAX_PICTURE_BYTES).ok_or(NoPicture::TooLarge)
}

/// A picture as a page shows it, at most [`MAX_SMALL_BYTES`].
///
/// # Errors
/// [`NoPicture`] when it cannot be read, or has more pixels than one that is kept may have.
pub fn for_page(bytes: &[u8], shape: Shape) -> Result<Vec<u8>, NoPicture> {
    let picture = read(bytes, shape, MAX_KEPT_PIXELS, SMALL_SIDE)?;
    fit(&picture, SMALL_SIDE, MAX_SMALL_BYTES).ok_or(NoPicture::TooLarge)
}

/// Decodes a picture into at most `side` pixels along its longer side, right side up.
fn read(bytes: &[u8], shape: Shape, most_pixels: u64, side: u32) -> Result<RgbImage, NoPicture> {
    if shape.pixels() > most_pixels {
        return Err(NoPicture::Side { width: shape.width, height: shape.height });
    }
    let (format, name) = match shape.format {
        Format::Png => (image::ImageFormat::Png, "PNG"),
        Format::Jpeg => (image::ImageFormat::Jpeg, "JPEG"),
        Format::Webp => (image::ImageFormat::WebP, "WebP"),
    };
    let damaged = |error: image::ImageError| {
        tracing::debug!(%error, "a picture cannot be decoded");
        NoPicture::Damaged(name)
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // The head said so; what follows it may not say otherwise.
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(shape.width), Some(shape.height));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let orientation = decoder.orientation().map_err(damaged)?;
    let whole = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let mut small = shrunk(whole, side);
    small.apply_orientation(orientation);
    Ok(on_white(&small))
}

/// At most `side` pixels along the longer side; what is smaller stays.
fn shrunk(picture: DynamicImage, side: u32) -> DynamicImage {
    match picture.width().max(picture.height()) > side {
        true => picture.thumbnail(side, side),
        false => picture,
    }
}

fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u16::from);
        // Below 256, so that the cast keeps all.
        let over = |colour: u16| ((colour * alpha + 255 * (255 - alpha)) / 255) as u8;
        Rgb([over(red), over(green), over(blue)])
    })
}

/// The best JPEG of at most `most` bytes.
fn fit(picture: &RgbImage, side: u32, most: usize) -> Option<Vec<u8>> {
    TRIES.into_iter().find_map(|(eighths, quality)| {
        let side = (side * eighths / 8).max(1);
        let tried = shrunk(DynamicImage::ImageRgb8(picture.clone()), side).to_rgb8();
        let mut bytes = Vec::new();
        let encoded = JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(&tried);
        (encoded.is_ok() && bytes.len() <= most).then_some(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::super::image::shape;
    use super::*;

    /// A picture that nothing compresses well: every point is another.
    fn noise(width: u32, height: u32) -> RgbImage {
        let mut state = 1_u32;
        RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [_, red, green, blue] = state.to_le_bytes();
            Rgb([red, green, blue])
        })
    }

    fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).unwrap();
        bytes
    }

    /// Puts what a phone writes into a JPEG: that it was held upright, and where.
    fn as_a_phone_writes(jpeg: &[u8]) -> Vec<u8> {
        let mut exif = b"Exif\0\0II\x2a\0\x08\0\0\0\x01\0".to_vec();
        exif.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
        exif.extend(b"GPS 48.1N 11.5E");
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1];
        bytes.extend(length);
        bytes.extend(exif);
        bytes.extend(&jpeg[2..]);
        bytes
    }

    fn has(bytes: &[u8], what: &[u8]) -> bool {
        bytes.windows(what.len()).any(|window| window == what)
    }

    /// Promise P95: a photograph as a phone makes it can be used: it is turned the right side up,
    /// made smaller, and loses what the camera wrote about the place.
    #[test]
    fn a_phones_photograph_becomes_a_picture_that_is_kept() {
        let mut photo = noise(2_600, 1_300);
        // Left half black, so that it can be told which side is up.
        for (x, _, pixel) in photo.enumerate_pixels_mut() {
            if x < 1_300 {
                *pixel = Rgb([0, 0, 0]);
            }
        }
        let photo = as_a_phone_writes(&jpeg(&photo, 95));
        assert!(photo.len() > MAX_PICTURE_BYTES && has(&photo, b"GPS"), "{}", photo.len());
        let before = shape(&photo).unwrap();
        assert!(!is_kept_as_it_is(&photo, before));
        let kept = for_keeping(&photo, before).unwrap();
        let after = shape(&kept).unwrap();
        assert!(is_kept_as_it_is(&kept, after), "{} bytes", kept.len());
        assert_eq!((after.format, after.height), (Format::Jpeg, 2 * after.width), "upright");
        assert!((1_024..=SCALED_SIDE).contains(&after.height), "{after:?}");
        assert!(!has(&kept, b"GPS") && !has(&kept, b"Exif"));
        let small = for_page(&kept, after).unwrap();
        let shown = image::load_from_memory(&small).unwrap().to_rgb8();
        assert_eq!(shown.height(), 384);
        // Orientation 6: what was left is on top.
        assert!(shown.get_pixel(96, 40).0.iter().all(|colour| *colour < 20));
        assert!(shown.get_pixel(96, 340).0.iter().any(|colour| *colour > 40));
    }

    /// Promise P95: whatever a picture shows, a page gets at most 40 KB of it.
    #[test]
    fn a_page_gets_a_small_picture_of_anything() {
        for (width, height) in [(1, 1), (384, 384), (3_000, 40), (1_200, 1_600)] {
            let picture = jpeg(&noise(width, height), 60);
            let small = for_page(&picture, shape(&picture).unwrap()).unwrap();
            let after = shape(&small).unwrap();
            assert!(small.len() <= MAX_SMALL_BYTES, "{width}x{height}: {} bytes", small.len());
            assert!(after.width.max(after.height) <= SMALL_SIDE, "{after:?}");
        }
        let mut clear = Vec::new();
        let nothing = DynamicImage::new_rgba8(600, 300);
        nothing.write_to(&mut Cursor::new(&mut clear), image::ImageFormat::Png).unwrap();
        let small = for_page(&clear, shape(&clear).unwrap()).unwrap();
        let shown = image::load_from_memory(&small).unwrap().to_rgb8();
        assert!(shown.pixels().all(|pixel| pixel.0 == [255; 3]), "nothing is white");
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        let whole = jpeg(&noise(200, 200), 80);
        let cut = &whole[..40];
        for bytes in [super::super::image::some_png(3, 4, b"pixels"), cut.to_vec()] {
            let Ok(shape) = shape(&bytes) else { continue };
            assert!(matches!(for_page(&bytes, shape), Err(NoPicture::Damaged(_))));
        }
        let huge = Shape { format: Format::Jpeg, width: 8_192, height: 8_192 };
        assert!(matches!(for_keeping(&whole, huge), Err(NoPicture::Side { .. })));
        // A head that promises less than there is.
        let lies = Shape { format: Format::Jpeg, width: 10, height: 10 };
        assert!(for_page(&whole, lies).is_err());
    }
}
