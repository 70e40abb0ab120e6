//! Options of `HttpClient`, and of its calls.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, Object, Unknown};
use napi::{Env, ValueType};
use napi_derive::napi;

use crate::base::options::{Caching, Retry, Ttl, UNLIMITED};
use crate::http_client::CallCaching;
use crate::io::cache::store::{Limits, Place, Store};
use crate::io::file::destination::absolute;
use crate::node::environment::instance::js_function;
use crate::node::environment::objects::{address, given_object, read};
use crate::node::js::arguments::{
    boolean, duration, fields, given, limit, own_names, path, size, string, wrong_type, wrong_value,
};
use crate::node::js::error::to_js;
use crate::node::js::value::property;
use crate::node::options::shared::{ConnectOverrides, retry};
use crate::policy::http::address::Base;

/// Repetitions of a client that is not told how many.
const RETRIES: u32 = 3;

/// Options of `HttpClient`. Durations are milliseconds, sizes bytes.
#[napi(object, object_to_js = false)]
pub struct HttpClientOptions<'env> {
    /// URL to which paths are appended, without a query. With `https://api.example.com/v0`,
    /// `/items` is `https://api.example.com/v0/items`.
    ///
    /// @default none: calls name whole URLs
    #[napi(ts_type = "string | URL | undefined")]
    pub base_url: Option<Unknown<'env>>,
    /// Header fields of every call. Credentials among them are sent to the origin of `baseUrl`
    /// only.
    ///
    /// @default {}
    #[napi(ts_type = "Record<string, string> | undefined")]
    pub headers: Option<Unknown<'env>>,
    /// Time limit of one attempt, in ms, redirects and body included. `0` or `Infinity`: no limit.
    ///
    /// @default 30000; 120000 for downloads
    #[napi(ts_type = "number | undefined")]
    pub timeout: Option<Unknown<'env>>,
    /// Attempts after the first. Only transient failures are retried.
    ///
    /// @default 3
    #[napi(ts_type = "number | undefined")]
    pub retries: Option<Unknown<'env>>,
    /// Delay before the first retry, in ms. Doubles with each retry, and up to 10 % is added at
    /// random.
    ///
    /// @default 1000
    #[napi(ts_type = "number | undefined")]
    pub retry_delay: Option<Unknown<'env>>,
    /// Longest delay between two attempts, in ms, even if `Retry-After` asks for more.
    ///
    /// @default 30000
    #[napi(ts_type = "number | undefined")]
    pub retry_delay_max: Option<Unknown<'env>>,
    /// Where responses to GET are cached: in memory, on disk for all processes, or (`true`) in
    /// both.
    ///
    /// @default false
    #[napi(ts_type = "boolean | 'memory' | 'disk' | undefined")]
    pub cache: Option<Unknown<'env>>,
    /// Time, in ms, for which a response is used without revalidation, as far as the server allows.
    /// An object names it by path prefix: the longest prefix of the path counts, and `default` is
    /// for all others. `0`: always revalidated.
    ///
    /// @default 300000
    #[napi(
        ts_type = "number | { default?: number | undefined; [pathPrefix: string]: number | undefined } | undefined"
    )]
    pub cache_ttl: Option<Unknown<'env>>,
    /// Directory of the cache on disk, in the format of npm's cacache.
    ///
    /// @default `SOCKET_CACACHE_DIR`, or `~/.socket/_cacache`
    #[napi(ts_type = "string | undefined")]
    pub cache_dir: Option<Unknown<'env>>,
    /// Size limit of the responses in memory, in bytes. The least recently used are evicted. `0`:
    /// no limit.
    ///
    /// @default 67108864 (64 MiB)
    #[napi(ts_type = "number | undefined")]
    pub cache_memory_max: Option<Unknown<'env>>,
    /// Size limit of the responses on disk, in bytes. The oldest are evicted. Other entries of the
    /// directory do not count. `0`: no limit.
    ///
    /// @default 536870912 (512 MiB)
    #[napi(ts_type = "number | undefined")]
    pub cache_disk_max: Option<Unknown<'env>>,
    /// Time, in ms, for which a response stays on disk without being fetched again or revalidated.
    ///
    /// @default 2592000000 (30 days)
    #[napi(ts_type = "number | undefined")]
    pub cache_age_max: Option<Unknown<'env>>,
    /// Time, in ms, for which an expired response is still used if the server cannot be reached, or
    /// responds with 500, 502, 503 or 504.
    ///
    /// @default 0
    #[napi(ts_type = "number | undefined")]
    pub stale_if_error: Option<Unknown<'env>>,
    /// Size limit of the decoded body, in bytes. A larger body rejects with `ERR_BODY_TOO_LARGE`,
    /// and its connection is closed at once. `0`: no limit. Without effect on `stream` and on
    /// downloads.
    ///
    /// @default none; 536870912 (512 MiB) for text and JSON
    #[napi(ts_type = "number | undefined")]
    pub max_response_size: Option<Unknown<'env>>,
    /// Certificates in PEM. They are trusted in addition to the bundled roots, those of the system,
    /// and those of `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    ///
    /// @default none
    #[napi(ts_type = "string | Uint8Array | readonly (string | Uint8Array)[] | undefined")]
    pub ca: Option<Unknown<'env>>,
    /// URL of a proxy (`http`, `https`, `socks4`, `socks4a`, `socks5`, `socks5h`), with user and
    /// password if it asks for them. `false`: no proxy.
    ///
    /// @default `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper
    /// case
    #[napi(ts_type = "string | URL | false | undefined")]
    pub proxy: Option<Unknown<'env>>,
    /// Who sends requests. `'native'`: a pool of connections of this package. `'node'`: `node:http`
    /// and `node:https` of this process, so that nock, MSW, agents and instrumentation of `http` see
    /// them. That is HTTP/1.1 only, and cannot be combined with `proxy`.
    ///
    /// @default `SOCKET_HTTP_TRANSPORT`, or `'node'` while nock or MSW intercepts `node:http`, or
    /// `'native'`
    #[napi(ts_type = "'native' | 'node' | undefined")]
    pub transport: Option<Unknown<'env>>,
    /// Functions that are notified of each attempt and each redirect. Errors that they throw are
    /// ignored. Not for downloads.
    ///
    /// @default none
    #[napi(ts_type = "HttpHooks | undefined")]
    pub hooks: Option<Unknown<'env>>,
}

