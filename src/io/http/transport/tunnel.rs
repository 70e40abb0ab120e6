//! Finds out by which status a proxy refuses a tunnel (RFC 9110, 9.3.6), and refuses impossible
//! ones. The client reports only that there is no tunnel, so `CONNECT` is sent once more.
#![expect(clippy::disallowed_types, reason = "the one place for CONNECT")]

use http::{HeaderValue, Method, StatusCode, header};
use reqwest::{Client, Request};
use url::Url;

use crate::base::error::{Error, Kind};
use crate::base::proxy::host_and_port;

/// Sends a second `CONNECT` and returns its status. `None` if it cannot be sent.
///
/// `client` speaks HTTP/1.1 and sends every request to the proxy, with the proxy's credentials. The
/// proxy learns the host and port of the server, and nothing else of the request.
pub async fn status(client: &Client, server: &Url) -> reqwest::Result<Option<StatusCode>> {
    let Some((target, host)) = target(server) else {
        return Ok(None);
    };
    let mut request = Request::new(Method::CONNECT, target);
    request.headers_mut().insert(header::HOST, host);
    client.execute(request).await.map(|response| Some(response.status()))
}

/// The error of an IPv6 address behind a proxy. The client would open the tunnel and then fail,
/// because it takes the brackets of the address as a part of the name in the certificate.
pub fn no_ipv6_behind(proxy: &Url, url: &Url) -> Error {
    let message = format!(
        "https to an IPv6 address ({}) is not possible through the proxy {}: use a name, or exclude the address by NO_PROXY",
        url.host_str().unwrap_or_default(),
        host_and_port(proxy)
    );
    Error::new(Kind::ArgumentValue, message).with_url(url)
}

/// The target of `CONNECT`: host and port of the server. The URL has the scheme `http:`, for which
/// the client opens no tunnel of its own. Port 80 is excluded, because a URL of this scheme omits
/// it.
fn target(server: &Url) -> Option<(Url, HeaderValue)> {
    let port = server.port_or_known_default().filter(|port| *port != 80)?;
    let authority = format!("{}:{port}", server.host_str()?);
    Some((Url::parse(&format!("http://{authority}/")).ok()?, HeaderValue::try_from(authority).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_names_host_and_port() {
        for (server, expected) in [
            ("https://user:secret@origin.test/path?query", Some("origin.test:443")),
            ("https://[::1]:8443/", Some("[::1]:8443")),
            ("https://origin.test:80/", None),
        ] {
            let target = target(&Url::parse(server).unwrap());
            let told = target.map(|(url, host)| {
                assert_eq!(url.as_str(), format!("http://{}/", host.to_str().unwrap()));
                host
            });
            assert_eq!(told.as_ref().map(|host| host.to_str().unwrap()), expected);
        }
    }
}
