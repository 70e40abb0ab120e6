//! Content codings: decodes the body of a response.
//!
//! One network thread serves all calls of the process, so it decodes only what takes it negligible
//! time. Everything else is decoded on blocking threads, in slices of a few milliseconds. A call
//! can end between two slices, by its timeout or its signal; the remaining slices are then not
//! decoded.

use std::mem::take;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::{HeaderMap, header};
use tokio::sync::Semaphore;

use crate::base::error::Result;
use crate::io::http::transport::IncomingResponse;
use crate::io::threads::spawn_blocking;
use crate::policy::http::decoding::{Chain, Coding, NextStep, check_size, encoded_max, parse_codings, too_large};

/// The supported codings, for `Accept-Encoding`.
pub const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// The largest announced length of a body for which memory is reserved in advance.
const TRUSTED_LENGTH: u64 = 1 << 20;
/// How long a blocking thread decodes before the next body gets its turn.
const SLICE: Duration = Duration::from_millis(5);
/// Encoded bytes that are gathered for one slice, if so many have been received.
const GATHERED: usize = 256 << 10;

/// Limits concurrent decoding to the number of processors. More would take threads from file
/// writers without decoding faster.
static PROCESSORS: LazyLock<Arc<Semaphore>> =
    LazyLock::new(|| Arc::new(Semaphore::new(available_parallelism().map_or(1, std::num::NonZero::get))));

/// Reads and decodes the whole body. Fails if it has more than `limit` bytes.
pub async fn collect(response: &mut IncomingResponse, limit: Option<u64>) -> Result<Bytes> {
    let codings = codings(&response.headers);
    let limit = limit.unwrap_or(u64::MAX);
    if let (true, Some(length)) = (codings.is_empty(), response.body_length())
        && length > limit
    {
        return Err(too_large(length, limit));
    }
    let Some(first) = response.chunk().await? else {
        // A missing body, as after HEAD or with 204 and 304, is not broken gzip.
        return Ok(Bytes::new());
    };
    if codings.is_empty() {
        return plain(response, first, limit).await;
    }
    // Boxed, so that an undecoded body does not pay for the size of this future.
    Box::pin(decoded(response, first, &codings, limit)).await
}

async fn plain(response: &mut IncomingResponse, first: Bytes, limit: u64) -> Result<Bytes> {
    check_size(first.len(), limit)?;
    let Some(second) = response.chunk().await? else {
        return Ok(first);
    };
    let announced = response.content_length().unwrap_or_default().min(TRUSTED_LENGTH);
    let mut body = BytesMut::with_capacity(usize::try_from(announced).unwrap_or_default());
    body.extend_from_slice(&first);
    body.extend_from_slice(&second);
    check_size(body.len(), limit)?;
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        check_size(body.len(), limit)?;
    }
    Ok(body.freeze())
}

async fn decoded(response: &mut IncomingResponse, first: Bytes, codings: &[Coding], limit: u64) -> Result<Bytes> {
    let mut chain = Box::new(Chain::new(codings, limit, response.content_length().is_some())?);
    let mut next = Some(first);
    loop {
        let is_last = next.is_none();
        chain.feed(next);
        chain = run(chain).await?;
        if is_last {
            return Ok(chain.into_body());
        }
        next = response.chunk().await?;
        if let (true, Some(bytes)) = (chain.is_heavy(), &mut next) {
            gather(response, bytes)?;
        }
    }
}

/// Appends the chunks that were received meanwhile. Switching threads for each chunk would cost
/// more than decoding it.
fn gather(response: &mut IncomingResponse, bytes: &mut Bytes) -> Result<()> {
    let mut gathered = BytesMut::from(take(bytes));
    while gathered.len() < GATHERED {
        match response.chunk().now_or_never().transpose()? {
            Some(Some(chunk)) => gathered.extend_from_slice(&chunk),
            // `chunk` can be called again after the end of the body.
            Some(None) | None => break,
        }
    }
    *bytes = gathered.freeze();
    Ok(())
}

/// Decodes everything that the chain has been fed.
async fn run(mut chain: Box<Chain>) -> Result<Box<Chain>> {
    while !chain.is_heavy() {
        if chain.step()? != NextStep::Step {
            return Ok(chain);
        }
    }
    loop {
        let processor = PROCESSORS.clone().acquire_owned().await.ok();
        let slice = spawn_blocking(move || {
            let next = slice(&mut chain);
            drop(processor);
            next.map(|next| (chain, next))
        });
        let (after, next) = slice.await??;
        chain = after;
        if next != NextStep::Step {
            return Ok(chain);
        }
    }
}

fn slice(chain: &mut Chain) -> Result<NextStep> {
    let begun = Instant::now();
    loop {
        let next = chain.step()?;
        if next != NextStep::Step || begun.elapsed() >= SLICE {
            return Ok(next);
        }
    }
}

/// Decodes a whole body under the codings that a `Content-Encoding` field names. Fails if it has
/// more than `limit` bytes, encoded or not. `is_whole`: see [`Chain::new`].
pub async fn decode(body: Bytes, encoding: &str, limit: Option<u64>, is_whole: bool) -> Result<Bytes> {
    let limit = limit.unwrap_or(u64::MAX);
    let codings = parse_codings([encoding]);
    if codings.is_empty() || body.is_empty() {
        check_size(body.len(), limit)?;
        return Ok(body);
    }
    if body.len() as u64 > encoded_max(limit) {
        return Err(too_large(body.len() as u64, limit));
    }
    let mut chain = Box::new(Chain::new(&codings, limit, is_whole)?);
    chain.feed(Some(body));
    chain = run(chain).await?;
    chain.feed(None);
    Ok(run(chain).await?.into_body())
}

fn codings(headers: &HeaderMap) -> Vec<Coding> {
    parse_codings(headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Kind;

    fn of(values: &[&'static str]) -> Vec<Coding> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, header::HeaderValue::from_static(value));
        }
        codings(&headers)
    }

    async fn whole(body: Bytes, encoding: &str) -> Result<Bytes> {
        decode(body, encoding, None, false).await
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
        // "a" as encoded by gzip and by zlib.
        let gzip = Bytes::from_static(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x04\0\x43\xbe\xb7\xe8\x01\0\0\0");
        let zlib = Bytes::from_static(b"\x78\x9c\x4b\x04\0\0\x62\0\x62");
        for name in ["gzip", "X-GZIP", " gzip ,", "identity, gzip"] {
            assert_eq!(whole(gzip.clone(), name).await.unwrap(), "a", "{name}");
        }
        assert_eq!(whole(zlib, "deflate").await.unwrap(), "a");
        for name in ["", "identity", "compress", "gzip, compress"] {
            assert_eq!(whole(gzip.clone(), name).await.unwrap(), gzip, "{name}");
        }
        assert_eq!(whole(Bytes::new(), "gzip").await.unwrap(), "");
        let error = whole(gzip.slice(..gzip.len() - 1), "gzip").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Decode);
    }

    #[tokio::test]
    async fn codings_without_end_are_refused() {
        let error = whole(Bytes::from_static(b"x"), &"gzip,".repeat(100_000)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Decode);
    }
}
