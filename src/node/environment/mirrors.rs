//! Mirrors of the environment.

use napi::bindgen_prelude::{FromNapiValue, Unknown};
use napi::{Env, ValueType};

use crate::base::options::Mirrors;
use crate::node::environment::instance::js_function;
use crate::node::js::arguments::string;
use crate::node::js::error::to_js;
use crate::policy::http::mirror::parse_rules;

/// Reads `SOCKET_DOWNLOAD_MIRRORS` and `SOCKET_DOWNLOAD_MIRRORS_ONLY`. Only downloads do: the time
/// of requests counts.
pub fn mirrors(env: &Env) -> napi::Result<Mirrors> {
    let values: Vec<Unknown> = Vec::from_unknown(js_function::<()>(env, "downloadMirrors")?.call(())?)?;
    let mut texts = values.into_iter().map(|value| match value.get_type()? {
        ValueType::String => string(env, "SOCKET_DOWNLOAD_MIRRORS", value).map(Some),
        _ => Ok(None),
    });
    let (rules, only) = (texts.next().transpose()?.flatten(), texts.next().transpose()?.flatten());
    let (rules, rules_only) = parse_rules(rules.as_deref(), only.as_deref()).map_err(|error| to_js(env, error))?;
    Ok(Mirrors { urls: Vec::new(), rules, rules_only })
}
