//! Content codings of response bodies (RFC 9110, 8.4), decoded in bounded steps.

mod brotli;
mod chain;
mod coding;
mod decoder;
mod gzip;
mod inflate;
mod layer;
mod limit;
mod work;

pub use chain::{Chain, decode_now};
pub use coding::{Coding, parse_codings};
pub use layer::NextStep;
pub use limit::{check_size, encoded_max, too_large};
