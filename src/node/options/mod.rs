//! Options of JavaScript callers: one declaration for reading, for the generated types and for their documentation.
//!
//! Fields arrive as they are and are checked one by one, so that an error names the option and says what was expected.
//! `undefined` means the default; defaults live in [`crate::base::options`].

mod client;
mod decode;
mod download;
mod lock;
mod request;
mod shared;

pub use self::client::{Settings, cache_directory, call_caching, prefix, settings};
pub use self::decode::decode_options;
pub use self::download::{DownloadHandlers, download_options};
pub use self::lock::lock_options;
pub use self::request::{Call, request_options};
pub use self::shared::{ConnectOverrides, Defaults};
