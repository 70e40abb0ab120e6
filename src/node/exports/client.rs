//! `HttpClient` over the core's.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use napi::bindgen_prelude::{FromNapiValue, Object, ObjectFinalize, ObjectRef, Unknown};
use napi::{Env, JsValue, ValueType};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::base::body::Body;
use crate::base::error::Result;
use crate::base::options::{RequestOptions, Retry};
use crate::http_client::{self, CallCaching};
use crate::node::environment::objects::address;
use crate::node::exports::calls::{
    Dispatch, PendingCall, PreparedRequest, answered_by, downloaded, downloaded_with_lock, expect, json_of,
    response_of, successful, text_of,
};
use crate::node::js::arguments::{method, wrong_type};
use crate::node::js::error::to_js;
use crate::node::js::json::stringified;
use crate::node::js::value::{Handle, handle};
use crate::node::options::{ConnectOverrides, Defaults, Settings, call_caching, prefix, request_options, settings};
use crate::node::promise::abort::Abort;
use crate::node::promise::failure::CallbackError;
use crate::node::promise::operation::promise;
use crate::operation::request::Response;

/// Calls to one API: base URL, credentials, retries and a cache, said once.
///
/// A request is repeated after failures that may pass. One that is not idempotent (POST, PATCH) only when the server cannot have carried it
/// out, answers 429 or 503, or the call says `idempotent: true` or has an `Idempotency-Key`.
///
/// The cache holds responses to GET as far as their servers allow (RFC 9111), one for each URL, credential, proxy and way of trusting. Equal GETs at the same time
/// share one request, also when nothing is kept of its answer.
#[napi(custom_finalize)]
pub struct HttpClient {
    core: Arc<http_client::HttpClient>,
    headers: HeaderMap,
    retry: Retry,
    timeout: Option<Duration>,
    max_size: Option<u64>,
    way: ConnectOverrides,
    hooks: Option<ObjectRef<false>>,
}

impl ObjectFinalize for HttpClient {
    fn finalize(self, env: Env) -> napi::Result<()> {
        self.hooks.map_or(Ok(()), |hooks| hooks.unref(&env))
    }
}

#[napi]
impl HttpClient {
    /// @throws `TypeError` for a wrong option.
    #[napi(constructor, catch_unwind, ts_args_type = "options?: HttpClientOptions | null | undefined")]
    pub fn new(env: &Env, options: Option<Unknown>) -> napi::Result<Self> {
        let Settings { base, headers, timeout, retry, max_size, way, hooks, caching, store } = settings(env, options)?;
        let hooks = match hooks {
            Some(hooks) if hooks.get_type()? == ValueType::Object => Some(Object::from_unknown(hooks)?.create_ref()?),
            Some(hooks) => return Err(wrong_type(env, "options.hooks", "an object", hooks)),
            None => None,
        };
        let core = Arc::new(http_client::HttpClient::new(base, caching, store));
        Ok(Self { core, headers, retry, timeout, max_size, way, hooks })
    }

