//! Options of `HttpClient`.

use std::path::PathBuf;
use std::time::Duration;

use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, Object, Unknown};
use napi::{Env, ValueType};
use napi_derive::napi;

use crate::base::options::{CacheLimits, Caching, Retry, Ttl, UNLIMITED};
use crate::io::cache::store::{Place, Store};
use crate::io::file::destination::absolute;
use crate::node::convert::header_fields::fields;
use crate::node::environment::instance::js_function;
use crate::node::environment::objects::{address, read};
use crate::node::js::arguments::{
    count, duration, limit, optional, own_names, path, size, string, wrong_type, wrong_value,
};
use crate::node::js::error::to_js;
use crate::node::options::network::ConnectOverrides;
use crate::node::options::transfer::{TransferDefaults, delays};
use crate::policy::http::address::Base;

/// Options of `HttpClient`. Durations are milliseconds, sizes bytes.
#[napi(object, object_to_js = false)]
#[derive(Default)]
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
    #[napi(ts_type = "HttpRequestHeaders | undefined")]
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
    /// The transport of the requests. `'native'`: the connection pool of this package. `'node'`:
    /// `node:http` and `node:https` of this process, so that nock, MSW, agents and instrumentation
    /// of `http` see the requests. It speaks HTTP/1.1 only, and cannot be combined with `proxy`.
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

/// The parts of a client.
#[derive(Default)]
pub struct Settings<'env> {
    pub base: Option<Base>,
    /// For the requests and downloads of the client.
    pub transfer: TransferDefaults,
    /// For the requests of the client.
    pub max_size: Option<u64>,
    pub hooks: Option<Unknown<'env>>,
    pub caching: Caching,
    pub store: Option<Store>,
}

pub fn settings<'env>(env: &'env Env, options: Option<Unknown<'env>>) -> napi::Result<Settings<'env>> {
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
    } = read(env, options)?;
    let limits = limits(env, cache_memory_max, cache_disk_max, cache_age_max)?;
    let default = Caching::default();
    let caching = Caching {
        ttl: optional(cache_ttl, |value| ttl(env, value))?.unwrap_or(default.ttl),
        stale_if_error: optional(stale_if_error, |value| duration(env, "options.staleIfError", value))?
            .unwrap_or(default.stale_if_error),
    };
    let default = Retry::for_client();
    let retries = optional(retries, |value| count(env, "options.retries", value))?.unwrap_or(default.retries);
    let connect = ConnectOverrides::read(env, ca, proxy, transport)?;
    connect.check(env, connect.transport)?;
    let transfer = TransferDefaults {
        headers: optional(headers, |value| fields(env, "options.headers", value))?.unwrap_or_default(),
        retry: Retry { retries, ..delays(env, retry_delay, retry_delay_max, default)? },
        timeout: optional(timeout, |value| {
            Ok(limit(env, "options.timeout", Some(value), None)?.unwrap_or(Duration::MAX))
        })?,
        connect,
        shared_rate: None,
    };
    let directory = optional(cache_dir, |value| path(env, "options.cacheDir", value))?;
    Ok(Settings {
        base: optional(base_url, |value| Base::parse(&address(env, value)?).map_err(|error| to_js(env, error)))?,
        transfer,
        max_size: optional(max_response_size, |value| size(env, "options.maxResponseSize", value))?
            .map(|limit| limit.unwrap_or(UNLIMITED)),
        hooks,
        caching,
        store: place(env, cache, directory)?.map(|place| Store::new(place, limits)),
    })
}

fn limits(
    env: &Env,
    memory: Option<Unknown>,
    disk: Option<Unknown>,
    age: Option<Unknown>,
) -> napi::Result<CacheLimits> {
    let default = CacheLimits::default();
    let bytes = |name, value, default| {
        optional(value, |value| size(env, name, value)).map(|size| match size {
            None => default,
            Some(size) => size.unwrap_or(u64::MAX),
        })
    };
    Ok(CacheLimits {
        memory: bytes("options.cacheMemoryMax", memory, default.memory)?,
        disk: bytes("options.cacheDiskMax", disk, default.disk)?,
        age: optional(age, |value| duration(env, "options.cacheAgeMax", value))?.unwrap_or(default.age),
    })
}

/// The directory of the cache on disk, absolute: the caller's, else the environment's.
pub fn cache_directory(env: &Env, directory: Option<PathBuf>) -> napi::Result<PathBuf> {
    let directory = match directory {
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

/// One time to live for all paths, or several by prefix.
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
