//! The limit of all downloads of the process, from the environment of the calling JavaScript.

use napi::{Env, ValueType};

use crate::base::error::{Error, Kind};
use crate::node::environment::instance::js_function;
use crate::node::js::arguments::string;
use crate::node::js::error::to_js;
use crate::policy::http::rate::parse;

const NAME: &str = "SOCKET_DOWNLOAD_RATE";

/// Bytes per second, as `SOCKET_DOWNLOAD_RATE` says now. `None`: no limit.
pub fn download_rate(env: &Env) -> napi::Result<Option<u64>> {
    let value = js_function::<()>(env, "downloadRate")?.call(())?;
    if value.get_type()? != ValueType::String {
        return Ok(None);
    }
    let text = string(env, NAME, value)?;
    if text.is_empty() {
        return Ok(None);
    }
    parse(&text).ok_or_else(|| {
        let rule = "must be a number of bytes per second, or one with k, M or G behind it, such as 500k or 2M";
        to_js(env, Error::new(Kind::ArgumentValue, format!("{NAME} {rule}. Received {text:?}")))
    })
}
