//! Several inputs in one run of bytes.

/// Puts inputs one behind the other, each after its length as 16 bits, big-endian.
///
/// # Panics
/// When one has more than 65,535 bytes.
pub fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        let length = u16::try_from(part.len()).expect("a short input");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Takes apart what [`joined`] put together. Of damaged bytes, the last inputs are
/// shorter or empty.
pub fn sections<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let mut rest = bytes;
    [(); N].map(|()| {
        let Some((length, after)) = rest.split_first_chunk() else {
            return std::mem::take(&mut rest);
        };
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (part, after) = after.split_at(length);
        rest = after;
        part
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_comes_apart() {
        let parts: [&[u8]; 3] = [b"one", b"", b"three"];
        let bytes = joined(&parts);
        assert_eq!(sections::<3>(&bytes), parts);
        let [one, two, three] = sections::<3>(&bytes[..bytes.len() - 2]);
        assert_eq!((one, two, three), (&b"one"[..], &b""[..], &b"thr"[..]));
        assert_eq!(sections::<2>(&[9]), [&[9][..], &[]]);
    }
}
