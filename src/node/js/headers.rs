//! Header fields as an object, as in Node.js.

use napi::Env;
use napi::bindgen_prelude::{JsObjectValue, Object};

use crate::policy::http::headers::{Joined, joined};

pub fn headers<'env>(env: &'env Env, fields: &http::HeaderMap) -> napi::Result<Object<'env>> {
    header_object(env, joined(fields))
}

pub fn header_object(
    env: &Env,
    fields: impl IntoIterator<Item = (impl AsRef<str>, Joined)>,
) -> napi::Result<Object<'_>> {
    let mut object = Object::new(env)?;
    for (name, value) in fields {
        let name = name.as_ref();
        match value {
            Joined::One(value) => object.set_named_property(name, value)?,
            Joined::Many(values) => object.set_named_property(name, values)?,
        }
    }
    Ok(object)
}
