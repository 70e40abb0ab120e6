//! The functions of `lib/cacache`.

use std::path::{Path, PathBuf};

use napi::bindgen_prelude::{BufferSlice, Object, Unknown};
use napi::{Env, ValueType};
use napi_derive::napi;
use serde_json::value::RawValue;

use crate::base::error::{Error, Kind, Result};
use crate::base::integrity::Expected;
use crate::io::cache::cacache::{self, Item};
use crate::node::environment::instance::instance;
use crate::node::environment::objects::read;
use crate::node::js::arguments::{content, integrity, optional, string, wrong_type};
use crate::node::js::buffer::{buffer, bytes_of};
use crate::node::js::error::to_js;
use crate::node::js::json::{stringified, text};
use crate::node::js::number::number;
use crate::node::js::value::{Handle, handle};
use crate::node::options::cache_directory;
use crate::node::promise::abort::Abort;
use crate::node::promise::operation::promise;
use crate::node::promise::rejection::Rejection;
use crate::operation::blocking;
use crate::policy::cache::prefix::Prefix;

/// Options of `put`.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct CacachePutOptions<'env> {
    /// Any value that JSON can represent. Returned with the entry.
    ///
    /// @default none
    #[napi(ts_type = "unknown")]
    pub metadata: Option<Unknown<'env>>,
    /// Expected Subresource Integrity of the data. Other data rejects with `ERR_INTEGRITY`.
    ///
    /// @default none
    #[napi(ts_type = "string | undefined")]
    pub integrity: Option<Unknown<'env>>,
}

/// Options of `clear`.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct CacacheClearOptions<'env> {
    /// Beginning of the keys. `*` in it matches anything.
    ///
    /// @default none: everything
    #[napi(ts_type = "string | undefined")]
    pub prefix: Option<Unknown<'env>>,
}

/// An entry of the cache.
#[napi(object, object_from_js = false)]
pub struct CacacheEntry<'env> {
    pub key: String,
    pub data: BufferSlice<'env>,
    /// Subresource Integrity of the data, verified.
    pub integrity: String,
    /// The file of the data.
    pub path: String,
    /// Size of the data in bytes.
    pub size: f64,
    /// Time of writing, in milliseconds since 1970.
    pub time: f64,
    #[napi(ts_type = "unknown")]
    pub metadata: Option<Unknown<'env>>,
}

/// Reads an entry and verifies it.
///
/// The cache is in `SOCKET_CACACHE_DIR`, or `~/.socket/_cacache`, in the format of npm's cacache.
///
/// @throws `TypeError` for a key with `*`; `No cache entry for …` with `code: 'ENOENT'`;
/// `ERR_INTEGRITY` if the data differs from the data written; `EACCES` if the cache, or that part
/// of it, belongs to another user.
/// @example
/// ```js
/// import { get, put } from '@socketsecurity/registry/lib/cacache'
///
/// await put('tool:1.0.0', 'some text')
/// const { data, integrity } = await get('tool:1.0.0')
/// console.log(data.toString(), integrity)
/// ```
#[napi(catch_unwind, ts_args_type = "key: string", ts_return_type = "Promise<CacacheEntry>")]
pub fn get<'env>(env: &'env Env, key: Unknown<'env>) -> napi::Result<Object<'env>> {
    let find = |cache: &Path, key: &str| {
        let absent = || {
            let message = format!("No cache entry for {key} found in {}", cache.display());
            Error::new(Kind::File, message).with_code("ENOENT").with_path(cache)
        };
        cacache::get(cache, key)?.ok_or_else(absent)
    };
    keyed(env, key, find, |env, item| entry(&env, item))
}

/// Reads an entry, as `get`. Resolves with `undefined` if the entry is missing or unusable.
///
/// @throws `TypeError` for a key with `*`.
/// @example
/// ```js
/// import { safeGet } from '@socketsecurity/registry/lib/cacache'
///
/// const entry = await safeGet('tool:1.0.0')
/// console.log(entry?.data.toString() ?? 'not cached')
/// ```
#[napi(catch_unwind, ts_args_type = "key: string", ts_return_type = "Promise<CacacheEntry | undefined>")]
pub fn safe_get<'env>(env: &'env Env, key: Unknown<'env>) -> napi::Result<Object<'env>> {
    let find = |cache: &Path, key: &str| Ok(cacache::get(cache, key).ok().flatten());
    keyed(env, key, find, |env, item| item.map_or_else(|| handle(&env, ()), |item| entry(&env, item)))
}

/// Writes an entry, readable by this user only. Replaces an entry with the same key.
///
/// @returns the Subresource Integrity of the data.
/// @throws `TypeError` for a key with `*`; `ERR_INTEGRITY`; `Failed to write cache …` with the code
/// of the system.
/// @example
/// ```js
/// import { put } from '@socketsecurity/registry/lib/cacache'
///
/// const integrity = await put('tool:1.0.0', 'some text', { metadata: { timestamp: Date.now() } })
/// ```
#[napi(
    catch_unwind,
    ts_args_type = "key: string, data: string | Uint8Array, options?: CacachePutOptions | null | undefined",
    ts_return_type = "Promise<string>"
)]
pub fn put<'env>(
    env: &'env Env,
    key: Unknown<'env>,
    data: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let start = || {
        let (cache, key) = place(env, key)?;
        let wrong = || wrong_type(env, "data", "a string, a Buffer or a Uint8Array", data);
        let data = match data.get_type()? {
            ValueType::String => content(env, "data", data)?.into(),
            _ => bytes_of(data)?.ok_or_else(wrong)?,
        };
        let options: CacachePutOptions = read(env, options)?;
        let json = options.metadata.map(|value| stringified(env, value)).transpose()?.flatten();
        let metadata = json.and_then(|json| RawValue::from_string(json).ok());
        let integrity = optional(options.integrity, |value| integrity(env, value))?.unwrap_or_default();
        let expected = Expected { integrity, ..Expected::default() };
        let put = move || cacache::put_expected(&cache, &key, &data, metadata, &expected);
        let operation = async move { blocking(put).await.map_err(Rejection::from) };
        Ok((operation, Abort::default()))
    };
    promise(env, start, |env, entry| handle(&env, entry.integrity.unwrap_or_default()))
}

