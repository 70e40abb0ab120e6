//! A checksum file: fetched by GET, limited in size, and parsed.

use http::{Method, StatusCode};
use url::Url;

use crate::base::error::{Result, redacted_text};
use crate::base::options::{CHECKSUMS_MAX, RequestOptions};
use crate::operation::blocking;
use crate::operation::request::{Response, status_error};
use crate::policy::text::checksum_file::parse;

/// The request for a checksum file: always a GET, without a body of its own, read as a whole.
pub fn options(options: RequestOptions) -> RequestOptions {
    let max_size = options.max_size.or(Some(CHECKSUMS_MAX));
    RequestOptions { method: Method::GET, body: None, stream: false, max_size, ..options }
}

/// The digests that a response lists, as Subresource Integrity by file name. `url` is the requested
/// one, before redirects.
pub async fn digests(url: &Url, response: Box<Response>) -> Result<Vec<(String, String)>> {
    if !response.status.is_success() {
        let message = failure(url, response.status, &response.status_text);
        return Err(status_error(&response).with_message(message));
    }
    // A large file takes long to read: not on the thread of the network.
    blocking(move || {
        let text = String::from_utf8_lossy(&response.body);
        Ok(parse(&text).map(|(name, digest)| (name.to_owned(), digest.sri())).collect())
    })
    .await
}

fn failure(url: &Url, status: StatusCode, status_text: &str) -> String {
    let status = format!("{} {status_text}", status.as_u16());
    format!("Failed to fetch checksums from {}: {}", redacted_text(url.as_str()), status.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::body::Body;

    #[test]
    fn the_request_is_a_get_of_limited_size_whatever_the_caller_asks_for() {
        let body = Some(Body::Whole("x".into()));
        let request = options(RequestOptions { method: Method::POST, body, stream: true, ..RequestOptions::default() });
        assert!(request.method == Method::GET && request.body.is_none() && !request.stream);
        assert_eq!(request.max_size, Some(CHECKSUMS_MAX));
        let request = options(RequestOptions { max_size: Some(5), ..RequestOptions::default() });
        assert_eq!(request.max_size, Some(5));
    }

    #[test]
    fn a_failure_names_the_url_without_credentials_and_the_status() {
        let url = Url::parse("https://user:secret@a.test/sums?token=secret").unwrap();
        let message = failure(&url, StatusCode::NOT_FOUND, "Not Found");
        assert!(message.starts_with("Failed to fetch checksums from https://"), "{message}");
        assert!(message.ends_with(": 404 Not Found") && !message.contains("secret"), "{message}");
        assert!(failure(&url, StatusCode::NOT_FOUND, "").ends_with(": 404"));
    }
}
