//! Header fields and records as objects of JavaScript, read and written entry by entry.

use napi::bindgen_prelude::{FnArgs, FromNapiValue, Function, JsObjectValue, Null, Object, Unknown};
use napi::{Env, JsValue, ValueType};

use crate::node::js::arguments::{content, wrong_type};
use crate::node::js::value::property;

/// Names and values: the entries that the object iterates over, or else its own properties.
pub fn entries<'env>(env: &'env Env, headers: Unknown<'env>) -> napi::Result<Vec<(Unknown<'env>, Unknown<'env>)>> {
    let not_fields = || wrong_type(env, "headers", "an object of header fields", headers);
    if headers.get_type()? != ValueType::Object {
        return Err(not_fields());
    }
    let global = env.get_global()?;
    let symbol: Object = global.get_named_property_unchecked("Symbol")?;
    let iterator = property(&symbol, "iterator")?;
    let iterate: Unknown = Object::from_unknown(headers)?.get_property_unchecked(iterator)?;
    let (class, function) =
        if iterate.get_type()? == ValueType::Function { ("Array", "from") } else { ("Object", "entries") };
    let class: Object = global.get_named_property_unchecked(class)?;
    let list: Function<Unknown, Vec<Unknown>> = class.get_named_property_unchecked(function)?;
    let pairs = list.apply(class, headers)?.into_iter().map(|pair| {
        if !pair.is_array()? {
            return Err(not_fields());
        }
        let pair = Object::from_unknown(pair)?;
        let name: Unknown = pair.get_element(0)?;
        if name.get_type()? != ValueType::String {
            return Err(not_fields());
        }
        Ok((name, pair.get_element(1)?))
    });
    pairs.collect()
}

/// The value of a field as a string, converted as JavaScript does.
pub fn field_value(env: &Env, name: &str, value: Unknown) -> napi::Result<String> {
    match value.get_type()? {
        ValueType::Symbol | ValueType::Function => Err(wrong_type(env, name, "a string or an array of strings", value)),
        _ => content(env, name, value.coerce_to_string()?.to_unknown()),
    }
}

/// The value, unless it is `undefined` or `null`.
pub fn present(value: Unknown) -> napi::Result<Option<Unknown>> {
    if is_nothing(value)? { Ok(None) } else { Ok(Some(value)) }
}

/// Whether a value is `undefined` or `null`.
pub fn is_nothing(value: Unknown) -> napi::Result<bool> {
    Ok(matches!(value.get_type()?, ValueType::Undefined | ValueType::Null))
}

/// An object without a prototype, so that `__proto__` is a name like any other.
pub fn without_prototype(env: &Env) -> napi::Result<Object<'_>> {
    let class: Object = env.get_global()?.get_named_property_unchecked("Object")?;
    let create: Function<FnArgs<(Null,)>, Object> = class.get_named_property_unchecked("create")?;
    create.call(FnArgs::from((Null,)))
}

/// Names and values as an object without a prototype.
pub fn record(env: &Env, entries: impl IntoIterator<Item = (impl AsRef<str>, String)>) -> napi::Result<Object<'_>> {
    let mut record = without_prototype(env)?;
    for (name, value) in entries {
        // Not as a named property: its name would end at a null character.
        record.set_property(env.create_string(name.as_ref())?, env.create_string(&value)?)?;
    }
    Ok(record)
}