/// Removes an entry. A missing entry is not an error.
///
/// @throws `TypeError` for a key with `*`: see `clear`.
/// @example
/// ```js
/// import { remove } from '@socketsecurity/registry/lib/cacache'
///
/// await remove('tool:1.0.0')
/// ```
#[napi(catch_unwind, ts_args_type = "key: string", ts_return_type = "Promise<void>")]
pub fn remove<'env>(env: &'env Env, key: Unknown<'env>) -> napi::Result<Object<'env>> {
    keyed(env, key, cacache::remove, |env, ()| handle(&env, ()))
}

/// Removes all entries, or those whose keys begin with a prefix.
///
/// @returns their number.
/// @throws `TypeError` for a wrong argument; `Failed to clear the cache: …` with the code of the
/// system.
/// @example
/// ```js
/// import { clear } from '@socketsecurity/registry/lib/cacache'
///
/// const removed = await clear({ prefix: 'tool:*' })
/// ```
#[napi(
    catch_unwind,
    ts_args_type = "options?: CacacheClearOptions | null | undefined",
    ts_return_type = "Promise<number>"
)]
pub fn clear<'env>(env: &'env Env, options: Option<Unknown<'env>>) -> napi::Result<Object<'env>> {
    let start = || {
        let cache = cache_directory(env, None)?;
        let CacacheClearOptions { prefix } = read(env, options)?;
        let prefix = optional(prefix, |value| string(env, "options.prefix", value))?;
        let clear = move || match prefix {
            Some(prefix) => {
                let prefix = Prefix::new(&prefix);
                cacache::clear(&cache, |entry| !prefix.is_prefix_of(&entry.key))
            }
            None => cacache::clear_all(&cache),
        };
        let operation = async move { blocking(clear).await.map_err(Rejection::from) };
        Ok((operation, Abort::default()))
    };
    promise(env, start, |env, count| handle(&env, number(count as u64)))
}

/// Creates a directory in the cache, for `withTmp` of `lib/index.js`.
#[napi(catch_unwind, skip_typescript)]
pub fn create_temporary_directory(env: &Env) -> napi::Result<Object<'_>> {
    let start = || {
        let cache = cache_directory(env, None)?;
        let create = move || cacache::create_temporary_directory(&cache);
        Ok((async move { blocking(create).await.map_err(Rejection::from) }, Abort::default()))
    };
    promise(env, start, |env, path| handle(&env, path.to_string_lossy().as_ref()))
}

/// Removes a directory of `createTemporaryDirectory`, never the target of a link in its place.
#[napi(catch_unwind, skip_typescript)]
pub fn remove_temporary_directory<'env>(env: &'env Env, path: Unknown<'env>) -> napi::Result<Object<'env>> {
    let start = || {
        let path = PathBuf::from(string(env, "path", path)?);
        let remove = move || cacache::remove_temporary_directory(&path);
        Ok((async move { blocking(remove).await.map_err(Rejection::from) }, Abort::default()))
    };
    promise(env, start, |env, ()| handle(&env, ()))
}

/// The promise of an operation on one entry.
fn keyed<'env, T: Send + 'static>(
    env: &'env Env,
    key: Unknown<'env>,
    work: impl FnOnce(&Path, &str) -> Result<T> + Send + 'static,
    convert: impl FnOnce(Env, T) -> napi::Result<Handle> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let start = || {
        let (cache, key) = place(env, key)?;
        let operation = async move { blocking(move || work(&cache, &key)).await.map_err(Rejection::from) };
        Ok((operation, Abort::default()))
    };
    promise(env, start, convert)
}

/// The directory of the cache, and a valid key.
fn place(env: &Env, key: Unknown) -> napi::Result<(PathBuf, String)> {
    let key = string(env, "key", key)?;
    if key.contains('*') {
        let error = Error::argument("key", "must not contain *: only the prefix of clear may", format!("{key:?}"));
        return Err(to_js(env, error));
    }
    Ok((cache_directory(env, None)?, key))
}

fn entry(env: &Env, item: Item) -> napi::Result<Handle> {
    let Item { entry, path, content } = item;
    let metadata = entry
        .metadata
        .map(|metadata| instance(env)?.methods.parser.parse(env, text(env, metadata.get().as_bytes())?))
        .transpose()?;
    let (size, time) = (number(content.len() as u64), number(entry.time));
    let entry = CacacheEntry {
        key: entry.key,
        data: buffer(env, content.into())?,
        integrity: entry.integrity.unwrap_or_default(),
        path: path.to_string_lossy().into_owned(),
        size,
        time,
        metadata,
    };
    handle(env, entry)
}
