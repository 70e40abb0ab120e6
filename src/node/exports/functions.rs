//! The exported functions.

use napi::Env;
use napi::bindgen_prelude::{Object, Unknown};
use napi_derive::napi;

use crate::base::options::RequestOptions;
use crate::node::environment::objects::url;
use crate::node::exports::calls::{
    Locking, downloaded, expect, json_of, parsed, refused, requested, response_of, text_of, whole,
};
use crate::node::js::json::text;
use crate::node::js::value::handle;
use crate::node::options::TransferDefaults;
use crate::policy::http::headers::{JSON, TEXT};

/// Sends a request and resolves with the response, whatever its status.
///
/// With `retries`, network failures, timeouts and the statuses 408, 425, 429, 500, 502, 503 and 504
/// are retried: 429 and 503 for every method, other statuses for idempotent methods.
///
/// @throws `TypeError` for a wrong argument; `Error` with a `code` such as `ECONNREFUSED`,
/// `ENOTFOUND`, `ERR_TIMEOUT`, `ERR_TOO_MANY_REDIRECTS`, `ERR_REDIRECT_REFUSED` or `ERR_DECODE` if
/// no complete response is received.
/// @example
/// ```js
/// import { httpRequest } from '@socketsecurity/registry/lib/http-request'
///
/// const response = await httpRequest('https://api.example.com/items', { retries: 3 })
/// if (response.ok) console.log(response.json())
/// ```
#[napi(
    catch_unwind,
    ts_args_type = "url: string | URL, options?: HttpRequestOptions | null | undefined",
    ts_return_type = "Promise<HttpResponse>"
)]
pub fn http_request<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    requested(env, address, options, |_, _| {}, response_of)
}

/// Sends a request and parses the response as JSON. `Accept` is `application/json`, and so is
/// `Content-Type` if there is a body, unless the caller sets them.
///
/// @throws as `httpRequest`; `HttpResponseError` for any status outside 200 to 299; `Failed to
/// parse JSON response`, with the `SyntaxError` as `cause`.
/// @example
/// ```js
/// import { httpJson } from '@socketsecurity/registry/lib/http-request'
///
/// const body = JSON.stringify({ name: 'left-pad' })
/// const item = await httpJson('https://api.example.com/items', { method: 'POST', body })
/// ```
#[napi(
    catch_unwind,
    ts_generic_types = "T = unknown",
    ts_args_type = "url: string | URL, options?: HttpRequestOptions | null | undefined",
    ts_return_type = "Promise<T>"
)]
pub fn http_json<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let prepare = |options: &mut RequestOptions, has_body| expect(options, has_body, JSON);
    requested(env, address, options, prepare, |env, response, call| {
        if !response.status.is_success() {
            return Err(refused(env, response, call));
        }
        parsed(env, &response)
    })
}

/// Sends a request and resolves with the response as text (UTF-8). `Accept` is `text/plain`, and so
/// is `Content-Type` if there is a body, unless the caller sets them.
///
/// @throws as `httpRequest`; `HttpResponseError` for any status outside 200 to 299.
/// @example
/// ```js
/// import { HttpResponseError, httpText } from '@socketsecurity/registry/lib/http-request'
///
/// try {
///   console.log(await httpText('https://api.example.com/status'))
/// } catch (error) {
///   if (!(error instanceof HttpResponseError)) throw error
///   console.error(error.response.status, error.response.text())
/// }
/// ```
#[napi(
    catch_unwind,
    ts_args_type = "url: string | URL, options?: HttpRequestOptions | null | undefined",
    ts_return_type = "Promise<string>"
)]
pub fn http_text<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let prepare = |options: &mut RequestOptions, has_body| expect(options, has_body, TEXT);
    requested(env, address, options, prepare, |env, response, call| {
        if !response.status.is_success() {
            return Err(refused(env, response, call));
        }
        handle(env, text(env, &response.body)?)
    })
}