    /// Sends a request and resolves with the answer, whatever its status.
    ///
    /// @throws as `httpRequest`.
    #[napi(
        catch_unwind,
        ts_args_type = "pathOrUrl: string | URL, options?: HttpClientRequestOptions | null | undefined",
        ts_return_type = "Promise<HttpResponse>"
    )]
    pub fn request<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        options: Option<Unknown<'env>>,
    ) -> napi::Result<Object<'env>> {
        self.answered(env, target, options, |_, _| {}, response_of)
    }

    /// Gets a path and parses the answer as JSON.
    ///
    /// @throws as `httpGetJson`.
    #[napi(
        catch_unwind,
        ts_generic_types = "T = unknown",
        ts_args_type = "pathOrUrl: string | URL, options?: HttpClientRequestOptions | null | undefined",
        ts_return_type = "Promise<T>"
    )]
    pub fn get_json<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        options: Option<Unknown<'env>>,
    ) -> napi::Result<Object<'env>> {
        let prepare = |options: &mut RequestOptions, has_body| expect(options, has_body, "application/json");
        self.answered(env, target, options, prepare, |env, answer, _| json_of(env, answer))
    }

    /// Gets a path and gives the answer as text (UTF-8).
    ///
    /// @throws as `httpGetText`.
    #[napi(
        catch_unwind,
        ts_args_type = "pathOrUrl: string | URL, options?: HttpClientRequestOptions | null | undefined",
        ts_return_type = "Promise<string>"
    )]
    pub fn get_text<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        options: Option<Unknown<'env>>,
    ) -> napi::Result<Object<'env>> {
        let prepare = |options: &mut RequestOptions, has_body| expect(options, has_body, "text/plain");
        self.answered(env, target, options, prepare, |env, answer, _| text_of(env, answer))
    }

    /// Sends a value as JSON, and parses the answer as JSON. `undefined` sends no body; an answer without one gives `undefined`.
    ///
    /// @throws as `httpGetJson`; what `JSON.stringify` throws.
    #[napi(
        catch_unwind,
        ts_generic_types = "T = unknown",
        ts_args_type = "method: string, pathOrUrl: string | URL, value?: unknown, options?: HttpClientRequestOptions | null | undefined",
        ts_return_type = "Promise<T>"
    )]
    pub fn send_json<'env>(
        &self,
        env: &'env Env,
        verb: Unknown<'env>,
        target: Unknown<'env>,
        // Not an option: null is a value.
        value: Unknown<'env>,
        options: Option<Unknown<'env>>,
    ) -> napi::Result<Object<'env>> {
        let begin = |callback_error: &CallbackError| {
            let verb = method(env, "method", verb)?;
            let json = stringified(env, value)?;
            let mut begun = self.begin(env, target, options, callback_error)?;
            begun.options.method = verb;
            begun.options.body = json.map(|json| Body::Whole(json.into()));
            Ok(begun)
        };
        let prepare = |options: &mut RequestOptions, has_body| expect(options, has_body, "application/json");
        answered_by(env, begin, prepare, |env, answer, _| {
            let answer = successful(env, answer)?;
            if answer.body.is_empty() { handle(env, ()) } else { json_of(env, answer) }
        })
    }

    /// Downloads to a file, as `httpDownload`.
    ///
    /// @throws as `httpDownload`.
    #[napi(
        catch_unwind,
        ts_args_type = "pathOrUrl: string | URL, destPath: string, options?: HttpDownloadOptions | null | undefined",
        ts_return_type = "Promise<HttpDownloadResult>"
    )]
    pub fn download<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        dest_path: Unknown<'env>,
        options: Option<Unknown<'env>>,
    ) -> napi::Result<Object<'env>> {
        downloaded(env, || self.target(env, target), dest_path, options)
    }

    /// Downloads to a file once, however many processes ask for it, as `downloadWithLock`.
    ///
    /// @throws as `downloadWithLock`.
    #[napi(
        catch_unwind,
        ts_args_type = "pathOrUrl: string | URL, destPath: string, options?: DownloadWithLockOptions | null | undefined",
        ts_return_type = "Promise<HttpDownloadResult>"
    )]
    pub fn download_with_lock<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        dest_path: Unknown<'env>,
        options: Option<Unknown<'env>>,
    ) -> napi::Result<Object<'env>> {
        downloaded_with_lock(env, || self.target(env, target), dest_path, options)
    }

    /// Removes answers from the cache: all, or those whose URL begins with `prefix`, a path below `baseUrl` or a URL; `*` in it is anything.
    /// A query in it stands for all queries. The cache on disk is cleared for all processes.
    ///
    /// @returns how many.
    #[napi(catch_unwind, ts_args_type = "prefix?: string | null | undefined", ts_return_type = "Promise<number>")]
    pub fn clear_cache<'env>(&self, env: &'env Env, beginning: Option<Unknown<'env>>) -> napi::Result<Object<'env>> {
        let start = || {
            let (core, prefix) = (self.core.clone(), prefix(env, beginning)?);
            let operation = async move { Ok(core.clear(prefix.as_deref()).await) };
            Ok((operation, Abort::default()))
        };
        promise(env, start, |env, count: usize| handle(&env, u32::try_from(count).unwrap_or(u32::MAX)))
    }

    /// What has happened so far.
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> HttpClientMetrics {
        let http_client::Metrics {
            requests,
            failures,
            attempts,
            memory_hits,
            disk_hits,
            revalidated,
            stale,
            shared,
            memory_entries,
            memory_bytes,
        } = self.core.metrics();
        // Exact up to 2^53, as every number in JavaScript.
        #[allow(clippy::cast_precision_loss)]
        let number = |count: u64| count as f64;
        HttpClientMetrics {
            requests: number(requests),
            failures: number(failures),
            attempts: number(attempts),
            memory_hits: number(memory_hits),
            disk_hits: number(disk_hits),
            revalidated: number(revalidated),
            stale: number(stale),
            shared: number(shared),
            memory_entries: number(memory_entries),
            memory_bytes: number(memory_bytes),
        }
    }
}

