//! From the arguments of the exported functions and methods to the promise of a response or a file.

use std::iter;
use std::path::PathBuf;

use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, Object, Unknown};
use napi::{Env, JsError, ValueType};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::base::body::Body;
use crate::base::error::{Error, Kind, Result};
use crate::base::options::{DownloadOptions, RequestOptions, TEXT_MAX};
use crate::client::Client;
use crate::io::file::destination::{of_url, resolve};
use crate::node::convert::download_result::result;
use crate::node::convert::observer::{announce, begin as begin_observed};
use crate::node::convert::request_body::{Source, read_later};
use crate::node::convert::response::{plain_response, response_error, response_with};
use crate::node::convert::streams::{ResponseStream, send};
use crate::node::environment::instance::instance;
use crate::node::environment::objects::{caller_object, url};
use crate::node::environment::warning::warn_if_unverified;
use crate::node::js::arguments::{path, string, wrong_type};
use crate::node::js::error::{set_cause, to_js, to_js_with};
use crate::node::js::json::text;
use crate::node::js::value::{Handle, handle, property};
use crate::node::options::{
    Call, Defaults, DownloadHandlers, TransferDefaults, download_options, lock_options, request_options,
};
use crate::node::promise::abort::{Abort, destroy};
use crate::node::promise::operation::{Start, promise, promise_or};
use crate::node::promise::rejection::CallbackError;
use crate::operation::request::{Response, status_error};
use crate::operation::shared_download::Listeners;
use crate::policy::http::headers::{expect_media_type, set_body_type};

/// Whether a download takes the lock of its destination.
#[derive(Clone, Copy)]
pub enum Locking {
    None,
    Lock,
}

/// The promise of a download. `begin` returns its URL and the defaults of its options.
pub fn downloaded<'env>(
    env: &'env Env,
    locking: Locking,
    begin: impl FnOnce() -> napi::Result<(Url, TransferDefaults)>,
    dest_path: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let callback_error = CallbackError::default();
    let start = || {
        let (url, defaults) = begin()?;
        let (path, file) = destination(env, dest_path)?;
        let lock = match locking {
            Locking::Lock => Some(lock_options(env, options, &callback_error)?),
            Locking::None => None,
        };
        let (options, DownloadHandlers { report, signal }) = download_options(env, options, defaults, &callback_error)?;
        warn_if_sources_unverified(env, &url, &options)?;
        let mut abort = Abort::listen(env, signal, callback_error.clone())?;
        abort.obeys_callbacks();
        let cancel = abort.token.clone();
        let operation = async move {
            let client = Client::shared();
            let downloaded = match lock {
                None => client.download(url, &file, options, report, &cancel).await,
                Some((lock, on_wait)) => {
                    let listeners = Listeners { report, on_wait };
                    client.download_with_lock(url, &file, options, lock, listeners, &cancel).await
                }
            };
            downloaded.map(|downloaded| (path, file, downloaded)).map_err(|error| callback_error.or(error))
        };
        Ok((operation, abort))
    };
    promise(env, start, |env, (path, file, downloaded)| result(&env, &path, file, downloaded))
}

fn warn_if_sources_unverified(env: &Env, url: &Url, options: &DownloadOptions) -> napi::Result<()> {
    let mut urls = iter::once(url).chain(&options.mirrors.urls);
    urls.try_for_each(|url| warn_if_unverified(env, url, &options.transfer.network.tls))
}

/// The destination as given, and its absolute form at the time of the call: the process may change
/// its directory at any time.
pub fn destination(env: &Env, value: Unknown) -> napi::Result<(PathBuf, PathBuf)> {
    let path = match value.get_type()? {
        ValueType::Object => {
            let href = property(&caller_object(env, value)?, "href")?;
            if href.get_type()? != ValueType::String {
                return Err(wrong_type(env, "destPath", "a string or a file: URL", value));
            }
            of_url(&string(env, "destPath", href)?).map_err(|error| to_js(env, error))?
        }
        ValueType::String => path(env, "destPath", value)?,
        _ => return Err(wrong_type(env, "destPath", "a string or a file: URL", value)),
    };
    let file = resolve(&path).map_err(|error| to_js(env, error))?;
    Ok((path, file))
}

