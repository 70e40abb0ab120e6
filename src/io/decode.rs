//! Content codings: the body of an answer as bytes that a caller can use.

use std::io::{self, Cursor};

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderMap, header};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio_util::io::StreamReader;

use crate::error::{Error, Kind, Result};
use crate::io::transport::Answer;

/// What we can decode, for `Accept-Encoding`.
pub const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// Room reserved on a server's word for the length of a body.
const TRUSTED_LENGTH: u64 = 1 << 20;

/// Codings of one body. Nobody needs two; each is a buffer, and a call inside a call of a stack that ends.
const LAYERS_MAX: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// A body under as many codings as are left.
type Encoded<'a> = Box<dyn AsyncBufRead + Send + Unpin + 'a>;

/// The whole body, decoded: `limit` bytes at most.
pub async fn collect(answer: &mut Answer, limit: Option<u64>) -> Result<Bytes> {
    let codings = codings(&answer.headers);
    let limit = limit.unwrap_or(u64::MAX);
    if let (true, Some(length)) = (codings.is_empty(), answer.body_length())
        && length > limit
    {
        return Err(too_large(length, limit));
    }
    let Some(first) = answer.chunk().await? else {
        // No body, as after HEAD or with 204 and 304, is no broken gzip.
        return Ok(Bytes::new());
    };
    if codings.is_empty() { plain(answer, first, limit).await } else { decoded(answer, first, &codings, limit).await }
}

async fn plain(answer: &mut Answer, first: Bytes, limit: u64) -> Result<Bytes> {
    within(first.len(), limit)?;
    let Some(second) = answer.chunk().await? else {
        return Ok(first);
    };
    let announced = answer.content_length().unwrap_or_default().min(TRUSTED_LENGTH);
    let mut body = BytesMut::with_capacity(usize::try_from(announced).unwrap_or_default());
    body.extend_from_slice(&first);
    body.extend_from_slice(&second);
    within(body.len(), limit)?;
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        within(body.len(), limit)?;
    }
    Ok(body.freeze())
}

fn within(length: usize, limit: u64) -> Result<()> {
    if length as u64 > limit { Err(too_large(length as u64, limit)) } else { Ok(()) }
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
fn too_large(length: u64, limit: u64) -> Error {
    let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (length, limit) = (megabytes(length), megabytes(limit));
    let message = format!("Response exceeds maximum size limit ({length:.2}MB > {limit:.2}MB)");
    Error::new(Kind::BodyTooLarge, message)
}

async fn decoded(answer: &mut Answer, first: Bytes, codings: &[Coding], limit: u64) -> Result<Bytes> {
    let chunks = stream::try_unfold((Some(first), answer), |(first, answer)| async move {
        let chunk = match first {
            Some(first) => Some(first),
            None => answer.chunk().await.map_err(io::Error::other)?,
        };
        Ok::<_, io::Error>(chunk.map(|chunk| (chunk, (None, answer))))
    });
    read(Box::new(StreamReader::new(Box::pin(chunks))), codings, limit).await
}

/// A whole body under the codings that a `Content-Encoding` field names. It computes until it is done, so not for the
/// async workers.
pub async fn decode(body: Bytes, encoding: &str) -> Result<Bytes> {
    let codings = parse_codings([encoding]);
    if codings.is_empty() || body.is_empty() {
        return Ok(body);
    }
    read(Box::new(Cursor::new(body)), &codings, u64::MAX).await
}

async fn read(mut reader: Encoded<'_>, codings: &[Coding], limit: u64) -> Result<Bytes> {
    if codings.len() > LAYERS_MAX {
        let message = format!("the body cannot be decoded: it has more than {LAYERS_MAX} content codings");
        return Err(Error::new(Kind::Decode, message));
    }
    // Listed in the order in which they were applied.
    for coding in codings.iter().rev() {
        reader = decoder(*coding, reader).await.map_err(decode_error)?;
    }
    let mut body = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut body).await.map_err(decode_error)?;
    within(body.len(), limit)?;
    Ok(body.into())
}

