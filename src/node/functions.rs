//! The exported functions.

use std::path::PathBuf;

use napi::bindgen_prelude::{JsObjectValue, Object, Unknown};
use napi::{Env, JsError};
use napi_derive::napi;

use crate::client::Client;
use crate::error::{Error, Kind};
use crate::node::abort::Abort;
use crate::node::arguments::{path, url};
use crate::node::bridge::{Failure, Handle, Thrown, handle, on_wait, promise, report};
use crate::node::error::{set_cause, to_js, to_js_with};
use crate::node::options::{Attendance, download_options, lock_options, request_options};
use crate::node::response::{parse_json, response, result};
use crate::operation::flight::Listeners;
use crate::operation::locked::absolute;
use crate::operation::request::Response;

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
    answered(env, address, options, response)
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
    answered(env, address, options, |env, answer| {
        let answer = successful(env, answer)?;
        let parsed = parse_json(env, &answer.body).map_err(|cause| not_json(env, &answer, cause))?;
        handle(env, parsed)
    })
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
    answered(env, address, options, |env, answer| {
        let answer = successful(env, answer)?;
        handle(env, env.create_string(String::from_utf8_lossy(&answer.body))?)
    })
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
    let thrown = Thrown::default();
    let start = || {
        let url = url(env, address)?;
        let (path, file) = destination(env, dest_path)?;
        let (options, Attendance { on_progress, signal }) = download_options(env, options)?;
        let report = on_progress.map(|listener| report(listener, &thrown)).transpose()?;
        let abort = Abort::listen(env, signal)?;
        let cancel = abort.token.clone();
        let operation = async move {
            let downloaded = Client::shared().download(url, &file, options, report, &cancel).await;
            downloaded.map(|downloaded| (path, file, downloaded)).map_err(|error| thrown.or(error))
        };
        Ok((operation, abort))
    };
    promise(env, start, |env, (path, file, downloaded)| result(&env, &path, file, downloaded))
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
    let thrown = Thrown::default();
    let start = || {
        let url = url(env, address)?;
        let (path, file) = destination(env, dest_path)?;
        let (lock, waiting) = lock_options(env, options)?;
        let (options, Attendance { on_progress, signal }) = download_options(env, options)?;
        let listeners = Listeners {
            report: on_progress.map(|listener| report(listener, &thrown)).transpose()?,
            on_wait: waiting.map(|listener| on_wait(listener, &thrown)).transpose()?,
        };
        let abort = Abort::listen(env, signal)?;
        let cancel = abort.token.clone();
        let operation = async move {
            let client = Client::shared();
            let downloaded = client.download_with_lock(url, &file, options, lock, listeners, &cancel).await;
            downloaded.map(|downloaded| (path, file, downloaded)).map_err(|error| thrown.or(error))
        };
        Ok((operation, abort))
    };
    promise(env, start, |env, (path, file, downloaded)| result(&env, &path, file, downloaded))
}

/// The destination as given, and its absolute form: now, because the process may change its directory at any time.
fn destination(env: &Env, value: Unknown) -> napi::Result<(PathBuf, PathBuf)> {
    let path = path(env, "destPath", value)?;
    let file = absolute(&path).map_err(|error| to_js(env, error))?;
    Ok((path, file))
}

/// The promise of a request whose answer `convert` makes a value of.
fn answered<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    options: Option<Unknown<'env>>,
    convert: impl FnOnce(&Env, Response) -> napi::Result<Handle> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let start = || {
        let url = url(env, address)?;
        let (options, signal) = request_options(env, options)?;
        let abort = Abort::listen(env, signal)?;
        let cancel = abort.token.clone();
        let operation = async move { Client::shared().request(url, options, &cancel).await.map_err(Failure::from) };
        Ok((operation, abort))
    };
    promise(env, start, move |env, answer| convert(&env, answer))
}

/// Lets only 200 to 299 pass.
fn successful(env: &Env, answer: Response) -> napi::Result<Response> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let message = format!("HTTP {}: {}", answer.status.as_u16(), answer.status_text);
    let error = Error::new(Kind::Status, message)
        .with_status(answer.status.as_u16(), None)
        .with_attempts(answer.attempts)
        .with_url(&answer.url);
    Err(to_js_with(env, error, |object| object.set_named_property("response", response(env, answer)?)))
}

fn not_json(env: &Env, answer: &Response, cause: napi::Error) -> napi::Error {
    let error = Error::new(Kind::Json, "Failed to parse JSON response")
        .with_status(answer.status.as_u16(), None)
        .with_attempts(answer.attempts)
        .with_url(&answer.url);
    to_js_with(env, error, |object| set_cause(object, JsError::from(cause).into_unknown(*env)))
}