/// What an `HttpClient` has done since it was made. Downloads are not counted.
#[napi(object, object_from_js = false)]
pub struct HttpClientMetrics {
    /// Calls that have ended.
    pub requests: f64,
    /// Calls without an answer.
    pub failures: f64,
    /// Attempts, those that failed included.
    pub attempts: f64,
    /// Calls answered from memory.
    pub memory_hits: f64,
    /// Calls answered from disk.
    pub disk_hits: f64,
    /// Calls answered from the cache after the server said that nothing has changed.
    pub revalidated: f64,
    /// Calls answered from the cache because the server could not be reached.
    pub stale: f64,
    /// Calls answered with the answer to an equal one.
    pub shared: f64,
    /// Entries in memory now.
    pub memory_entries: f64,
    /// Bytes that they take.
    pub memory_bytes: f64,
}

impl HttpClient {
    fn answered<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        options: Option<Unknown<'env>>,
        prepare: impl FnOnce(&mut RequestOptions, bool),
        convert: impl FnOnce(&Env, Response, PendingCall) -> napi::Result<Handle> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        answered_by(env, |callback_error| self.begin(env, target, options, callback_error), prepare, convert)
    }

    fn begin<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        options: Option<Unknown<'env>>,
        callback_error: &CallbackError,
    ) -> napi::Result<PreparedRequest<'env, Caller>> {
        let (url, defaults) = self.target(env, target)?;
        let (caching, idempotent) = call_caching(env, options)?;
        let (mut options, call) = request_options(env, options, defaults, callback_error)?;
        options.retry.idempotent = idempotent.unwrap_or_else(|| options.headers.contains_key("idempotency-key"));
        Ok(PreparedRequest { requester: Caller { core: self.core.clone(), caching }, url, options, call })
    }

    /// The URL of a path or URL, and what calls to it have by default.
    fn target<'env>(&self, env: &'env Env, target: Unknown<'env>) -> napi::Result<(Url, Defaults<'env>)> {
        let url = self.core.resolve(&address(env, target)?).map_err(|error| to_js(env, error))?;
        let defaults = Defaults {
            headers: self.core.fields_for(&url, &self.headers),
            retry: self.retry.clone(),
            timeout: self.timeout,
            max_size: self.max_size,
            way: self.way.clone(),
            hooks: self
                .hooks
                .as_ref()
                .map(|hooks| Ok::<_, napi::Error>(hooks.get_value(env)?.to_unknown()))
                .transpose()?,
        };
        Ok((url, defaults))
    }
}

/// Sends by way of a client.
struct Caller {
    core: Arc<http_client::HttpClient>,
    caching: CallCaching,
}

impl Dispatch for Caller {
    fn get_fresh(&self, url: &Url, options: &RequestOptions) -> Option<Response> {
        self.core.get_fresh(url, options, self.caching)
    }

    async fn request(self, url: Url, options: RequestOptions, cancel: &CancellationToken) -> Result<Response> {
        self.core.request(url, options, self.caching, cancel).await
    }
}
