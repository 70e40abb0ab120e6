//! The parts of `doctor` that only the addon can find out. For `lib/doctor.js`.

use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Object, Unknown};
use napi_derive::napi;
use serde::Serialize;

use crate::base::error::{Error, Kind};
use crate::node::convert::user_agent::headers;
use crate::node::environment::instance::{environment, instance};
use crate::node::environment::objects::url;
use crate::node::js::arguments::{duration, path};
use crate::node::js::error::to_js;
use crate::node::js::value::{Handle, handle};
use crate::node::promise::abort::Abort;
use crate::node::promise::operation::promise;
use crate::node::promise::rejection::Rejection;
use crate::operation::blocking;
use crate::operation::diagnose::{directory, proxies, server, trust};

/// The version of this package that the addon belongs to.
#[napi(catch_unwind, skip_typescript)]
pub fn addon_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The proxy of a URL by the environment.
#[napi(catch_unwind, skip_typescript)]
pub fn diagnose_proxy<'env>(env: &'env Env, address: Unknown<'env>) -> napi::Result<Object<'env>> {
    found(env, || {
        let (url, network) = (url(env, address)?, environment(env)?.network);
        Ok(async move { Ok(proxies::proxy(&network, &url)) })
    })
}

/// The trusted certificates by the environment.
#[napi(catch_unwind, skip_typescript)]
pub fn diagnose_trust(env: &Env) -> napi::Result<Object<'_>> {
    found(env, || {
        let network = environment(env)?.network;
        Ok(blocking(move || Ok(trust::trust(&network.tls))))
    })
}

/// A directory of a cache or of locks.
#[napi(catch_unwind, skip_typescript)]
pub fn diagnose_directory<'env>(env: &'env Env, directory: Unknown<'env>) -> napi::Result<Object<'env>> {
    found(env, || {
        let directory = path(env, "directory", directory)?;
        Ok(blocking(move || Ok(directory::directory(&directory))))
    })
}

/// A request to a URL. `limit`, in milliseconds, is that of each of its two steps.
#[napi(catch_unwind, skip_typescript)]
pub fn diagnose_server<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    limit: Unknown<'env>,
) -> napi::Result<Object<'env>> {
    found(env, || {
        let (url, environment) = (url(env, address)?, environment(env)?);
        let limit = duration(env, "limit", limit)?.max(Duration::from_millis(1));
        let headers = headers(env, &environment, http::HeaderMap::new(), None, None)?;
        let network = (*environment.network).clone();
        Ok(async move { Ok(server::server(network, url, limit, headers).await) })
    })
}

/// The promise of a report, as a plain object.
fn found<T, O>(env: &Env, start: impl FnOnce() -> napi::Result<O>) -> napi::Result<Object<'_>>
where
    T: Serialize + Send + 'static,
    O: Future<Output = Result<T, Error>> + Send + 'static,
{
    let start = || {
        let operation = start()?;
        Ok((async move { operation.await.map_err(Rejection::from) }, Abort::default()))
    };
    promise(env, start, |env, report: T| plain(&env, &report))
}

fn plain(env: &Env, report: &impl Serialize) -> napi::Result<Handle> {
    let failed = |error| to_js(env, Error::new(Kind::Internal, format!("The report cannot be written: {error}")));
    let text = serde_json::to_string(report).map_err(failed)?;
    handle(env, instance(env)?.methods.parser.parse(env, env.create_string(text)?)?)
}
