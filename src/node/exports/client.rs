//! `HttpClient`, over the client of the core.

use std::sync::Arc;

use napi::bindgen_prelude::{FromNapiValue, Object, ObjectFinalize, ObjectRef, Unknown};
use napi::{Env, JsValue, ValueType};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::base::body::Body;
use crate::base::error::Result;
use crate::base::options::RequestOptions;
use crate::http_client::{self, CallCaching};
use crate::node::convert::client_metrics::HttpClientMetrics;
use crate::node::environment::objects::address;
use crate::node::exports::calls::{
    Dispatch, Locking, PendingCall, PreparedRequest, downloaded, expect, json_of, requested_by, response_of,
    successful, text_of,
};
use crate::node::js::arguments::{method, wrong_type};
use crate::node::js::error::to_js;
use crate::node::js::json::stringified;
use crate::node::js::number::number;
use crate::node::js::value::{Handle, handle};
use crate::node::options::{Defaults, Settings, TransferDefaults, call_caching, prefix, request_options, settings};
use crate::node::promise::abort::Abort;
use crate::node::promise::operation::promise;
use crate::node::promise::rejection::CallbackError;
use crate::operation::request::Response;
use crate::policy::http::headers::{JSON, TEXT, idempotent_by_key};

/// The calls to one API: base URL, credentials, retries and a cache, set once.
///
/// A request is retried after transient failures. One that is not idempotent (POST, PATCH) is
/// retried only if the server cannot have processed it, if it responds with 429 or 503, or if the
/// call sets `idempotent: true` or an `Idempotency-Key`.
///
/// The cache holds responses to GET as far as their servers allow (RFC 9111), one for each URL,
/// credential, proxy and set of trusted certificates. Concurrent identical GETs share one request,
/// even if its response is not cached.
///
/// @example
/// ```js
/// import { HttpClient } from '@socketsecurity/registry/lib/http-client'
///
/// const client = new HttpClient({
///   baseUrl: 'https://api.example.com/v0',
///   headers: { authorization: 'Bearer token' },
///   cache: true,
/// })
/// const quota = await client.getJson('/quota')
/// ```
#[napi(custom_finalize)]
pub struct HttpClient {
    core: Arc<http_client::HttpClient>,
    transfer: TransferDefaults,
    max_size: Option<u64>,
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
        let Settings { base, transfer, max_size, hooks, caching, store } = settings(env, options)?;
        let hooks = match hooks {
            Some(hooks) if hooks.get_type()? == ValueType::Object => Some(Object::from_unknown(hooks)?.create_ref()?),
            Some(hooks) => return Err(wrong_type(env, "options.hooks", "an object", hooks)),
            None => None,
        };
        let core = Arc::new(http_client::HttpClient::new(base, caching, store));
        Ok(Self { core, transfer, max_size, hooks })
    }

    /// Sends a request and resolves with the response, whatever its status.
    ///
    /// @throws as `httpRequest`.
    /// @example
    /// ```js
    /// import { HttpClient } from '@socketsecurity/registry/lib/http-client'
    ///
    /// const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
    /// const response = await client.request('/items/1', { method: 'DELETE' })
    /// console.log(response.status)
    /// ```
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
        self.requested(env, target, options, |_, _| {}, response_of)
    }

    /// Fetches a path and parses the response as JSON.
    ///
    /// @throws as `httpGetJson`.
    /// @example
    /// ```js
    /// import { HttpClient } from '@socketsecurity/registry/lib/http-client'
    ///
    /// const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
    /// const items = await client.getJson('/items', { cacheTtl: 60_000 })
    /// ```
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
        let prepare = |options: &mut RequestOptions, has_body| expect(options, has_body, JSON);
        self.requested(env, target, options, prepare, |env, response, _| json_of(env, response))
    }

    /// Fetches a path and resolves with the response as text (UTF-8).
    ///
    /// @throws as `httpGetText`.
    /// @example
    /// ```js
    /// import { HttpClient } from '@socketsecurity/registry/lib/http-client'
    ///
    /// const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
    /// const text = await client.getText('/status')
    /// ```
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
        let prepare = |options: &mut RequestOptions, has_body| expect(options, has_body, TEXT);
        self.requested(env, target, options, prepare, |env, response, _| text_of(env, response))
    }

    /// Sends a value as JSON, and parses the response as JSON. `undefined` sends no body. A
    /// response without a body resolves with `undefined`.
    ///
    /// @throws as `httpGetJson`; any error of `JSON.stringify`.
    /// @example
    /// ```js
    /// import { HttpClient } from '@socketsecurity/registry/lib/http-client'
    ///
    /// const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
    /// const item = await client.sendJson('POST', '/items', { name: 'left-pad' })
    /// ```
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
        // Not an `Option`: null is a value.
        value: Unknown<'env>,
        options: Option<Unknown<'env>>,
    ) -> napi::Result<Object<'env>> {
        let begin = |callback_error: &CallbackError| {
            let verb = method(env, "method", verb)?;
            let json = stringified(env, value)?;
            let mut prepared = self.begin(env, target, options, callback_error)?;
            prepared.options.method = verb;
            prepared.options.body = json.map(|json| Body::Whole(json.into()));
            Ok(prepared)
        };
        let prepare = |options: &mut RequestOptions, has_body| expect(options, has_body, JSON);
        requested_by(env, begin, prepare, |env, response, _| {
            let response = successful(env, response)?;
            if response.body.is_empty() { handle(env, ()) } else { json_of(env, response) }
        })
    }

    /// Downloads to a file, as `httpDownload`.
    ///
    /// @throws as `httpDownload`.
    /// @example
    /// ```js
    /// import { HttpClient } from '@socketsecurity/registry/lib/http-client'
    ///
    /// const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
    /// await client.download('/tool.tgz', 'tool.tgz', { digests: true })
    /// ```
    #[napi(
        catch_unwind,
        ts_args_type = "pathOrUrl: string | URL, destPath: string | URL, options?: HttpDownloadOptions | null | undefined",
        ts_return_type = "Promise<HttpDownloadResult>"
    )]
    pub fn download<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        dest_path: Unknown<'env>,
        options: Option<Unknown<'env>>,
    ) -> napi::Result<Object<'env>> {
        downloaded(env, Locking::None, || self.target(env, target), dest_path, options)
    }

    /// Downloads to a file once, however many processes call this at the same time, as
    /// `downloadWithLock`.
    ///
    /// @throws as `downloadWithLock`.
    /// @example
    /// ```js
    /// import { HttpClient } from '@socketsecurity/registry/lib/http-client'
    ///
    /// const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
    /// const { path } = await client.downloadWithLock('/tool', 'bin/tool', { mode: 0o755 })
    /// ```
    #[napi(
        catch_unwind,
        ts_args_type = "pathOrUrl: string | URL, destPath: string | URL, options?: DownloadWithLockOptions | null | undefined",
        ts_return_type = "Promise<HttpDownloadResult>"
    )]
    pub fn download_with_lock<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        dest_path: Unknown<'env>,
        options: Option<Unknown<'env>>,
    ) -> napi::Result<Object<'env>> {
        downloaded(env, Locking::Lock, || self.target(env, target), dest_path, options)
    }

    /// Removes responses from the cache: all, or those whose URL begins with `prefix`, a path below
    /// `baseUrl` or a URL. `*` in it matches anything, and a query in it matches all queries. The
    /// cache on disk is cleared for all processes.
    ///
    /// @returns their number.
    /// @example
    /// ```js
    /// import { HttpClient } from '@socketsecurity/registry/lib/http-client'
    ///
    /// const client = new HttpClient({ baseUrl: 'https://api.example.com/v0', cache: 'memory' })
    /// await client.getJson('/items')
    /// const removed = await client.clearCache('/items')
    /// ```
    #[napi(catch_unwind, ts_args_type = "prefix?: string | null | undefined", ts_return_type = "Promise<number>")]
    pub fn clear_cache<'env>(&self, env: &'env Env, beginning: Option<Unknown<'env>>) -> napi::Result<Object<'env>> {
        let start = || {
            let (core, prefix) = (self.core.clone(), prefix(env, beginning)?);
            let operation = async move { Ok(core.clear(prefix.as_deref()).await) };
            Ok((operation, Abort::default()))
        };
        promise(env, start, |env, count: usize| handle(&env, number(count as u64)))
    }

    /// Waits for the end of everything that this client is still writing to the cache on disk, or
    /// removing from it: responses of calls that were aborted, and evictions. Afterwards the
    /// directory can be removed.
    ///
    /// @returns a promise that does not reject: a response that cannot be written is not cached.
    /// @example
    /// ```js
    /// import { rm } from 'node:fs/promises'
    /// import { HttpClient } from '@socketsecurity/registry/lib/http-client'
    ///
    /// const cacheDir = 'build/cache'
    /// const client = new HttpClient({ cache: 'disk', cacheDir })
    /// await client.getJson('https://api.example.com/items')
    /// await client.flush()
    /// await rm(cacheDir, { recursive: true })
    /// ```
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn flush<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let start = || {
            let core = self.core.clone();
            let operation = async move {
                core.flush().await;
                Ok(())
            };
            Ok((operation, Abort::default()))
        };
        promise(env, start, |env, ()| handle(&env, ()))
    }

    /// Counts the calls since the client was created.
    ///
    /// @example
    /// ```js
    /// import { HttpClient } from '@socketsecurity/registry/lib/http-client'
    ///
    /// const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
    /// const { requests, memoryHits } = client.metrics()
    /// ```
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> HttpClientMetrics {
        self.core.metrics().into()
    }
}

