//! Tunnels through HTTP proxies, by `CONNECT` (RFC 9110, 9.3.6).
//!
//! The proxy learns the host and port of the server, and nothing else of the request. Any 2xx opens the tunnel (but 204, behind
//! which hyper expects nothing more). What comes behind the head of that answer belongs to the tunnel, and is not lost.
#![expect(clippy::disallowed_types, reason = "the one place for CONNECT")]

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper::upgrade::{Upgraded, on};

use crate::io::connect::Failure;

/// A proxy has little to say before it opens a tunnel.
const HEAD_MAX: usize = 16 << 10;

/// The proxy answered, and opened no tunnel.
#[derive(Debug)]
pub struct Refused(pub StatusCode);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy answers CONNECT with {}", self.0.as_u16())
    }
}

impl std::error::Error for Refused {}

/// `server` is host and port; `credentials` the value of `Proxy-Authorization`.
pub async fn open<S>(proxy: S, server: &str, credentials: Option<HeaderValue>) -> Result<Upgraded, Failure>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let mut request = Request::connect(server).header(header::HOST, server).body(Empty::<Bytes>::new())?;
    if let Some(credentials) = credentials {
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, credentials);
    }
    let mut builder = http1::Builder::new();
    let builder = builder.title_case_headers(true).max_buf_size(HEAD_MAX);
    let (mut sender, connection) = builder.handshake(proxy).await?;
    // It ends when the tunnel is handed on, and when nobody waits for it any more. Its failures are those of the request.
    tokio::spawn(connection.with_upgrades());
    let answer = sender.send_request(request).await?;
    match answer.status() {
        status if status.is_success() => Ok(on(answer).await?),
        status => Err(Refused(status).into()),
    }
}

#[cfg(test)]
mod tests {
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const ASKED: &str =
        "CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\nProxy-Authorization: Basic x\r\n\r\n";

    /// The tunnel through a proxy that answers so, and the proxy's end of the connection.
    async fn through(answer: &[u8]) -> (Result<Upgraded, Failure>, DuplexStream) {
        let (ours, mut proxys) = duplex(1 << 20);
        let answering = async {
            let mut asked = [0; ASKED.len()];
            proxys.read_exact(&mut asked).await.unwrap();
            assert_eq!(asked, ASKED.as_bytes());
            proxys.write_all(answer).await.unwrap();
        };
        let opening = open(TokioIo::new(ours), "origin.test:443", Some(HeaderValue::from_static("Basic x")));
        let (tunnel, ()) = tokio::join!(opening, answering);
        (tunnel, proxys)
    }

    #[tokio::test]
    async fn bytes_behind_the_head_belong_to_the_tunnel() {
        let (tunnel, mut proxys) = through(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nearly").await;
        proxys.write_all(b" and late").await.unwrap();
        proxys.shutdown().await.unwrap();
        let mut tunnel = TokioIo::new(tunnel.unwrap());
        let mut received = String::new();
        tunnel.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "early and late");
        // The proxy has ended its half; ours is still open.
        tunnel.write_all(b"after").await.unwrap();
        drop(tunnel);
        let mut sent = String::new();
        proxys.read_to_string(&mut sent).await.unwrap();
        assert_eq!(sent, "after");
    }

    #[tokio::test]
    async fn another_status_is_a_refusal_and_ends_the_connection() {
        let (tunnel, mut proxys) = through(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno").await;
        assert_eq!(tunnel.unwrap_err().downcast::<Refused>().unwrap().0, StatusCode::FORBIDDEN);
        proxys.read_to_end(&mut Vec::new()).await.unwrap();
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_is_an_error() {
        let answer = format!("HTTP/1.1 200 {}", "x".repeat(2 * HEAD_MAX));
        let (tunnel, _proxys) = through(answer.as_bytes()).await;
        assert!(tunnel.unwrap_err().downcast_ref::<hyper::Error>().unwrap().is_parse());
    }
}