/// The part of a call that its response needs.
pub struct PendingCall<'env> {
    throw_on_error: bool,
    /// The body, if it is streamed.
    stream: Option<ResponseStream>,
    /// The signal of the caller, which a stream observes for as long as it is read.
    signal: Option<Object<'env>>,
}

/// The sender of a request: the shared client, or an `HttpClient`.
pub trait Dispatch: Send + 'static {
    /// Whether each call sends a request, because there is no cache.
    const SENDS: bool;

    /// The response, if it is in memory and fresh.
    fn get_fresh(&self, _url: &Url, _options: &RequestOptions) -> Option<Box<Response>> {
        None
    }

    fn request(
        self,
        url: Url,
        options: RequestOptions,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<Box<Response>>> + Send;
}

impl Dispatch for &'static Client {
    const SENDS: bool = true;

    async fn request(self, url: Url, options: RequestOptions, cancel: &CancellationToken) -> Result<Box<Response>> {
        Client::request(self, url, options, cancel).await
    }
}

/// The promise of a request. `prepare` changes its options, given whether there is a body
/// that needs a media type;
/// `convert` converts the response.
pub fn requested<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    options: Option<Unknown<'env>>,
    prepare: impl FnOnce(&mut RequestOptions, bool),
    convert: impl FnOnce(&Env, Box<Response>, PendingCall) -> napi::Result<Handle> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let begin = |callback_error: &CallbackError| {
        let url = url(env, address)?;
        let (options, call) = request_options(env, options, Defaults::default(), callback_error)?;
        Ok(PreparedRequest { dispatch: Client::shared(), url, options, call })
    };
    requested_by(env, begin, prepare, convert)
}

/// A request that is ready to be sent, and its sender.
pub struct PreparedRequest<'env, D> {
    pub dispatch: D,
    pub url: Url,
    pub options: RequestOptions,
    pub call: Call<'env>,
}

/// The promise of a request by any sender.
pub fn requested_by<'env, D: Dispatch>(
    env: &'env Env,
    begin: impl FnOnce(&CallbackError) -> napi::Result<PreparedRequest<'env, D>>,
    prepare: impl FnOnce(&mut RequestOptions, bool),
    convert: impl FnOnce(&Env, Box<Response>, PendingCall) -> napi::Result<Handle> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let callback_error = CallbackError::default();
    let start = || {
        let PreparedRequest { dispatch, mut url, mut options, call: Call { signal, source, throw_on_error } } =
            begin(&callback_error)?;
        let has_body = options.body.is_some() || source.is_some();
        let needs_type = match (&options.body, source) {
            (Some(Body::Whole(bytes)), _) => !bytes.is_empty(),
            // It brings its own.
            (_, Some(Source::Form(_))) => false,
            _ => has_body,
        };
        prepare(&mut options, needs_type);
        warn_if_unverified(env, &url, &options.transfer.network.tls)?;
        let mut abort = Abort::listen(env, signal, callback_error.clone()).inspect_err(|_| {
            if let Some(Source::Stream(stream)) = source {
                let _ = Object::from_unknown(stream).and_then(|stream| destroy(&stream));
            }
        })?;
        let mut pending = None;
        match source {
            Some(Source::Stream(stream)) => {
                abort.owns(Object::from_unknown(stream)?)?;
                options.body = Some(send(env, stream, &abort, &callback_error)?);
            }
            Some(Source::Blob(read) | Source::Form(read)) => pending = Some(read_later(env, read, &callback_error)?),
            None => {}
        }
        if let Some(response) = (!has_body).then(|| dispatch.get_fresh(&url, &options)).flatten() {
            return Ok((Start::Done((response, throw_on_error, None)), abort));
        }
        let cancel = abort.token.clone();
        // A body that is still to be read may bring header fields, and `node:http` has observers of
        // its own.
        if D::SENDS && pending.is_none() && options.transfer.network.host.is_none() && !cancel.is_cancelled() {
            announce(env, &mut url, &mut options)?;
        } else {
            begin_observed(env, &options.transfer.observer)?;
        }
        let life = instance(env)?.life.clone();
        let operation = async move {
            let response = async {
                if let Some(pending) = pending {
                    let (bytes, media_type) = pending.read(&cancel).await?;
                    options.body = Some(Body::Whole(bytes));
                    if let Some(media_type) = media_type {
                        set_body_type(&mut options.transfer.headers, media_type);
                    }
                }
                dispatch.request(url, options, &cancel).await
            };
            // Boxed on the thread that runs it: the future is large, and would be copied on its way
            // there.
            match Box::pin(response).await {
                Ok(mut response) => {
                    let stream = response.stream.take().map(|incoming| ResponseStream::new(*incoming, &life));
                    Ok((response, throw_on_error, stream))
                }
                Err(error) => Err(callback_error.or(error)),
            }
        };
        Ok((Start::Later(operation), abort))
    };
    promise_or(env, start, move |env, (response, throw_on_error, stream), signal| {
        convert(&env, response, PendingCall { throw_on_error, stream, signal })
    })
}

