//! The environment of the calling JavaScript at the time of the call: a Worker may have its own, and a program may change it.

use std::path::PathBuf;

use napi::bindgen_prelude::{JsObjectValue, Object};
use napi::{Env, ValueType};

use crate::node::arguments::string;
use crate::node::bridge::property;
use crate::options::Tls;
use crate::policy::proxy::{Proxy, Variables};

/// `process.env`.
pub struct Environment<'env> {
    env: &'env Env,
    variables: Object<'env>,
}

impl<'env> Environment<'env> {
    pub fn of(env: &'env Env) -> napi::Result<Self> {
        let process: Object = env.get_global()?.get_named_property_unchecked("process")?;
        Ok(Self { env, variables: process.get_named_property_unchecked("env")? })
    }

    /// A variable that is set, and not to nothing.
    pub fn get(&self, name: &str) -> napi::Result<Option<String>> {
        let value = property(&self.variables, name)?;
        if value.get_type()? != ValueType::String {
            return Ok(None);
        }
        string(self.env, "process.env", value).map(|value| Some(value).filter(|value| !value.is_empty()))
    }

    /// In lower case or in upper case; the former wins, as in curl.
    fn either(&self, lower: &str) -> napi::Result<Option<String>> {
        match self.get(lower)? {
            Some(value) => Ok(Some(value)),
            None => self.get(&lower.to_ascii_uppercase()),
        }
    }

    pub fn proxy(&self) -> napi::Result<Proxy> {
        let (http, https) = (self.either("http_proxy")?, self.either("https_proxy")?);
        let all = self.either("all_proxy")?;
        if http.is_none() && https.is_none() && all.is_none() {
            return Ok(Proxy::None);
        }
        Ok(Proxy::Environment(Variables { http, https, all, no: self.either("no_proxy")? }))
    }

    pub fn tls(&self, ca: Vec<String>) -> napi::Result<Tls> {
        let mut files = Vec::new();
        for name in ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"] {
            files.extend(self.get(name)?.map(PathBuf::from));
        }
        let directories = self.get("SSL_CERT_DIR")?;
        Ok(Tls {
            verify: self.get("NODE_TLS_REJECT_UNAUTHORIZED")?.as_deref() != Some("0"),
            ca,
            files,
            directories: directories.map(|list| std::env::split_paths(&list).collect()).unwrap_or_default(),
        })
    }
}
