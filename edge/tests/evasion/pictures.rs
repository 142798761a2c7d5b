//! Pictures that show something else than their first layer.

use crate::studio::{FRAMES, Picture, Studio, judge, verdict};

fn png(picture: &Picture) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let (width, height) = (picture.width as u32, picture.height as u32);
    image::RgbImage::from_raw(width, height, picture.rgb.clone())
        .expect("the right size")
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("encoded");
    bytes.into_inner()
}

/// Name and bytes of each chunk.
fn chunks(png: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut rest = &png[8..];
    let mut all = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes(head[..4].try_into().expect("four bytes")) as usize;
        all.push((&head[4..], &after[..length]));
        rest = &after[length + 4..];
    }
    all
}

fn chunk(name: &[u8], bytes: &[u8]) -> Vec<u8> {
    let named = [name, bytes].concat();
    // PNG, annex D: the CRC of ISO 3309.
    let crc = !named.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    });
    let length = (bytes.len() as u32).to_be_bytes();
    [&length[..], &named, &crc.to_be_bytes()].concat()
}

/// An animation, before which stands another picture for whoever shows none.
fn animated(still: &Picture, frames: &[Picture]) -> Vec<u8> {
    let (width, height) = (still.width as u32, still.height as u32);
    let still = png(still);
    let mut out = still[..8].to_vec();
    let (head, pixels): (Vec<_>, Vec<_>) = chunks(&still)
        .into_iter()
        .partition(|(name, _)| *name != b"IDAT" && *name != b"IEND");
    head.iter()
        .for_each(|(name, bytes)| out.extend(chunk(name, bytes)));
    let count = (frames.len() as u32).to_be_bytes();
    out.extend(chunk(b"acTL", &[&count[..], &1_u32.to_be_bytes()].concat()));
    for (name, bytes) in pixels.iter().filter(|(name, _)| *name == b"IDAT") {
        out.extend(chunk(name, bytes));
    }
    let mut sequence = 0_u32;
    for frame in frames {
        let mut control = Vec::new();
        for number in [sequence, width, height, 0, 0] {
            control.extend(number.to_be_bytes());
        }
        // A twenty-fifth of a second; nothing is disposed of or blended.
        control.extend([0, 1, 0, 25, 0, 0]);
        out.extend(chunk(b"fcTL", &control));
        sequence += 1;
        for (name, bytes) in chunks(&png(frame)) {
            if name == b"IDAT" {
                out.extend(chunk(
                    b"fdAT",
                    &[&sequence.to_be_bytes()[..], bytes].concat(),
                ));
                sequence += 1;
            }
        }
    }
    out.extend(chunk(b"IEND", &[]));
    out
}

/// The picture for those who show no animation does not speak for the animation.
#[test]
fn an_animation_behind_a_still_is_judged_too() {
    let studio = Studio::open();
    let path = studio.folder.path().join("still.png");
    let bytes = animated(&studio.genuine[0], &studio.swapped);
    std::fs::write(&path, bytes).expect("a file");
    let report = judge(&path);
    assert_eq!(verdict(&report), "manipulated", "{report}");
    assert_eq!(report["frames"], FRAMES, "{report}");
}

/// What is seen of a transparent picture is not its colours.
#[test]
fn a_face_made_of_transparency_is_seen() {
    let studio = Studio::open();
    let place = |name: &str| studio.folder.path().join(name);
    let face = &studio.swapped[0];
    let (width, height) = (face.width as u32, face.height as u32);
    let plain = image::RgbImage::from_raw(width, height, face.rgb.clone()).expect("a picture");
    let grey = image::DynamicImage::ImageRgb8(plain).into_luma8();
    // Black ink of this density is the same grey before white.
    let ink = |x, y| image::Rgba([0, 0, 0, 255 - grey.get_pixel(x, y).0[0]]);
    let ink = image::RgbaImage::from_fn(width, height, ink);
    grey.save(place("grey.png")).expect("written");
    ink.save(place("ink.png")).expect("written");
    let (seen, hidden) = (judge(&place("grey.png")), judge(&place("ink.png")));
    assert_eq!(seen["faces"], 1, "{seen}");
    assert_eq!(hidden["tracks"][0]["box"], seen["tracks"][0]["box"]);
    assert_eq!(
        hidden["tracks"][0]["mean_score"],
        seen["tracks"][0]["mean_score"]
    );
}