impl HttpClient {
    fn requested<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        options: Option<Unknown<'env>>,
        prepare: impl FnOnce(&mut RequestOptions, bool),
        convert: impl FnOnce(&Env, Box<Response>, PendingCall) -> napi::Result<Handle> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        requested_by(env, |callback_error| self.begin(env, target, options, callback_error), prepare, convert)
    }

    fn begin<'env>(
        &self,
        env: &'env Env,
        target: Unknown<'env>,
        options: Option<Unknown<'env>>,
        callback_error: &CallbackError,
    ) -> napi::Result<PreparedRequest<'env, Caller>> {
        let (url, transfer) = self.target(env, target)?;
        let hooks = self.hooks.as_ref().map(|hooks| Ok::<_, napi::Error>(hooks.get_value(env)?.to_unknown()));
        let defaults = Defaults { transfer, max_size: self.max_size, hooks: hooks.transpose()? };
        let (caching, idempotent) = call_caching(env, options)?;
        let (mut options, call) = request_options(env, options, defaults, callback_error)?;
        options.transfer.retry.idempotent = idempotent.or_else(|| idempotent_by_key(&options.transfer.headers));
        Ok(PreparedRequest { dispatch: Caller { core: self.core.clone(), caching }, url, options, call })
    }

    /// The URL of a path or URL, and the defaults of calls to it.
    fn target(&self, env: &Env, target: Unknown) -> napi::Result<(Url, TransferDefaults)> {
        let url = self.core.resolve(&address(env, target)?).map_err(|error| to_js(env, error))?;
        let defaults =
            TransferDefaults { headers: self.core.fields_for(&url, &self.transfer.headers), ..self.transfer.clone() };
        Ok((url, defaults))
    }
}

/// Sends requests through a client.
struct Caller {
    core: Arc<http_client::HttpClient>,
    caching: CallCaching,
}

impl Dispatch for Caller {
    const SENDS: bool = false;

    fn get_fresh(&self, url: &Url, options: &RequestOptions) -> Option<Box<Response>> {
        self.core.get_fresh(url, options, self.caching)
    }

    async fn request(self, url: Url, options: RequestOptions, cancel: &CancellationToken) -> Result<Box<Response>> {
        self.core.request(url, options, self.caching, cancel).await
    }
}