/// Fetches a URL and parses the response as JSON.
///
/// @throws as `httpRequest`; `HTTP 404: Not Found` with `code: 'ERR_HTTP_STATUS'`, `status` and
/// `response` for any status outside 200 to 299; `Failed to parse JSON response`, with the
/// `SyntaxError` as `cause`.
/// @example
/// ```js
/// import { httpGetJson } from '@socketsecurity/registry/lib/http-request'
///
/// const items = await httpGetJson('https://api.example.com/items')
/// ```
#[napi(
    catch_unwind,
    ts_generic_types = "T = unknown",
    ts_args_type = "url: string | URL, options?: HttpRequestOptions | null | undefined",
    ts_return_type = "Promise<T>"
)]
pub fn http_get_json<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    requested(env, address, options, whole, |env, response, _| json_of(env, response))
}

/// Fetches a URL and resolves with the response as text (UTF-8).
///
/// @throws as `httpRequest`; `HTTP 404: Not Found` with `code: 'ERR_HTTP_STATUS'`, `status` and
/// `response` for any status outside 200 to 299.
/// @example
/// ```js
/// import { httpGetText } from '@socketsecurity/registry/lib/http-request'
///
/// const page = await httpGetText('https://api.example.com/status', { timeout: 5000 })
/// ```
#[napi(
    catch_unwind,
    ts_args_type = "url: string | URL, options?: HttpRequestOptions | null | undefined",
    ts_return_type = "Promise<string>"
)]
pub fn http_get_text<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    requested(env, address, options, whole, |env, response, _| text_of(env, response))
}

/// Downloads a URL to a file, which appears only complete: it is written beside the destination and
/// renamed. The directory is created.
///
/// @throws `Download failed: HTTP 404 Not Found`, `Download timed out after 120000ms`, `Failed to
/// write file: …`, or `HTTP download failed: …` with the `code` of the failure; with `mirrors`,
/// `All 2 sources failed: …` with their `errors`. The destination is then unchanged.
/// @example
/// ```js
/// import { httpDownload } from '@socketsecurity/registry/lib/http-request'
///
/// const { path, size } = await httpDownload('https://api.example.com/tool.tgz', 'tool.tgz', {
///   onProgress: (downloaded, total) => console.log(`${Math.floor((100 * downloaded) / total)} %`),
///   retries: 3,
/// })
/// ```
#[napi(
    catch_unwind,
    ts_args_type = "url: string | URL, destPath: string | URL, options?: HttpDownloadOptions | null | undefined",
    ts_return_type = "Promise<HttpDownloadResult>"
)]
pub fn http_download<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    dest_path: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    downloaded(env, Locking::None, || Ok((url(env, address)?, TransferDefaults::default())), dest_path, options)
}

/// Downloads a URL to a file once, however many processes call this at the same time: one
/// downloads, the others wait and return the same file. A destination that exists and is not empty
/// is returned at once, unless it differs from `sha256` or `integrity`, or was published a moment
/// ago and may be about to be moved (`settleDelay`).
///
/// Callers in one process share one download. See `docs/locking.md`.
///
/// @throws as `httpDownload`; `Lock acquisition timed out after 60000ms (held by PID 123)` with
/// `code: 'ERR_LOCK_TIMEOUT'`, `lockPath` and `holder`.
/// @example
/// ```js
/// import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
///
/// const { path } = await downloadWithLock('https://api.example.com/tool', 'bin/tool', {
///   lockTimeout: 120_000,
///   mode: 0o755,
/// })
/// ```
#[napi(
    catch_unwind,
    ts_args_type = "url: string | URL, destPath: string | URL, options?: DownloadWithLockOptions | null | undefined",
    ts_return_type = "Promise<HttpDownloadResult>"
)]
pub fn download_with_lock<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    dest_path: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    downloaded(env, Locking::Lock, || Ok((url(env, address)?, TransferDefaults::default())), dest_path, options)
}
