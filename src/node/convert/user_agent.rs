//! The header fields of a request, and the `User-Agent` among them.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderValue, header};
use napi::Env;
use napi::bindgen_prelude::Unknown;

use crate::node::convert::header_fields::fields;
use crate::node::environment::variables::Environment;
use crate::policy::http::user_agent::{Platform, default_user_agent};

/// The caller's fields over `own`, those of `getHeaders()` of the body, and the default
/// `User-Agent` if none of these has one.
pub fn headers(
    env: &Env,
    environment: &Environment,
    own: HeaderMap,
    value: Option<Unknown>,
    of_body: Option<Unknown>,
) -> napi::Result<HeaderMap> {
    let mut headers = own;
    if let Some(value) = value {
        // Replaces fields of the same name.
        headers.extend(fields(env, "options.headers", value)?);
    }
    if let Some(value) = of_body {
        let mut of_body = fields(env, "options.body.getHeaders()", value)?;
        of_body.extend(headers);
        headers = of_body;
    }
    if let header::Entry::Vacant(absent) = headers.entry(header::USER_AGENT) {
        let caller = environment.get("SOCKET_CALLER_USER_AGENT");
        absent.insert(user_agent(env, caller.as_deref()));
    }
    Ok(headers)
}

/// The default `User-Agent`, followed by the caller's.
fn user_agent(env: &Env, caller: Option<&str>) -> HeaderValue {
    static ALONE: OnceLock<HeaderValue> = OnceLock::new();
    let written = || {
        let text = default_user_agent(platform(env), caller);
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("socket-registry"))
    };
    if caller.is_some() { written() } else { ALONE.get_or_init(written).clone() }
}

/// The version of Node.js and its platform, in the words of Node.js. The same for every environment
/// of the process.
pub fn platform(env: &Env) -> &'static Platform {
    static PLATFORM: OnceLock<Platform> = OnceLock::new();
    PLATFORM.get_or_init(|| Platform {
        node: env.get_node_version().map_or_else(
            |_| "unknown".to_owned(),
            |version| format!("v{}.{}.{}", version.major, version.minor, version.patch),
        ),
        system: match std::env::consts::OS {
            "macos" => "darwin",
            "windows" => "win32",
            other => other,
        },
        architecture: match std::env::consts::ARCH {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            "x86" => "ia32",
            other => other,
        },
    })
}
