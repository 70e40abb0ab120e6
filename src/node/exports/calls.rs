//! What the exported functions and methods share: from arguments to the promise of an answer or a file.

use std::iter;
use std::path::PathBuf;

use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, Object, ObjectRef, Unknown};
use napi::{Env, JsError};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::base::error::{Error, Kind, Result};
use crate::base::options::{DownloadOptions, RequestOptions, TEXT_MAX};
use crate::client::Client;
use crate::io::file::destination::resolve;
use crate::node::convert::listeners::on_wait;
use crate::node::convert::response::{response, response_error, response_with, result};
use crate::node::convert::streams::{ResponseStream, send};
use crate::node::environment::instance::instance;
use crate::node::environment::objects::url;
use crate::node::environment::warning::warn_if_unverified;
use crate::node::js::arguments::path;
use crate::node::js::error::{set_cause, to_js, to_js_with};
use crate::node::js::json::text;
use crate::node::js::value::{Handle, handle};
use crate::node::options::{Call, Defaults, DownloadHandlers, download_options, lock_options, request_options};
use crate::node::promise::abort::{Abort, destroy};
use crate::node::promise::failure::CallbackError;
use crate::node::promise::operation::{Start, promise, promise_or};
use crate::operation::request::{Response, status_error};
use crate::operation::shared_download::Listeners;
use crate::policy::http::headers::expect_media_type;

/// The promise of a download; `begin` gives its URL and what its options are by default.
pub fn downloaded<'env>(
    env: &'env Env,
    begin: impl FnOnce() -> napi::Result<(Url, Defaults<'env>)>,
    dest_path: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let callback_error = CallbackError::default();
    let start = || {
        let (url, defaults) = begin()?;
        let (path, file) = destination(env, dest_path)?;
        let (options, DownloadHandlers { report, signal }) = download_options(env, options, defaults, &callback_error)?;
        warn_of_sources(env, &url, &options)?;
        let abort = Abort::listen(env, signal)?;
        let cancel = abort.token.clone();
        let operation = async move {
            let downloaded = Client::shared().download(url, &file, options, report, &cancel).await;
            downloaded.map(|downloaded| (path, file, downloaded)).map_err(|error| callback_error.or(error))
        };
        Ok((operation, abort))
    };
    promise(env, start, |env, (path, file, downloaded)| result(&env, &path, file, downloaded))
}

/// The same with a lock.
pub fn downloaded_with_lock<'env>(
    env: &'env Env,
    begin: impl FnOnce() -> napi::Result<(Url, Defaults<'env>)>,
    dest_path: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let callback_error = CallbackError::default();
    let start = || {
        let (url, defaults) = begin()?;
        let (path, file) = destination(env, dest_path)?;
        let (lock, waiting) = lock_options(env, options)?;
        let (options, DownloadHandlers { report, signal }) = download_options(env, options, defaults, &callback_error)?;
        warn_of_sources(env, &url, &options)?;
        let listeners =
            Listeners { report, on_wait: waiting.map(|listener| on_wait(listener, &callback_error)).transpose()? };
        let abort = Abort::listen(env, signal)?;
        let cancel = abort.token.clone();
        let operation = async move {
            let client = Client::shared();
            let downloaded = client.download_with_lock(url, &file, options, lock, listeners, &cancel).await;
            downloaded.map(|downloaded| (path, file, downloaded)).map_err(|error| callback_error.or(error))
        };
        Ok((operation, abort))
    };
    promise(env, start, |env, (path, file, downloaded)| result(&env, &path, file, downloaded))
}

fn warn_of_sources(env: &Env, url: &Url, options: &DownloadOptions) -> napi::Result<()> {
    let mut urls = iter::once(url).chain(&options.mirrors.urls);
    urls.try_for_each(|url| warn_if_unverified(env, url, &options.network.tls))
}

/// The destination as given, and its absolute form: now, because the process may change its directory at any time.
fn destination(env: &Env, value: Unknown) -> napi::Result<(PathBuf, PathBuf)> {
    let path = path(env, "destPath", value)?;
    let file = resolve(&path).map_err(|error| to_js(env, error))?;
    Ok((path, file))
}

/// What is needed of the call when its answer has come.
pub struct PendingCall {
    throw_on_error: bool,
    signal: Option<ObjectRef<false>>,
    /// The body, if it is streamed.
    wire: Option<ResponseStream>,
}

impl PendingCall {
    fn signal<'env>(&self, env: &'env Env) -> napi::Result<Option<Object<'env>>> {
        self.signal.as_ref().map(|signal| signal.get_value(env)).transpose()
    }
}

/// Who sends a request.
pub trait Dispatch: Send + 'static {
    /// The answer, if it is known already.
    fn get_fresh(&self, _url: &Url, _options: &RequestOptions) -> Option<Response> {
        None
    }

    fn request(
        self,
        url: Url,
        options: RequestOptions,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<Response>> + Send;
}

impl Dispatch for &'static Client {
    async fn request(self, url: Url, options: RequestOptions, cancel: &CancellationToken) -> Result<Response> {
        Client::request(self, url, options, cancel).await
    }
}

