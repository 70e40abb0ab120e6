//! Statuses that may pass.

/// Whether another attempt may change the status.
pub fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// Whether the status says that the server is out of order, rather than that it wants something else.
pub fn is_outage(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}