async fn decoder(coding: Coding, mut reader: Encoded<'_>) -> io::Result<Encoded<'_>> {
    Ok(match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(reader);
            decoder.multiple_members(true);
            buffered(decoder)
        }
        Coding::Deflate => {
            // RFC 9110 means zlib; some servers send the bare stream. CMF of zlib always names method 8.
            let is_zlib = reader.fill_buf().await?.first().is_some_and(|byte| byte & 0x0f == 8);
            if is_zlib { buffered(ZlibDecoder::new(reader)) } else { buffered(DeflateDecoder::new(reader)) }
        }
        Coding::Brotli => buffered(BrotliDecoder::new(reader)),
        Coding::Zstd => {
            let mut decoder = ZstdDecoder::new(reader);
            decoder.multiple_members(true);
            buffered(decoder)
        }
    })
}

fn buffered<'a>(decoder: impl AsyncRead + Send + Unpin + 'a) -> Encoded<'a> {
    Box::new(BufReader::with_capacity(64 << 10, decoder))
}

/// The codings of a body in the order of the header; none at all when one is unknown, because then the bytes as sent
/// are all that we can offer.
fn codings(headers: &HeaderMap) -> Vec<Coding> {
    parse_codings(headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok()))
}

fn parse_codings<'a>(fields: impl IntoIterator<Item = &'a str>) -> Vec<Coding> {
    let names = fields.into_iter().flat_map(|names| names.split(','));
    let known = names.map(|name| match name.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Some(None),
        "gzip" | "x-gzip" => Some(Some(Coding::Gzip)),
        "deflate" => Some(Some(Coding::Deflate)),
        "br" => Some(Some(Coding::Brotli)),
        "zstd" => Some(Some(Coding::Zstd)),
        _ => None,
    });
    known.collect::<Option<Vec<_>>>().unwrap_or_default().into_iter().flatten().collect()
}

/// A failure of the connection keeps its own error; anything else is a broken body.
fn decode_error(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::new(Kind::Decode, format!("the body cannot be decoded: {error}")).with_cause(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&'static str]) -> Vec<Coding> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, header::HeaderValue::from_static(value));
        }
        codings(&headers)
    }

    #[test]
    fn layered_codings_keep_their_order() {
        assert_eq!(of(&["deflate, GZIP"]), [Coding::Deflate, Coding::Gzip]);
        assert_eq!(of(&["br", "identity", "zstd"]), [Coding::Brotli, Coding::Zstd]);
    }

    #[test]
    fn an_unknown_coding_leaves_the_body_as_sent() {
        assert!(of(&["gzip, compress"]).is_empty());
        assert!(of(&[]).is_empty());
    }

    #[tokio::test]
    async fn a_plain_buffer_is_decoded_as_its_field_says() {
        // "a" as gzip and then as zlib writes it.
        let gzip = Bytes::from_static(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x04\0\x43\xbe\xb7\xe8\x01\0\0\0");
        let zlib = Bytes::from_static(b"\x78\x9c\x4b\x04\0\0\x62\0\x62");
        for name in ["gzip", "X-GZIP", " gzip ,", "identity, gzip"] {
            assert_eq!(decode(gzip.clone(), name).await.unwrap(), "a", "{name}");
        }
        assert_eq!(decode(zlib, "deflate").await.unwrap(), "a");
        for name in ["", "identity", "compress", "gzip, compress"] {
            assert_eq!(decode(gzip.clone(), name).await.unwrap(), gzip, "{name}");
        }
        assert_eq!(decode(Bytes::new(), "gzip").await.unwrap(), "");
        let error = decode(gzip.slice(..gzip.len() - 1), "gzip").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Decode);
    }

    #[tokio::test]
    async fn codings_without_end_are_refused() {
        let error = decode(Bytes::from_static(b"x"), &"gzip,".repeat(100_000)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Decode);
    }
}
