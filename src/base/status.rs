//! Classes of HTTP status codes.

/// Whether another attempt may get another status.
pub fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// Whether the status reports an outage of the server, rather than an objection to the request.
pub fn is_outage(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}
