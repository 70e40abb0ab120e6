//! Text and JSON, by V8's own parser.

use napi::bindgen_prelude::{Function, JsObjectValue, Object, Unknown};
use napi::{Env, JsString, ValueType};

use crate::base::error::{Error, Kind};
use crate::node::js::arguments::string;
use crate::node::js::error::to_js;

/// Converts UTF-8 to a string, without a byte order mark at the beginning, as `fetch` does. ASCII,
/// as most JSON is, is only copied.
pub fn text<'env>(env: &'env Env, bytes: &[u8]) -> napi::Result<JsString<'env>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let fits = |length| if length > STRING_MAX { Err(to_js(env, too_long(length))) } else { Ok(()) };
    if bytes.is_ascii() {
        fits(bytes.len())?;
        return env.create_string_latin1(bytes);
    }
    // Invalid UTF-8 becomes longer.
    let text = String::from_utf8_lossy(bytes);
    fits(text.len())?;
    env.create_string(text)
}

/// V8's longest string. V8 accepts no more bytes of UTF-8 either, however few characters they are.
const STRING_MAX: usize = if cfg!(target_pointer_width = "64") { 0x1fff_ffe8 } else { 0x0fff_fff0 };

fn too_long(length: usize) -> Error {
    let message = format!(
        "The body is too long for a string: {length} bytes, and V8 takes {STRING_MAX}. Read its `body`, or use `stream`"
    );
    Error::new(Kind::TextTooLong, message)
}

/// The result of `JSON.stringify`. `None` for values that JSON cannot represent, such as
/// `undefined`.
pub fn stringified(env: &Env, value: Unknown) -> napi::Result<Option<String>> {
    let json: Object = env.get_global()?.get_named_property_unchecked("JSON")?;
    let stringify: Function<Unknown, Unknown> = json.get_named_property_unchecked("stringify")?;
    let text = stringify.call(value)?;
    if text.get_type()? == ValueType::String { string(env, "value", text).map(Some) } else { Ok(None) }
}
