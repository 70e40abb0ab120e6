//! The environment variables of the calling JavaScript at the time of the call. A Worker may have
//! its own variables, and a program may change them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{FromNapiValue, Unknown};
use napi::{Env, ValueType};

use crate::base::error::{Error, Kind};
use crate::base::log::Log;
use crate::base::options::{Network, Tls, TransportKind};
use crate::base::proxy::{Proxy, Variable, Variables};
use crate::node::environment::debug;
use crate::node::js::arguments::string;
use crate::policy::text::node_debug;

/// The variables that matter here. JavaScript reads and compares them, which costs a third of
/// reading them from Rust. They rarely change.
pub const VARIABLES: [&str; 16] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "NODE_DEBUG",
    "NODE_EXTRA_CA_CERTS",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SOCKET_CALLER_USER_AGENT",
    "SOCKET_HTTP_TRANSPORT",
    // Last, and read only if HTTP_PROXY is set.
    "REQUEST_METHOD",
];

/// The [`VARIABLES`] that are set in `process.env` and not empty.
#[derive(Clone, Default)]
pub struct Environment {
    variables: Rc<HashMap<&'static str, String>>,
    /// The network according to the variables, without options of the caller.
    pub network: Arc<Network>,
    /// Whether `node:http` is intercepted, as by nock and MSW.
    is_intercepted: bool,
    /// Whether anybody has subscribed to a diagnostics channel that is published to.
    pub is_observed: bool,
}

impl Environment {
    /// `values` are the values of [`VARIABLES`], in the same order, followed by whether `node:http`
    /// is intercepted.
    pub fn new(env: &Env, mut values: Vec<Unknown>) -> napi::Result<Self> {
        let is_intercepted = values.pop().map(bool::from_unknown).transpose()?.unwrap_or_default();
        let mut variables = HashMap::new();
        for (name, value) in VARIABLES.into_iter().zip(values) {
            if value.get_type()? == ValueType::String {
                variables.insert(name, string(env, name, value)?);
            }
        }
        variables.retain(|_, value| !value.is_empty());
        let mut environment = Self { variables: Rc::new(variables), is_intercepted, ..Self::default() };
        let (tls, proxy) = (environment.tls(Vec::new()), environment.proxy());
        let log = environment.log();
        environment.network = Arc::new(Network { tls, proxy, log, ..Network::default() });
        Ok(environment)
    }

    /// `name` is one of [`VARIABLES`].
    pub fn get(&self, name: &str) -> Option<String> {
        debug_assert!(VARIABLES.contains(&name), "{name} is not read");
        self.variables.get(name).cloned()
    }

    /// The log, if `NODE_DEBUG` asks for one.
    fn log(&self) -> Log {
        let is_on = |sections: String| node_debug::is_enabled(&sections, node_debug::SECTION);
        if self.get("NODE_DEBUG").is_some_and(is_on) { Log::to(&debug::write) } else { Log::default() }
    }

    fn variable(&self, name: &'static str) -> Option<Variable> {
        self.get(name).map(|value| Variable { name, value })
    }

    /// The variable in lower case, or else in upper case, as in curl.
    fn either(&self, lower: &'static str, upper: &'static str) -> Option<Variable> {
        self.variable(lower).or_else(|| self.variable(upper))
    }

    /// The transport of calls that do not choose one.
    pub fn transport(&self) -> Result<TransportKind, Error> {
        const NAME: &str = "SOCKET_HTTP_TRANSPORT";
        match self.get(NAME) {
            Some(name) => TransportKind::parse(&name).ok_or_else(|| {
                Error::new(Kind::ArgumentValue, format!("{NAME} must be 'native' or 'node'. Received {name:?}"))
            }),
            None if self.is_intercepted => Ok(TransportKind::Node),
            None => Ok(TransportKind::Native),
        }
    }

    pub fn proxy(&self) -> Proxy {
        // In a CGI program, a client can set HTTP_PROXY by a field `Proxy` of its request.
        let is_cgi = self.get("REQUEST_METHOD").is_some();
        let http = match is_cgi {
            // On Windows, names of variables are case-insensitive.
            true if cfg!(windows) => None,
            true => self.variable("http_proxy"),
            false => self.either("http_proxy", "HTTP_PROXY"),
        };
        let is_cgi = is_cgi && http.is_none() && self.get("HTTP_PROXY").is_some();
        let (https, all) = (self.either("https_proxy", "HTTPS_PROXY"), self.either("all_proxy", "ALL_PROXY"));
        if http.is_none() && https.is_none() && all.is_none() && !is_cgi {
            return Proxy::None;
        }
        Proxy::Environment(Variables { http, https, all, no: self.either("no_proxy", "NO_PROXY"), is_cgi })
    }

    pub fn tls(&self, ca: Vec<String>) -> Tls {
        let directories = self.get("SSL_CERT_DIR");
        Tls {
            verify: self.get("NODE_TLS_REJECT_UNAUTHORIZED").as_deref() != Some("0"),
            ca,
            files: ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"]
                .into_iter()
                .filter_map(|name| self.get(name))
                .map(PathBuf::from)
                .collect(),
            directories: directories.map(|list| std::env::split_paths(&list).collect()).unwrap_or_default(),
        }
    }
}
