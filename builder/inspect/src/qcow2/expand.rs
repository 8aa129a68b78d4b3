//! Compressed clusters.
//!
//! In: a stream of deflate or zstd, which padding or another stream may follow. Out: one cluster. Never: more memory than that and
//! a decoder's window.

use std::io;

use super::header::Codec;

/// Largest window of a zstd frame, as a power of two: what every decoder must support (RFC 8878, 3.1.1.1.2).
const ZSTD_WINDOW_LOG: u32 = 23;

/// One cluster out of its stream.
pub(super) fn expand(stream: &[u8], cluster: usize, codec: Codec) -> Result<Vec<u8>, String> {
    let mut out = vec![0; cluster];
    let len = match codec {
        Codec::Deflate => {
            let mut inflate = flate2::Decompress::new(false);
            let ended = inflate.decompress(stream, &mut out, flate2::FlushDecompress::Finish);
            ended.map_err(|e| format!("is no deflate stream: {e}"))?;
            inflate.total_out()
        }
        Codec::Zstd => unzstd(stream, &mut out).map_err(|e| format!("is no zstd frame: {e}"))? as u64,
    };
    if len != cluster as u64 {
        return Err(format!("gives {len} bytes of {cluster}"));
    }
    Ok(out)
}

fn unzstd(stream: &[u8], out: &mut [u8]) -> io::Result<usize> {
    use zstd::stream::raw::{DParameter, Decoder, Operation};
    let mut decoder = Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
    let (mut read, mut written) = (0, 0);
    loop {
        let status = decoder.run_on_buffers(&stream[read..], &mut out[written..])?;
        read += status.bytes_read;
        written += status.bytes_written;
        let stuck = status.bytes_read == 0 && status.bytes_written == 0;
        if status.remaining == 0 || written == out.len() || stuck {
            return Ok(written);
        }
    }
}
