//! A minimal ICC profile for sRGB: version 4, matrix and curve, nothing copyrighted.

/// The profile, about half a kilobyte.
pub(crate) fn srgb() -> Vec<u8> {
    let curve = curve();
    let tags: Vec<(&[u8; 4], Vec<u8>)> = vec![
        (b"desc", text("Vestibule sample sRGB")),
        (b"cprt", text("CC0")),
        (b"wtpt", numbers(*b"XYZ ", &[0xf6d6, 0x1_0000, 0xd32d])),
        (b"chad", numbers(*b"sf32", &ADAPTATION)),
        (b"rXYZ", numbers(*b"XYZ ", &[0x6fa2, 0x38f5, 0x0390])),
        (b"gXYZ", numbers(*b"XYZ ", &[0x6299, 0xb785, 0x18da])),
        (b"bXYZ", numbers(*b"XYZ ", &[0x24a0, 0x0f84, 0xb6cf])),
        (b"rTRC", curve.clone()),
        (b"gTRC", curve.clone()),
        (b"bTRC", curve),
    ];
    let mut table = (tags.len() as u32).to_be_bytes().to_vec();
    let mut data = Vec::new();
    let begin = 128 + 4 + tags.len() * 12;
    for (name, bytes) in &tags {
        table.extend_from_slice(*name);
        table.extend_from_slice(&((begin + data.len()) as u32).to_be_bytes());
        table.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        data.extend_from_slice(bytes);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    let mut profile = header((begin + data.len()) as u32);
    profile.extend(table);
    profile.extend(data);
    profile
}

/// From D65 to the D50 of the profile connection space (Bradford), in 16.16.
const ADAPTATION: [i32; 9] =
    [0x1_0c42, 0x05de, -0x0cdb, 0x0793, 0xfd8f, -0x045f, -0x025e, 0x03dc, 0xc06e];

fn header(size: u32) -> Vec<u8> {
    let mut header = size.to_be_bytes().to_vec();
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(&[4, 0x30, 0, 0]);
    header.extend_from_slice(b"mntrRGB XYZ ");
    for part in [2024_u16, 1, 1, 0, 0, 0] {
        header.extend_from_slice(&part.to_be_bytes());
    }
    header.extend_from_slice(b"acsp");
    header.resize(68, 0);
    for part in [0xf6d6_u32, 0x1_0000, 0xd32d] {
        header.extend_from_slice(&part.to_be_bytes());
    }
    header.resize(128, 0);
    header
}

fn text(words: &str) -> Vec<u8> {
    let utf16: Vec<u8> = words.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut tag = b"mluc\0\0\0\0".to_vec();
    for number in [1, 12] {
        tag.extend_from_slice(&u32::to_be_bytes(number));
    }
    tag.extend_from_slice(b"enUS");
    tag.extend_from_slice(&(utf16.len() as u32).to_be_bytes());
    tag.extend_from_slice(&28_u32.to_be_bytes());
    tag.extend(utf16);
    tag
}

fn numbers(kind: [u8; 4], fixed: &[i32]) -> Vec<u8> {
    let mut tag = kind.to_vec();
    tag.extend_from_slice(&[0; 4]);
    tag.extend(fixed.iter().flat_map(|number| number.to_be_bytes()));
    tag
}

/// The curve of sRGB: a power with a straight foot.
fn curve() -> Vec<u8> {
    let mut tag = b"para\0\0\0\0\0\x03\0\0".to_vec();
    for number in [2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.040_45] {
        tag.extend_from_slice(&((number * 65_536.0_f64).round() as i32).to_be_bytes());
    }
    tag
}
