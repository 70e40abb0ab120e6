//! Bytes as a Buffer.

use bytes::Bytes;
use napi::bindgen_prelude::{BufferSlice, FromNapiValue, Uint8ArraySlice, Unknown};
use napi::{Env, JsValue};

/// Size up to which bytes are copied into memory of V8, which is cheaper than registering external
/// memory.
const COPY_MAX: usize = 64 << 10;

pub fn buffer(env: &Env, bytes: Bytes) -> napi::Result<BufferSlice<'_>> {
    if bytes.len() <= COPY_MAX { BufferSlice::copy_from(env, &bytes) } else { BufferSlice::from_data(env, bytes) }
}

/// Copies the bytes of a `Uint8Array`: the caller may change them at any time. `None` for any other
/// value.
pub fn bytes_of(value: Unknown) -> napi::Result<Option<Bytes>> {
    if !value.is_typedarray()? {
        return Ok(None);
    }
    Ok(Uint8ArraySlice::from_unknown(value).ok().map(|bytes| Bytes::copy_from_slice(&bytes)))
}
