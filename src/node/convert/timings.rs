//! The `timings` of responses and downloads.

use std::time::Duration;

use napi_derive::napi;

use crate::base::timings::Timings;

/// Times of one attempt, in milliseconds with fractions.
#[napi(object, object_from_js = false)]
#[allow(dead_code, reason = "for TypeScript alone: `lib/js-support.js` creates it")]
pub struct ResponseTimings {
    /// The lookup of the name of the server or the proxy. Set if a connection was opened for this
    /// attempt, and a name was looked up.
    pub dns: Option<f64>,
    /// Connecting, handshakes of TLS and of proxies included. Set if a connection was opened for
    /// this attempt.
    pub connect: Option<f64>,
    /// The TLS handshake, where it can be told apart from connecting.
    pub tls: Option<f64>,
    /// From the start of the attempt to the head of the response, redirects included.
    pub first_byte: f64,
    /// From the start of the attempt to the end of the body; with `stream`, to the head of the
    /// response.
    pub total: f64,
}

/// The times in milliseconds: `dns`, `connect`, `firstByte` and `total`. NaN is unknown.
pub fn parts(timings: Option<Timings>) -> [f64; 4] {
    let Some(Timings { opening, first_byte, total }) = timings else {
        return [f64::NAN; 4];
    };
    let (dns, connect) = opening.map_or((None, None), |opening| (opening.dns, opening.connect));
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let known = |duration: Option<Duration>| duration.map_or(f64::NAN, millis);
    [known(dns), known(connect), millis(first_byte), millis(total)]
}
