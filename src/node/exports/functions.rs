//! The exported functions.

use napi::Env;
use napi::bindgen_prelude::{Object, Unknown};
use napi_derive::napi;

use crate::base::options::RequestOptions;
use crate::node::environment::objects::url;
use crate::node::exports::calls::{
    answered, downloaded, downloaded_with_lock, expect, json_of, parsed, refused, response_of, text_of, whole,
};
use crate::node::js::json::text;
use crate::node::js::value::handle;
use crate::node::options::Defaults;

/// Sends a request and resolves with the answer, whatever its status.
///
/// With `retries`, network failures, timeouts and the statuses 408, 425, 429, 500, 502, 503 and 504 are repeated: 429 and
/// 503 for every method, other statuses for idempotent methods.
///
/// @throws `TypeError` for a wrong argument; `Error` with a `code` such as `ECONNREFUSED`, `ENOTFOUND`, `ERR_TIMEOUT`,
/// `ERR_TOO_MANY_REDIRECTS`, `ERR_REDIRECT_REFUSED` or `ERR_DECODE` when there is no complete answer.
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
    answered(env, address, options, |_, _| {}, response_of)
}

/// Sends a request and parses the answer as JSON. `Accept` is `application/json`, and so is `Content-Type` when there is a body,
/// unless the caller says otherwise.
///
/// @throws as `httpRequest`; `HttpResponseError` for any status but 200 to 299; `Failed to parse JSON response`, with the
/// `SyntaxError` as `cause`.
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
    let prepare = |options: &mut RequestOptions, has_body| expect(options, has_body, "application/json");
    answered(env, address, options, prepare, |env, answer, call| {
        if !answer.status.is_success() {
            return Err(refused(env, answer, call));
        }
        parsed(env, &answer)
    })
}

/// Sends a request and gives the answer as text (UTF-8). `Accept` is `text/plain`, and so is `Content-Type` when there is a body,
/// unless the caller says otherwise.
///
/// @throws as `httpRequest`; `HttpResponseError` for any status but 200 to 299.
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
    let prepare = |options: &mut RequestOptions, has_body| expect(options, has_body, "text/plain");
    answered(env, address, options, prepare, |env, answer, call| {
        if !answer.status.is_success() {
            return Err(refused(env, answer, call));
        }
        handle(env, text(env, &answer.body)?)
    })
}

/// Gets a URL and parses the answer as JSON.
///
/// @throws as `httpRequest`; `HTTP 404: Not Found` with `code: 'ERR_HTTP_STATUS'`, `status` and `response` for any
/// status but 200 to 299; `Failed to parse JSON response`, with the `SyntaxError` as `cause`.
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
    answered(env, address, options, whole, |env, answer, _| json_of(env, answer))
}

/// Gets a URL and gives the answer as text (UTF-8).
///
/// @throws as `httpRequest`; `HTTP 404: Not Found` with `code: 'ERR_HTTP_STATUS'`, `status` and `response` for any
/// status but 200 to 299.
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
    answered(env, address, options, whole, |env, answer, _| text_of(env, answer))
}

/// Downloads a URL to a file, which appears only whole: it is written beside the destination and renamed. The directory
/// is created.
///
/// @throws `Download failed: HTTP 404 Not Found`, `Download timed out after 120000ms`, `Failed to write file: …`, or
/// `HTTP download failed: …` with the `code` of the failure. The destination is then as it was before.
#[napi(
    catch_unwind,
    ts_args_type = "url: string | URL, destPath: string, options?: HttpDownloadOptions | null | undefined",
    ts_return_type = "Promise<HttpDownloadResult>"
)]
pub fn http_download<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    dest_path: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    downloaded(env, || Ok((url(env, address)?, Defaults::default())), dest_path, options)
}

/// Downloads a URL to a file once, however many processes ask for it at the same time: one downloads, the others wait
/// and return the same file. A destination that exists and is not empty is returned at once, unless it is not what
/// `sha256` or `integrity` expect, or was published a moment ago and may be about to be moved (`settleDelay`).
///
/// Callers in one process share one download. See `docs/locking.md`.
///
/// @throws as `httpDownload`; `Lock acquisition timed out after 60000ms (held by PID 123)` with
/// `code: 'ERR_LOCK_TIMEOUT'`, `lockPath` and `holder`.
#[napi(
    catch_unwind,
    ts_args_type = "url: string | URL, destPath: string, options?: DownloadWithLockOptions | null | undefined",
    ts_return_type = "Promise<HttpDownloadResult>"
)]
pub fn download_with_lock<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    dest_path: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    downloaded_with_lock(env, || Ok((url(env, address)?, Defaults::default())), dest_path, options)
}
