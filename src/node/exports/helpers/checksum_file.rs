//! The functions of `lib/http-request/checksum-file`.

use napi::Env;
use napi::bindgen_prelude::{Object, Unknown};
use napi_derive::napi;

use crate::client::Client;
use crate::node::environment::objects::url;
use crate::node::environment::warning::warn_if_unverified;
use crate::node::js::arguments::content;
use crate::node::js::fields::record;
use crate::node::js::value::handle;
use crate::node::options::{Call, Defaults, request_options};
use crate::node::promise::abort::Abort;
use crate::node::promise::operation::promise;
use crate::node::promise::rejection::CallbackError;
use crate::policy::text::checksum_file::parse;

/// Parses a checksum file. Returns the digests by file name, as `sha256-<base64>`, which
/// `integrity` of a download accepts.
///
/// Understands lines of `<64 hexadecimal digits>  name` and of `SHA256 (name) = <64 hexadecimal
/// digits>`, and ignores all others. A `*` or `./` before a name is not part of it. Of several
/// lines for one name, the last counts.
///
/// @returns an object without a prototype, so that a file name finds nothing but its digest.
/// @throws `TypeError` if `text` is not a string.
/// @example
/// ```js
/// import { parseChecksumFile } from '@socketsecurity/registry/lib/http-request/checksum-file'
///
/// const text = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  tool.tgz'
/// const integrity = parseChecksumFile(text)['tool.tgz']
/// ```
#[napi(catch_unwind, ts_args_type = "text: string", ts_return_type = "ChecksumFile")]
pub fn parse_checksum_file<'env>(env: &'env Env, text: Unknown<'env>) -> napi::Result<Object<'env>> {
    let text = content(env, "text", text)?;
    record(env, parse(&text).map(|(name, digest)| (name, digest.sri())))
}

/// Fetches a checksum file and parses it: see `parseChecksumFile`. Always a GET request. Takes the
/// other options of `httpRequest`.
///
/// @throws as `httpRequest`; `Failed to fetch checksums from <url>: 404 Not Found` with
/// `code: 'ERR_HTTP_STATUS'` and `status` for any status outside 200 to 299.
/// @example
/// ```js
/// import { httpDownload } from '@socketsecurity/registry/lib/http-request'
/// import { fetchChecksumFile } from '@socketsecurity/registry/lib/http-request/checksum-file'
///
/// const release = 'https://api.example.com/releases/1.0.0'
/// const digests = await fetchChecksumFile(`${release}/SHA256SUMS`)
/// await httpDownload(`${release}/tool.tgz`, 'tool.tgz', { integrity: digests['tool.tgz'] })
/// ```
#[napi(
    catch_unwind,
    ts_args_type = "url: string | URL, options?: FetchChecksumFileOptions | null | undefined",
    ts_return_type = "Promise<ChecksumFile>"
)]
pub fn fetch_checksum_file<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let callback_error = CallbackError::default();
    let start = || {
        let url = url(env, address)?;
        let (options, Call { signal, .. }) = request_options(env, options, Defaults::default(), &callback_error)?;
        warn_if_unverified(env, &url, &options.transfer.network.tls)?;
        let abort = Abort::listen(env, signal, callback_error.clone())?;
        let cancel = abort.token.clone();
        let operation = async move {
            let digests = Client::shared().fetch_checksum_file(url, options, &cancel).await;
            digests.map_err(|error| callback_error.or(error))
        };
        Ok((operation, abort))
    };
    promise(env, start, |env, digests| handle(&env, record(&env, digests)?))
}