/// The promise of a request whose answer `convert` makes a value of; `prepare` changes options, and is told whether there is
/// a body.
pub fn answered<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    options: Option<Unknown<'env>>,
    prepare: impl FnOnce(&mut RequestOptions, bool),
    convert: impl FnOnce(&Env, Response, PendingCall) -> napi::Result<Handle> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let begin = |callback_error: &CallbackError| {
        let url = url(env, address)?;
        let (options, call) = request_options(env, options, Defaults::default(), callback_error)?;
        Ok(PreparedRequest { requester: Client::shared(), url, options, call })
    };
    answered_by(env, begin, prepare, convert)
}

/// What is to be sent, and by whom.
pub struct PreparedRequest<'env, R> {
    pub requester: R,
    pub url: Url,
    pub options: RequestOptions,
    pub call: Call<'env>,
}

/// The same for any sender.
pub fn answered_by<'env, R: Dispatch>(
    env: &'env Env,
    begin: impl FnOnce(&CallbackError) -> napi::Result<PreparedRequest<'env, R>>,
    prepare: impl FnOnce(&mut RequestOptions, bool),
    convert: impl FnOnce(&Env, Response, PendingCall) -> napi::Result<Handle> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let callback_error = CallbackError::default();
    let start = || {
        let PreparedRequest { requester, url, mut options, call: Call { signal, source, throw_on_error } } =
            begin(&callback_error)?;
        let has_body = options.body.is_some() || source.is_some();
        prepare(&mut options, has_body);
        warn_if_unverified(env, &url, &options.network.tls)?;
        let mut abort = Abort::listen(env, signal).inspect_err(|_| {
            let _ = source.map(|source| destroy(&Object::from_unknown(source)?));
        })?;
        // Only a stream outlives the promise, and needs the signal then.
        let signal = signal.filter(|_| options.stream && abort.is_listening());
        let signal = signal.map(|signal| Object::from_unknown(signal)?.create_ref()).transpose()?;
        if let Some(source) = source {
            abort.owns(Object::from_unknown(source)?)?;
            options.body = Some(send(env, source, &abort, &callback_error)?);
        }
        if let Some(answer) = requester.get_fresh(&url, &options).filter(|_| !has_body) {
            return Ok((Start::Done((answer, PendingCall { throw_on_error, signal, wire: None })), abort));
        }
        let cancel = abort.token.clone();
        let life = instance(env)?.life.clone();
        let operation = async move {
            // On the heap of the thread that runs it: it is large, and would be copied on its way there.
            match Box::pin(requester.request(url, options, &cancel)).await {
                Ok(mut answer) => {
                    let wire = answer.stream.take().map(|incoming| ResponseStream::new(*incoming, &life));
                    Ok((answer, PendingCall { throw_on_error, signal, wire }))
                }
                Err(error) => Err(callback_error.or(error)),
            }
        };
        Ok((Start::Later(operation), abort))
    };
    promise_or(env, start, move |env, (answer, kept)| convert(&env, answer, kept))
}

/// The answer itself.
pub fn response_of(env: &Env, answer: Response, call: PendingCall) -> napi::Result<Handle> {
    if call.throw_on_error && !answer.status.is_success() {
        return Err(refused(env, answer, call));
    }
    let signal = call.signal(env)?;
    response_with(env, answer, call.wire, signal)
}

/// The parsed body of an answer that is no error.
pub fn json_of(env: &Env, answer: Response) -> napi::Result<Handle> {
    let answer = successful(env, answer)?;
    parsed(env, &answer)
}

/// The body as JSON.
pub fn parsed(env: &Env, response: &Response) -> napi::Result<Handle> {
    // That it is too long for a string says nothing about JSON.
    let text = text(env, &response.body)?;
    let value = instance(env)?.methods.parser.parse(env, text).map_err(|cause| not_json(env, response, cause))?;
    handle(env, value)
}

/// The body of an answer that is no error, as text.
pub fn text_of(env: &Env, answer: Response) -> napi::Result<Handle> {
    let answer = successful(env, answer)?;
    handle(env, text(env, &answer.body)?)
}

/// For functions that give the body itself, as text or JSON.
pub fn whole(options: &mut RequestOptions, _: bool) {
    options.stream = false;
    options.max_size.get_or_insert(TEXT_MAX);
}

pub fn expect(options: &mut RequestOptions, has_body: bool, media_type: &'static str) {
    whole(options, has_body);
    expect_media_type(&mut options.headers, has_body, media_type);
}

/// Lets only 200 to 299 pass.
pub fn successful(env: &Env, answer: Response) -> napi::Result<Response> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let error = status_error(&answer);
    Err(to_js_with(env, error, |object| object.set_named_property("response", response(env, answer)?)))
}

/// The `HttpResponseError` of an answer.
pub fn refused(env: &Env, answer: Response, call: PendingCall) -> napi::Error {
    let error = status_error(&answer);
    let made = call.signal(env).and_then(|signal| response_with(env, answer, call.wire, signal));
    match made {
        Ok(response) => response_error(env, error, response),
        Err(failed) => failed,
    }
}

fn not_json(env: &Env, answer: &Response, cause: napi::Error) -> napi::Error {
    let error = Error::new(Kind::Json, "Failed to parse JSON response")
        .with_status(answer.status.as_u16(), None)
        .with_attempts(answer.attempts)
        .with_url(&answer.url);
    to_js_with(env, error, |object| set_cause(object, JsError::from(cause).into_unknown(*env)))
}