/// Options of one call of an `HttpClient`, in addition to those of `httpRequest`. They override
/// those of the client. Durations are milliseconds.
#[napi(object, object_to_js = false)]
pub struct HttpClientRequestOptions<'env> {
    /// Whether the server may process the request twice. If so, it is retried after every transient
    /// failure, whatever its method.
    ///
    /// @default `true` for GET, HEAD, OPTIONS, PUT, DELETE, TRACE, and with an `Idempotency-Key`
    #[napi(ts_type = "boolean | undefined")]
    pub idempotent: Option<Unknown<'env>>,
    /// `false`: the cache is neither read nor written.
    ///
    /// @default that of the client
    #[napi(ts_type = "boolean | undefined")]
    pub cache: Option<Unknown<'env>>,
    /// Time, in ms, for which a cached response is used without revalidation.
    ///
    /// @default that of the client
    #[napi(ts_type = "number | undefined")]
    pub cache_ttl: Option<Unknown<'env>>,
    /// Time, in ms, for which an expired response is still used in an outage.
    ///
    /// @default that of the client
    #[napi(ts_type = "number | undefined")]
    pub stale_if_error: Option<Unknown<'env>>,
}

/// What a client is made of.
#[derive(Default)]
pub struct Settings<'env> {
    pub base: Option<Base>,
    pub headers: HeaderMap,
    /// [`Duration::MAX`]: no limit.
    pub timeout: Option<Duration>,
    pub retry: Retry,
    pub max_size: Option<u64>,
    pub way: ConnectOverrides,
    pub hooks: Option<Unknown<'env>>,
    pub caching: Caching,
    pub store: Option<Store>,
}

pub fn settings<'env>(env: &'env Env, options: Option<Unknown<'env>>) -> napi::Result<Settings<'env>> {
    let own_retry = Retry { retries: RETRIES, retry_idempotent_only: true, ..Retry::default() };
    let Some(options) = read::<HttpClientOptions>(env, options)? else {
        return Ok(Settings { retry: own_retry, ..Settings::default() });
    };
    let HttpClientOptions {
        base_url,
        headers,
        timeout,
        retries,
        retry_delay,
        retry_delay_max,
        cache,
        cache_ttl,
        cache_dir,
        cache_memory_max,
        cache_disk_max,
        cache_age_max,
        stale_if_error,
        max_response_size,
        ca,
        proxy,
        transport,
        hooks,
    } = options;
    let default = Limits::default();
    let bytes = |name, value, default| {
        given(value, |value| size(env, name, value)).map(|size| match size {
            None => default,
            Some(size) => size.unwrap_or(u64::MAX),
        })
    };
    let limits = Limits {
        memory: bytes("options.cacheMemoryMax", cache_memory_max, default.memory)?,
        disk: bytes("options.cacheDiskMax", cache_disk_max, default.disk)?,
        age: given(cache_age_max, |value| duration(env, "options.cacheAgeMax", value))?.unwrap_or(default.age),
    };
    let caching = Caching {
        ttl: given(cache_ttl, |value| ttl(env, value))?.unwrap_or_default(),
        stale_if_error: given(stale_if_error, |value| duration(env, "options.staleIfError", value))?
            .unwrap_or_default(),
    };
    let way = ConnectOverrides::read(env, ca, proxy, transport)?;
    way.check(env, way.transport)?;
    let directory = given(cache_dir, |value| path(env, "options.cacheDir", value))?;
    Ok(Settings {
        base: given(base_url, |value| Base::parse(&address(env, value)?).map_err(|error| to_js(env, error)))?,
        headers: given(headers, |value| fields(env, "options.headers", value))?.unwrap_or_default(),
        timeout: given(
            timeout,
            |value| Ok(limit(env, "options.timeout", Some(value), None)?.unwrap_or(Duration::MAX)),
        )?,
        retry: retry(env, retries, retry_delay, retry_delay_max, own_retry)?,
        max_size: given(max_response_size, |value| size(env, "options.maxResponseSize", value))?
            .map(|limit| limit.unwrap_or(UNLIMITED)),
        way,
        hooks,
        caching,
        store: place(env, cache, directory)?.map(|place| Store::new(place, limits)),
    })
}