/// The response, or its `HttpResponseError` with `throwOnError`.
pub fn response_of(env: &Env, response: Box<Response>, call: PendingCall) -> napi::Result<Handle> {
    if call.throw_on_error && !response.status.is_success() {
        return Err(refused(env, response, call));
    }
    response_with(env, response, call.stream, call.signal)
}

/// The parsed body of a response with a status of 200 to 299.
pub fn json_of(env: &Env, response: Box<Response>) -> napi::Result<Handle> {
    let response = successful(env, response)?;
    parsed(env, &response)
}

/// The body, parsed as JSON.
pub fn parsed(env: &Env, response: &Response) -> napi::Result<Handle> {
    // Outside of the mapping below: a body that is too long for a string may be valid JSON.
    let text = text(env, &response.body)?;
    let value = instance(env)?.methods.parser.parse(env, text).map_err(|cause| not_json(env, response, cause))?;
    handle(env, value)
}

/// The body, as text, of a response with a status of 200 to 299.
pub fn text_of(env: &Env, response: Box<Response>) -> napi::Result<Handle> {
    let response = successful(env, response)?;
    handle(env, text(env, &response.body)?)
}

/// Options of functions that resolve with the body itself, as text or JSON.
pub fn whole(options: &mut RequestOptions, _: bool) {
    options.stream = false;
    options.max_size.get_or_insert(TEXT_MAX);
}

/// [`whole`], with header fields for a media type.
pub fn expect(options: &mut RequestOptions, has_body: bool, media_type: &'static str) {
    whole(options, has_body);
    expect_media_type(&mut options.transfer.headers, has_body, media_type);
}

/// The response, unless its status is outside 200 to 299.
pub fn successful(env: &Env, response: Box<Response>) -> napi::Result<Box<Response>> {
    if response.status.is_success() {
        return Ok(response);
    }
    let error = status_error(&response);
    Err(to_js_with(env, error, |object| object.set_named_property("response", plain_response(env, response)?)))
}

/// The `HttpResponseError` of a response.
pub fn refused(env: &Env, response: Box<Response>, call: PendingCall) -> napi::Error {
    let error = status_error(&response);
    match response_with(env, response, call.stream, call.signal) {
        Ok(response) => response_error(env, error, response),
        Err(failed) => failed,
    }
}

fn not_json(env: &Env, response: &Response, cause: napi::Error) -> napi::Error {
    let error = Error::new(Kind::Json, "Failed to parse JSON response")
        .with_status(response.status.as_u16(), None)
        .with_attempts(response.attempts)
        .with_url(&response.url);
    to_js_with(env, error, |object| set_cause(object, JsError::from(cause).into_unknown(*env)))
}
