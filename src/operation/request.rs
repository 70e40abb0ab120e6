//! A request: attempts until an answer, and its whole body.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::io::decode;
use crate::io::transport::{Answer, Transport};
use crate::operation::attempt::{Attempts, failure_of, first_hop, follow, retry_after, within};
use crate::options::{Redirects, RequestOptions};
use crate::policy::redirect::Hop;
use crate::policy::retry::Failure;

/// A complete answer.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub status_text: String,
    pub headers: HeaderMap,
    /// Decoded.
    pub body: Bytes,
    /// Where the answer came from, after redirects.
    pub url: Url,
    pub attempts: u32,
}

/// Any status is an answer, as long as attempts are left for none that may pass.
pub async fn request(transport: &Transport, url: Url, options: RequestOptions) -> Result<Response> {
    let RequestOptions { method, mut headers, body, redirects, retry, timeout, tls: _ } = options;
    headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static(decode::ACCEPTED));
    let hop = first_hop(method.clone(), url, headers, body.is_some());
    let mut attempts = Attempts::new(&retry, &method);
    loop {
        let answering = answer(transport, &hop, body.as_ref(), &redirects);
        let result = within(timeout, "Request", &hop.url, answering).await;
        let failure = match &result {
            Ok(answer) => Failure::Status { status: answer.status.as_u16(), retry_after: retry_after(&answer.headers) },
            Err(error) => failure_of(error),
        };
        if !attempts.again(failure).await {
            return match result {
                Ok(response) => Ok(Response { attempts: attempts.made, ..response }),
                Err(error) => Err(named("HTTP request failed", error).with_attempts(attempts.made)),
            };
        }
    }
}

async fn answer(transport: &Transport, hop: &Hop, body: Option<&Bytes>, redirects: &Redirects) -> Result<Response> {
    let (mut answer, url) = follow(transport, hop, body, redirects).await?;
    let body = decode::collect(&mut answer)
        .await
        .map_err(|error| error.with_status(answer.status.as_u16(), None).with_url(&url))?;
    let Answer { status, status_text, headers, .. } = answer;
    Ok(Response { status, status_text, headers, body, url, attempts: 0 })
}

/// Gives failures below the level of HTTP the prefix that tells what failed; the others have messages of their own.
pub(super) fn named(operation: &str, error: Error) -> Error {
    match error.kind() {
        Kind::Network | Kind::Certificate | Kind::BodyLength | Kind::Decode => {
            let message = format!("{operation}: {error}");
            error.with_message(message)
        }
        _ => error,
    }
}
