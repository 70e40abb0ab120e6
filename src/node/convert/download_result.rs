//! The result of a download as a JavaScript object.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use napi::bindgen_prelude::{Either, JsObjectValue, Object, This, Undefined};
use napi::{Env, Property, PropertyAttributes};
use napi_derive::napi;

use crate::base::error::Error;
use crate::base::integrity::{Algorithm, Digest};
use crate::io::file::digest::of_file;
use crate::node::convert::timings::parts;
use crate::node::environment::instance::instance;
use crate::node::js::error::to_js;
use crate::node::js::headers::headers;
use crate::node::js::number::number;
use crate::node::js::value::{Handle, handle};
use crate::operation::download::Downloaded;

/// A downloaded file, or one that was already there. A plain object: it can be spread, logged and
/// compared.
#[napi(object, object_from_js = false)]
pub struct HttpDownloadResult<'env> {
    /// The destination, as given.
    pub path: String,
    /// Size in bytes.
    pub size: f64,
    /// Always `true`: a failure rejects.
    pub ok: bool,
    /// The status of the response; 200 for a file that was already there.
    pub status: u16,
    /// The reason phrase as sent.
    pub status_text: String,
    /// The header fields of the response; none for a file that was already there.
    #[napi(ts_type = "import('node:http').IncomingHttpHeaders")]
    pub headers: Object<'env>,
    /// Attempts made; 0 for a file that was already there.
    pub attempts: u32,
    /// Bytes that were there when the last attempt resumed; 0 if it fetched everything.
    pub resumed_from: f64,
    /// The URL whose bytes the file has, without credentials: that of the call, or of one of its
    /// mirrors. `undefined` for a file that was already there.
    #[napi(ts_type = "string | undefined")]
    pub source: Option<Undefined>,
    /// Times of the last attempt, computed at the first access. `undefined` for a file that was
    /// already there. Not enumerable.
    #[napi(ts_type = "ResponseTimings | undefined")]
    pub timings: Option<Object<'env>>,
    /// SHA-256 of the file, in hexadecimal. Computed at the first access, unless it was computed
    /// during the download: see `digests`.
    #[napi(ts_type = "string")]
    pub sha256: Undefined,
    /// SHA-512 of the file, as Subresource Integrity. Computed at the first access, unless it was
    /// computed during the download: see `digests`.
    #[napi(ts_type = "string")]
    pub integrity: Undefined,
}

/// The object of a download. `path` is the destination as given, `file` its absolute form.
pub fn result(env: &Env, path: &Path, file: PathBuf, downloaded: Downloaded) -> napi::Result<Handle> {
    let Downloaded { size, digests, transfer } = downloaded;
    let timings = transfer.as_ref().map(|transfer| transfer.timings.clone());
    let (status, status_text, fields, attempts, resumed_from, source) = match transfer {
        Some(it) => (it.status.as_u16(), it.status_text, it.headers, it.attempts, it.resumed_from, Some(it.source)),
        None => (200, "OK".to_owned(), http::HeaderMap::new(), 0, 0, None),
    };
    let result = HttpDownloadResult {
        path: path.to_string_lossy().into_owned(),
        size: number(size),
        ok: true,
        status,
        status_text,
        headers: headers(env, &fields)?,
        attempts,
        resumed_from: number(resumed_from),
        // Defined below, as accessors.
        source: None,
        timings: None,
        sha256: (),
        integrity: (),
    };
    let result = handle(env, result)?;
    instance(env)?.set_timings(env, result, parts(timings))?;
    let digests = Rc::new(Digests { file, known: RefCell::new(digests) });
    let accessor = |name, algorithm, write: fn(&Digest) -> String| {
        let digests = digests.clone();
        let getter = move |env: Env, _: This| digests.get(env, algorithm).map(|digest| write(&digest));
        // Not enumerable: logging, spreading or comparing a result must not hash the file.
        let attributes = PropertyAttributes::Configurable;
        let property = Property::new().with_utf8_name(name)?.with_getter_closure(getter);
        Ok::<_, napi::Error>(property.with_property_attributes(attributes))
    };
    let source = Property::new()
        .with_utf8_name("source")?
        // `undefined` without one: a `None` would be `null`.
        .with_getter_closure(move |_, _: This| Ok(source.clone().map_or(Either::B(()), Either::A)))
        .with_property_attributes(PropertyAttributes::Configurable);
    let accessors = [
        source,
        accessor("sha256", Algorithm::Sha256, Digest::hex)?,
        accessor("integrity", Algorithm::Sha512, Digest::sri)?,
    ];
    Object::from_raw(env.raw(), result).define_properties(&accessors)?;
    Ok(result)
}

/// The digests of a published file. Those that were not requested are computed at the first access.
struct Digests {
    file: PathBuf,
    known: RefCell<Vec<Digest>>,
}

impl Digests {
    fn get(&self, env: Env, algorithm: Algorithm) -> napi::Result<Digest> {
        let known = self.known.borrow().iter().find(|digest| digest.algorithm == algorithm).cloned();
        if let Some(digest) = known {
            return Ok(digest);
        }
        let failed = |error| to_js(&env, Error::file("Failed to hash file", "read", &self.file, &error));
        let digest = of_file(&self.file, [algorithm]).map_err(failed)?.remove(0);
        self.known.borrow_mut().push(digest.clone());
        Ok(digest)
    }
}
