//! Options of JavaScript callers: one declaration for reading, for the generated types and for
//! their documentation.
//!
//! Fields are read as they are and checked one by one, so that an error names the option and the
//! expected value. `undefined` means the default; defaults live in [`crate::base::options`].

mod client;
mod client_call;
mod decode;
mod download;
mod lock;
mod network;
mod request;
mod transfer;

pub use self::client::{Settings, cache_directory, settings};
pub use self::client_call::{call_caching, prefix};
pub use self::decode::{decode_limit, decode_options};
pub use self::download::{DownloadHandlers, download_options};
pub use self::lock::lock_options;
pub use self::request::{Call, Defaults, request_options};
pub use self::transfer::TransferDefaults;
