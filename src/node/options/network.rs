//! Options of connections: certificates, proxy and the time to connect.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{FromNapiValue, Uint8ArraySlice, Unknown};
use napi::{Env, JsValue, ValueType};

use crate::base::error::{Error, Kind};
use crate::base::options::{Network, Tls, TransportKind};
use crate::base::proxy::{self, Proxy};
use crate::node::convert::host_client::host_client;
use crate::node::environment::objects::caller_object;
use crate::node::environment::variables::Environment;
use crate::node::js::arguments::{certificate, elements, limit, optional, string, wrong_type, wrong_value};
use crate::node::js::error::to_js;
use crate::node::js::value::property;

/// Options of a caller that override the variables of the environment.
#[derive(Clone, Debug, Default)]
pub struct ConnectOverrides {
    pub ca: Option<Vec<String>>,
    pub proxy: Option<Proxy>,
    pub connect_timeout: Option<Duration>,
    pub transport: Option<TransportKind>,
}

impl ConnectOverrides {
    pub fn read(
        env: &Env,
        ca: Option<Unknown>,
        proxy: Option<Unknown>,
        transport: Option<Unknown>,
    ) -> napi::Result<Self> {
        Ok(Self {
            ca: optional(ca, |value| certificates(env, value))?,
            proxy: optional(proxy, |value| proxy_url(env, value))?,
            connect_timeout: None,
            transport: optional(transport, |value| transport_kind(env, value))?,
        })
    }

    /// Refuses options that the transport cannot honour.
    pub fn check(&self, env: &Env, transport: Option<TransportKind>) -> napi::Result<()> {
        match (transport, &self.proxy) {
            (Some(TransportKind::Node), Some(Proxy::Fixed(_))) => Err(to_js(env, proxy_refused())),
            _ => Ok(()),
        }
    }

    /// The network of these options. Shared with other calls if there are none.
    pub fn network(self, env: &Env, environment: &Environment) -> napi::Result<Arc<Network>> {
        let kind = self.transport.map_or_else(|| environment.transport(), Ok).map_err(|error| to_js(env, error))?;
        self.check(env, Some(kind))?;
        let Self { ca, proxy, connect_timeout, transport: _ } = self;
        if kind == TransportKind::Node {
            // The proxies and the TLS variables of the environment are for Node and the caller's
            // agents.
            let tls = Tls { ca: ca.unwrap_or_default(), ..Tls::default() };
            let host = Some(host_client(env)?);
            let log = environment.network.log;
            return Ok(Arc::new(Network { tls, proxy: Proxy::None, connect_timeout, log, host }));
        }
        if ca.is_none() && proxy.is_none() && connect_timeout.is_none() {
            return Ok(environment.network.clone());
        }
        let proxy = match (proxy, environment.proxy()) {
            // Without a variable, the pool is that of callers who say nothing.
            (Some(Proxy::Off), Proxy::None) => Proxy::None,
            (Some(proxy), _) | (None, proxy) => proxy,
        };
        let (tls, log) = (environment.tls(ca.unwrap_or_default()), environment.network.log);
        Ok(Arc::new(Network { tls, proxy, connect_timeout, log, host: None }))
    }
}

fn proxy_refused() -> Error {
    let message = "The argument \"options.proxy\" cannot be used with the transport 'node', whose connections are made by the \
                   agents of node:http: omit it, or set transport: 'native'";
    Error::new(Kind::ArgumentValue, message)
}

fn transport_kind(env: &Env, value: Unknown) -> napi::Result<TransportKind> {
    const NAME: &str = "options.transport";
    if value.get_type()? != ValueType::String {
        return Err(wrong_type(env, NAME, "'native' or 'node'", value));
    }
    let name = string(env, NAME, value)?;
    TransportKind::parse(&name).ok_or_else(|| wrong_value(env, NAME, "must be 'native' or 'node'", format!("{name:?}")))
}

/// The network of one call: its own options, else those of its client, else the environment.
pub fn network(
    env: &Env,
    environment: &Environment,
    default: ConnectOverrides,
    own: ConnectOverrides,
    connect_timeout: Option<Unknown>,
) -> napi::Result<Arc<Network>> {
    let overrides = ConnectOverrides {
        ca: own.ca.or(default.ca),
        proxy: own.proxy.or(default.proxy),
        connect_timeout: limit(env, "options.connectTimeout", connect_timeout, default.connect_timeout)?,
        transport: own.transport.or(default.transport),
    };
    overrides.network(env, environment)
}

/// PEM, as one text or several, each a string or bytes. It is parsed when a connection needs it, as
/// Node does.
fn certificates(env: &Env, value: Unknown) -> napi::Result<Vec<String>> {
    const NAME: &str = "options.ca";
    if value.is_array()? {
        return elements(env, NAME, value)?.into_iter().map(|each| pem(env, NAME, each)).collect();
    }
    Ok(vec![pem(env, NAME, value)?])
}

fn pem(env: &Env, name: &str, value: Unknown) -> napi::Result<String> {
    let expected = "a string, a Buffer, a Uint8Array, or an array of these";
    match value.get_type()? {
        ValueType::String => certificate(env, name, value),
        ValueType::Object if value.is_typedarray()? => {
            let bytes = Uint8ArraySlice::from_unknown(value).map_err(|_| wrong_type(env, name, expected, value))?;
            // Comments may be in any encoding; PEM itself is ASCII.
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => Err(wrong_type(env, name, expected, value)),
    }
}

/// A URL, as a string or an object, or `false`.
fn proxy_url(env: &Env, value: Unknown) -> napi::Result<Proxy> {
    const NAME: &str = "options.proxy";
    const RULE: &str = "must be the URL of a proxy (http, https, socks4 or socks5), or false";
    let text = match value.get_type()? {
        ValueType::Boolean if !bool::from_unknown(value)? => return Ok(Proxy::Off),
        ValueType::String => string(env, NAME, value)?,
        ValueType::Object => {
            let href = property(&caller_object(env, value)?, "href")?;
            if href.get_type()? != ValueType::String {
                return Err(wrong_type(env, NAME, "a string, a URL or false", value));
            }
            string(env, NAME, href)?
        }
        _ => return Err(wrong_type(env, NAME, "a string, a URL or false", value)),
    };
    // Not repeated in the message: it may hold a password.
    proxy::parse(&text).map(Proxy::Fixed).ok_or_else(|| wrong_value(env, NAME, RULE, "another string"))
}