/// The directory of the cache on disk, as an absolute path: that of the caller, or that of the environment.
pub fn cache_directory(env: &Env, given: Option<PathBuf>) -> napi::Result<PathBuf> {
    let directory = match given {
        Some(directory) => directory,
        None => string(env, "SOCKET_CACACHE_DIR", js_function::<()>(env, "cacheDirectory")?.call(())?)?.into(),
    };
    absolute(&directory).map_err(|error| to_js(env, error))
}

fn place(env: &Env, cache: Option<Unknown>, directory: Option<PathBuf>) -> napi::Result<Option<Place>> {
    const RULE: &str = "must be true, false, 'memory' or 'disk'";
    let Some(cache) = cache else {
        return Ok(None);
    };
    let on_disk = || cache_directory(env, directory);
    match cache.get_type()? {
        ValueType::Boolean => bool::from_unknown(cache)?.then(|| on_disk().map(Place::Both)).transpose(),
        ValueType::String => match string(env, "options.cache", cache)?.as_str() {
            "memory" => Ok(Some(Place::Memory)),
            "disk" => on_disk().map(Place::Disk).map(Some),
            other => Err(wrong_value(env, "options.cache", RULE, format!("{other:?}"))),
        },
        _ => Err(wrong_type(env, "options.cache", "a boolean, 'memory' or 'disk'", cache)),
    }
}

/// One for all paths, or by prefix.
fn ttl(env: &Env, value: Unknown) -> napi::Result<Ttl> {
    const NAME: &str = "options.cacheTtl";
    let default = Ttl::default();
    if value.get_type()? == ValueType::Number {
        return Ok(Ttl { default: duration(env, NAME, value)?, ..default });
    }
    if value.get_type()? != ValueType::Object {
        return Err(wrong_type(env, NAME, "a number or an object of numbers", value));
    }
    let mut ttl = default;
    let object = Object::from_unknown(value)?;
    for name in own_names(env, NAME, &object)? {
        let value = object.get_property_unchecked::<_, Unknown>(env.create_string(&name)?)?;
        if value.get_type()? == ValueType::Undefined {
            continue;
        }
        let duration = duration(env, &format!("{NAME}[{name:?}]"), value)?;
        match name.as_str() {
            "default" => ttl.default = duration,
            path if path.starts_with('/') => ttl.by_prefix.push((name, duration)),
            path => ttl.by_prefix.push((format!("/{path}"), duration)),
        }
    }
    Ok(ttl)
}

/// What one call wants of the cache, and whether it may be carried out twice.
pub fn call_caching(env: &Env, options: Option<Unknown>) -> napi::Result<(CallCaching, Option<bool>)> {
    let default = CallCaching::default();
    let Some(options) = read::<HttpClientRequestOptions>(env, options)? else {
        return Ok((default, None));
    };
    let HttpClientRequestOptions { idempotent, cache, cache_ttl, stale_if_error } = options;
    let call = CallCaching {
        is_on: given(cache, |value| boolean(env, "options.cache", value))?.unwrap_or(default.is_on),
        ttl: given(cache_ttl, |value| duration(env, "options.cacheTtl", value))?,
        stale_if_error: given(stale_if_error, |value| duration(env, "options.staleIfError", value))?,
    };
    Ok((call, given(idempotent, |value| boolean(env, "options.idempotent", value))?))
}

/// The prefix of `clearCache`: none is all.
pub fn prefix(env: &Env, value: Option<Unknown>) -> napi::Result<Option<String>> {
    let value = value.filter(|value| !matches!(value.get_type(), Ok(ValueType::Undefined | ValueType::Null)));
    given(value, |value| {
        if value.get_type()? != ValueType::Object {
            return string(env, "prefix", value);
        }
        string(env, "prefix", property(&given_object(env, value)?, "href")?)
    })
}
