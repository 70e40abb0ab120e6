//! The functions of `lib/http-request/user-agent`.

use napi::bindgen_prelude::Unknown;
use napi::{Env, ValueType};
use napi_derive::napi;

use crate::node::convert::user_agent::platform;
use crate::node::environment::instance::environment;
use crate::node::environment::objects::caller_object;
use crate::node::js::arguments::{content, elements, string, wrong_type, wrong_value};
use crate::node::js::fields::present;
use crate::node::js::value::property;
use crate::policy::http::user_agent;

/// Builds a `User-Agent`: `name/1.0.0 node/v22.0.0 linux/x64`, followed by the caller's.
/// `@scope/name` becomes `scope-name`. Sanitized as by `sanitizeUserAgent`, and no product is named
/// twice.
///
/// @param application for instance the content of a package.json.
/// @throws `TypeError` if `name` or `version` is not a string, or has no character that can be part
/// of a field.
/// @example
/// ```js
/// import { buildUserAgent } from '@socketsecurity/registry/lib/http-request/user-agent'
///
/// const headers = { 'user-agent': buildUserAgent({ name: '@scope/tool', version: '1.0.0' }) }
/// ```
#[napi(
    catch_unwind,
    ts_args_type = "application: { name: string; version: string }, caller?: string | null | undefined"
)]
pub fn build_user_agent<'env>(
    env: &'env Env,
    application: Unknown<'env>,
    caller: Option<Unknown<'env>>,
) -> napi::Result<String> {
    if application.get_type()? != ValueType::Object {
        return Err(wrong_type(env, "application", "an object with name and version", application));
    }
    let application = caller_object(env, application)?;
    let token = |key, shown| {
        let text = string(env, shown, property(&application, key)?)?;
        let empty = || wrong_value(env, shown, "must have letters or digits", format!("{text:?}"));
        user_agent::token(&text).ok_or_else(empty)
    };
    let (name, version) = (token("name", "application.name")?, token("version", "application.version")?);
    let caller = caller.map(|caller| string(env, "caller", caller)).transpose()?;
    Ok(user_agent::user_agent(&name, &version, platform(env), caller.as_deref()))
}

/// Joins several `User-Agent` values, the nearest first. Each product, with the `node/…`, platform
/// and comments behind it, is named once. `null` and `undefined` are ignored.
///
/// @throws `TypeError` if one is not a string.
/// @example
/// ```js
/// import { chainUserAgents } from '@socketsecurity/registry/lib/http-request/user-agent'
///
/// const agent = chainUserAgents('tool/1.0.0', process.env.SOCKET_CALLER_USER_AGENT)
/// ```
// lib/index.js passes the arguments as one array.
#[napi(
    catch_unwind,
    ts_args_type = "...agents: (string | readonly (string | null | undefined)[] | null | undefined)[]"
)]
pub fn chain_user_agents<'env>(env: &'env Env, agents: Unknown<'env>) -> napi::Result<String> {
    let mut chain = Vec::new();
    for (index, agent) in elements(env, "agents", agents)?.into_iter().enumerate() {
        if let Some(agent) = present(agent)? {
            chain.push(string(env, &format!("agents[{index}]"), agent)?);
        }
    }
    Ok(user_agent::chain(&chain.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// Converts text to a valid `User-Agent`: characters outside visible ASCII become spaces, several
/// spaces become one, and at most 256 characters are left. `null` and `undefined` become `''`.
///
/// @throws `TypeError` if `text` is anything else than a string.
/// @example
/// ```js
/// import { sanitizeUserAgent } from '@socketsecurity/registry/lib/http-request/user-agent'
///
/// sanitizeUserAgent('tool/1.0.0 ✨ (beta)') // 'tool/1.0.0 (beta)'
/// ```
#[napi(catch_unwind, ts_args_type = "text: string | null | undefined")]
pub fn sanitize_user_agent<'env>(env: &'env Env, text: Unknown<'env>) -> napi::Result<String> {
    let text = present(text)?.map(|text| content(env, "text", text)).transpose()?;
    Ok(user_agent::sanitized(&text.unwrap_or_default()))
}

/// Returns the `User-Agent` that requests have by default: this package, Node.js and the platform,
/// followed by the program that started this one, by `SOCKET_CALLER_USER_AGENT` of `process.env` at
/// the time of the call.
///
/// @example
/// ```js
/// import { getSocketCallerUserAgent } from '@socketsecurity/registry/lib/http-request/user-agent'
///
/// const headers = { 'user-agent': getSocketCallerUserAgent() }
/// ```
#[napi(catch_unwind)]
pub fn get_socket_caller_user_agent(env: &Env) -> napi::Result<String> {
    let caller = environment(env)?.get("SOCKET_CALLER_USER_AGENT");
    Ok(user_agent::default_user_agent(platform(env), caller.as_deref()))
}
