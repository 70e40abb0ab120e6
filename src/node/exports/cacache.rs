//! The functions of `lib/cacache`.

use std::path::{Path, PathBuf};

use napi::Env;
use napi::bindgen_prelude::{BufferSlice, Object, Unknown};
use napi_derive::napi;
use serde_json::value::RawValue;

use crate::base::error::{Error, Kind, Result};
use crate::base::integrity::Expected;
use crate::io::cache::cacache::{self, Item};
use crate::node::environment::instance::instance;
use crate::node::environment::objects::read;
use crate::node::js::arguments::{body, given, integrity, string, wrong_type};
use crate::node::js::buffer::buffer;
use crate::node::js::error::to_js;
use crate::node::js::json::{stringified, text};
use crate::node::js::value::{Handle, handle};
use crate::node::options::cache_directory;
use crate::node::promise::abort::Abort;
use crate::node::promise::failure::Failure;
use crate::node::promise::operation::promise;
use crate::operation::blocking;
use crate::policy::cache::prefix::Prefix;

/// Options of `put`.
#[napi(object, object_to_js = false)]
pub struct CacachePutOptions<'env> {
    /// Anything that JSON can say. It comes back with the entry.
    ///
    /// @default none
    #[napi(ts_type = "unknown")]
    pub metadata: Option<Unknown<'env>>,
    /// Expected Subresource Integrity of the data; anything else rejects with `ERR_INTEGRITY`.
    ///
    /// @default none
    #[napi(ts_type = "string | undefined")]
    pub integrity: Option<Unknown<'env>>,
}

/// Options of `clear`.
#[napi(object, object_to_js = false)]
pub struct CacacheClearOptions<'env> {
    /// What the keys of the entries begin with; `*` in it is anything.
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
    /// Subresource Integrity of the data, which has been verified.
    pub integrity: String,
    /// Where the data is.
    pub path: String,
    /// Bytes of the data.
    pub size: f64,
    /// When it was written, in milliseconds since 1970.
    pub time: f64,
    #[napi(ts_type = "unknown")]
    pub metadata: Option<Unknown<'env>>,
}

/// Reads an entry and verifies it.
///
/// The cache is in `SOCKET_CACACHE_DIR`, or `~/.socket/_cacache`, in the format of npm's cacache.
///
/// @throws `TypeError` for a key with `*`; `No cache entry for …` with `code: 'ENOENT'`; `ERR_INTEGRITY` when the data is not what was
/// written; `EACCES` when the cache, or that part of it, belongs to another user.
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

/// As `get`, but gives `undefined` for what is not there, or cannot be used.
///
/// @throws `TypeError` for a key with `*`.
#[napi(catch_unwind, ts_args_type = "key: string", ts_return_type = "Promise<CacacheEntry | undefined>")]
pub fn safe_get<'env>(env: &'env Env, key: Unknown<'env>) -> napi::Result<Object<'env>> {
    let find = |cache: &Path, key: &str| Ok(cacache::get(cache, key).ok().flatten());
    keyed(env, key, find, |env, item| item.map_or_else(|| handle(&env, ()), |item| entry(&env, item)))
}

/// Writes an entry, readable by this user alone. One that is there under the same key is replaced.
///
/// @returns the Subresource Integrity of the data.
/// @throws `TypeError` for a key with `*`; `ERR_INTEGRITY`; `Failed to write cache …` with the code of the system.
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
        let data = body(env, data).ok().flatten().ok_or_else(wrong)?;
        let (mut metadata, mut expected) = (None, Expected::default());
        if let Some(options) = read::<CacachePutOptions>(env, options)? {
            let json = options.metadata.map(|value| stringified(env, value)).transpose()?.flatten();
            metadata = json.and_then(|json| RawValue::from_string(json).ok());
            expected.integrity = given(options.integrity, |value| integrity(env, value))?.unwrap_or_default();
        }
        let put = move || cacache::put_expected(&cache, &key, &data, metadata, &expected);
        let operation = async move { blocking(put).await.map_err(Failure::from) };
        Ok((operation, Abort::default()))
    };
    promise(env, start, |env, entry| handle(&env, entry.integrity.unwrap_or_default()))
}

/// Removes an entry. One that is not there is no error.
///
/// @throws `TypeError` for a key with `*`: see `clear`.
#[napi(catch_unwind, ts_args_type = "key: string", ts_return_type = "Promise<void>")]
pub fn remove<'env>(env: &'env Env, key: Unknown<'env>) -> napi::Result<Object<'env>> {
    keyed(env, key, cacache::remove, |env, ()| handle(&env, ()))
}

/// Removes all entries, or those whose keys begin with a prefix.
///
/// @returns how many.
/// @throws `TypeError` for a wrong argument; `Failed to clear the cache: …` with the code of the system.
#[napi(
    catch_unwind,
    ts_args_type = "options?: CacacheClearOptions | null | undefined",
    ts_return_type = "Promise<number>"
)]
pub fn clear<'env>(env: &'env Env, options: Option<Unknown<'env>>) -> napi::Result<Object<'env>> {
    let start = || {
        let cache = cache_directory(env, None)?;
        let prefix = read::<CacacheClearOptions>(env, options)?.and_then(|options| options.prefix);
        let prefix = given(prefix, |value| string(env, "options.prefix", value))?;
        let clear = move || match prefix {
            Some(prefix) => {
                let prefix = Prefix::new(&prefix);
                cacache::clear(&cache, |entry| !prefix.is_prefix_of(&entry.key))
            }
            None => cacache::clear_all(&cache),
        };
        let operation = async move { blocking(clear).await.map_err(Failure::from) };
        Ok((operation, Abort::default()))
    };
    promise(env, start, |env, count| handle(&env, u32::try_from(count).unwrap_or(u32::MAX)))
}

/// Creates a directory in the cache, for `withTmp` of `lib/index.js`.
#[napi(catch_unwind, skip_typescript)]
pub fn create_temporary_directory(env: &Env) -> napi::Result<Object<'_>> {
    let start = || {
        let cache = cache_directory(env, None)?;
        let create = move || cacache::create_temporary_directory(&cache);
        Ok((async move { blocking(create).await.map_err(Failure::from) }, Abort::default()))
    };
    promise(env, start, |env, path| handle(&env, path.to_string_lossy().as_ref()))
}

/// Removes a directory of `createTemporaryDirectory`, never what a link in its place leads to.
#[napi(catch_unwind, skip_typescript)]
pub fn remove_temporary_directory<'env>(env: &'env Env, path: Unknown<'env>) -> napi::Result<Object<'env>> {
    let start = || {
        let path = PathBuf::from(string(env, "path", path)?);
        let remove = move || cacache::remove_temporary_directory(&path);
        Ok((async move { blocking(remove).await.map_err(Failure::from) }, Abort::default()))
    };
    promise(env, start, |env, ()| handle(&env, ()))
}

/// The promise of something that is done with a key.
fn keyed<'env, T: Send + 'static>(
    env: &'env Env,
    key: Unknown<'env>,
    work: impl FnOnce(&Path, &str) -> Result<T> + Send + 'static,
    convert: impl FnOnce(Env, T) -> napi::Result<Handle> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let start = || {
        let (cache, key) = place(env, key)?;
        let operation = async move { blocking(move || work(&cache, &key)).await.map_err(Failure::from) };
        Ok((operation, Abort::default()))
    };
    promise(env, start, convert)
}

/// The cache, and a key that names one entry.
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
    // Exact up to 2^53, as every number in JavaScript.
    #[allow(clippy::cast_precision_loss)]
    let (size, time) = (content.len() as f64, entry.time as f64);
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
