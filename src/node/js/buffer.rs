//! Bytes as a Buffer.

use bytes::Bytes;
use napi::Env;
use napi::bindgen_prelude::BufferSlice;

/// Size up to which bytes are copied into memory of V8, which is cheaper than registering external
/// memory.
const COPY_MAX: usize = 64 << 10;

pub fn buffer(env: &Env, bytes: Bytes) -> napi::Result<BufferSlice<'_>> {
    if bytes.len() <= COPY_MAX { BufferSlice::copy_from(env, &bytes) } else { BufferSlice::from_data(env, bytes) }
}
