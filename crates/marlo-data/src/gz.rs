//! Bytes that may be a gzip stream, read without trusting what they say about their size.

use std::io::{self, Read};

use flate2::read::GzDecoder;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// No byte of a deflate stream makes more than this many bytes of content.
const MOST_PER_BYTE: u64 = 1032;

/// The bytes, unpacked where they are a gzip stream.
pub(crate) fn unpack(bytes: &[u8]) -> Content<'_> {
    let reader: Box<dyn Read + '_> =
        if is_packed(bytes) { Box::new(GzDecoder::new(bytes)) } else { Box::new(bytes) };
    let most = bytes.len() as u64 * if is_packed(bytes) { MOST_PER_BYTE } else { 1 };
    Content { reader, most }
}

/// Whether the bytes start as a gzip stream does.
pub(crate) fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP)
}

/// Content to be read, and the most that there can be of it.
pub(crate) struct Content<'a> {
    reader: Box<dyn Read + 'a>,
    most: u64,
}

impl Content<'_> {
    /// The next `N` bytes; an error of kind `UnexpectedEof` where they are not there.
    pub(crate) fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The next `count` bytes; an error of kind `UnexpectedEof` where they are not there. Nothing is
    /// reserved where so many cannot be there.
    pub(crate) fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        if count as u64 > self.most {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = Vec::with_capacity(count);
        self.reader.by_ref().take(count as u64).read_to_end(&mut bytes)?;
        if bytes.len() < count { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
    }

    /// Whether nothing is left; the end of a gzip stream checks its sum.
    pub(crate) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.reader.read(&mut [0])? == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    #[test]
    fn the_densest_stream_is_within_the_bound() {
        let zeros = vec![0; 10_000_000];
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&zeros).expect("written");
        let packed = encoder.finish().expect("packed");
        let mut content = unpack(&packed);
        assert_eq!(content.bytes(zeros.len()).expect("within the bound"), zeros);
        assert!(content.is_at_end().expect("a whole stream"));
    }

    #[test]
    fn more_than_can_be_there_is_refused_before_it_is_reserved() {
        for bytes in [&b"abc"[..], &[0x1f, 0x8b, 8]] {
            let error = unpack(bytes).bytes(usize::MAX).expect_err("too much");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
