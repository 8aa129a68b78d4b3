//! Integers in untrusted bytes.
//!
//! In: bytes and a place in them. Out: the integer there; zero past the end, so that nothing can panic. Never: an error: a
//! caller that must tell short from zero looks at the length.

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let part = at.checked_add(N).and_then(|end| bytes.get(at..end));
    part.and_then(|part| part.try_into().ok()).unwrap_or([0; N])
}

pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    u8::from_le_bytes(array(bytes, at))
}

pub(super) fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

pub(super) fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

pub(super) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(array(bytes, at))
}

pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(bytes, at))
}

pub(super) fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array(bytes, at))
}

/// Sixteen bytes: a UUID.
pub(super) fn uuid(bytes: &[u8], at: usize) -> uuid::Uuid {
    uuid::Uuid::from_bytes(array(bytes, at))
}

/// Sixteen bytes as a GPT has them: the first three fields in little-endian order.
pub(super) fn guid(bytes: &[u8], at: usize) -> uuid::Uuid {
    uuid::Uuid::from_bytes_le(array(bytes, at))
}

/// Text that ends at the first zero byte or at `len`.
pub(super) fn text(bytes: &[u8], at: usize, len: usize) -> String {
    let part = at.checked_add(len).and_then(|end| bytes.get(at..end)).unwrap_or_default();
    let end = part.iter().position(|b| *b == 0).unwrap_or(part.len());
    String::from_utf8_lossy(&part[..end]).trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_past_the_end() {
        let bytes = [1, 2, 3];
        assert_eq!((le16(&bytes, 1), le16(&bytes, 2), le64(&bytes, usize::MAX)), (0x0302, 0, 0));
        assert_eq!(text(b"ab\0c", 0, 4), "ab");
        assert_eq!(text(b"ab", 1, 9), "");
    }
}
