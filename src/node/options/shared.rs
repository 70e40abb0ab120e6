//! What the options of requests, downloads and clients have in common.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use napi::bindgen_prelude::{FromNapiValue, Uint8ArraySlice, Unknown};
use napi::{Env, JsValue, ValueType};

use crate::base::error::{Error, Kind};
use crate::base::listeners::OnRetry;
use crate::base::options::{Network, Redirects, Retry, Tls, TransportKind};
use crate::base::proxy::{self, Proxy};
use crate::node::convert::host_client::host_client;
use crate::node::convert::listeners::on_retry;
use crate::node::environment::objects::given_object;
use crate::node::environment::variables::Environment;
use crate::node::js::arguments::{
    boolean, certificate, count, duration, elements, function, given, limit, string, wrong_type, wrong_value,
};
use crate::node::js::error::to_js;
use crate::node::js::value::property;
use crate::node::promise::failure::CallbackError;

pub fn retry_listener(
    env: &Env,
    value: Option<Unknown>,
    callback_error: &CallbackError,
) -> napi::Result<Option<OnRetry>> {
    given(value, |value| on_retry(function(env, "options.onRetry", value)?, callback_error))
}

/// What a call has where its caller says nothing, if that is not what a function has by itself.
#[derive(Default)]
pub struct Defaults<'env> {
    pub headers: HeaderMap,
    pub retry: Retry,
    /// [`Duration::MAX`]: no limit.
    pub timeout: Option<Duration>,
    pub max_size: Option<u64>,
    pub way: ConnectOverrides,
    pub hooks: Option<Unknown<'env>>,
}

/// The limit of a client, or that of the function.
pub fn limited(own: Option<Duration>, plain: Option<Duration>) -> Option<Duration> {
    own.map_or(plain, |limit| Some(limit).filter(|limit| *limit != Duration::MAX))
}

/// What callers say about the way to servers; the environment says the rest.
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
            ca: given(ca, |value| certificates(env, value))?,
            proxy: given(proxy, |value| proxy_url(env, value))?,
            connect_timeout: None,
            transport: given(transport, |value| transport_kind(env, value))?,
        })
    }

    /// What the transport cannot do is refused, not ignored.
    pub fn check(&self, env: &Env, transport: Option<TransportKind>) -> napi::Result<()> {
        match (transport, &self.proxy) {
            (Some(TransportKind::Node), Some(Proxy::Fixed(_))) => Err(to_js(env, no_proxy_of_node())),
            _ => Ok(()),
        }
    }

    pub fn network(self, env: &Env, environment: &Environment) -> napi::Result<Arc<Network>> {
        let kind = self.transport.map_or_else(|| environment.transport(), Ok).map_err(|error| to_js(env, error))?;
        self.check(env, Some(kind))?;
        let Self { ca, proxy, connect_timeout, transport: _ } = self;
        if kind == TransportKind::Node {
            // Proxies of the environment are for node:http and the agents of the caller to use, and so is all else of TLS.
            let tls = Tls { ca: ca.unwrap_or_default(), ..Tls::default() };
            let host = Some(host_client(env)?);
            return Ok(Arc::new(Network { tls, proxy: Proxy::None, connect_timeout, host }));
        }
        if ca.is_none() && proxy.is_none() && connect_timeout.is_none() {
            return Ok(environment.network.clone());
        }
        let proxy = proxy.unwrap_or_else(|| environment.proxy());
        Ok(Arc::new(Network { tls: environment.tls(ca.unwrap_or_default()), proxy, connect_timeout, host: None }))
    }
}

fn no_proxy_of_node() -> Error {
    let message = "The argument \"options.proxy\" cannot be used with the transport 'node', whose connections are made by the \
                   agents of node:http: leave it out, or set transport: 'native'";
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

pub fn network(
    env: &Env,
    environment: &Environment,
    default: ConnectOverrides,
    given: ConnectOverrides,
    connect_timeout: Option<Unknown>,
) -> napi::Result<Arc<Network>> {
    let way = ConnectOverrides {
        ca: given.ca.or(default.ca),
        proxy: given.proxy.or(default.proxy),
        connect_timeout: limit(env, "options.connectTimeout", connect_timeout, default.connect_timeout)?,
        transport: given.transport.or(default.transport),
    };
    way.network(env, environment)
}

/// PEM, as one text or several; each a string or bytes. What is in it is looked at when it is needed, as Node does.
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
        ValueType::Boolean if !bool::from_unknown(value)? => return Ok(Proxy::None),
        ValueType::String => string(env, NAME, value)?,
        ValueType::Object => {
            let href = property(&given_object(env, value)?, "href")?;
            if href.get_type()? != ValueType::String {
                return Err(wrong_type(env, NAME, "a string, a URL or false", value));
            }
            string(env, NAME, href)?
        }
        _ => return Err(wrong_type(env, NAME, "a string, a URL or false", value)),
    };
    // It may hold a password: not repeated.
    proxy::parse(&text).map(Proxy::Fixed).ok_or_else(|| wrong_value(env, NAME, RULE, "another string"))
}

pub fn redirects(env: &Env, follow: Option<Unknown>, maximum: Option<Unknown>) -> napi::Result<Redirects> {
    let default = Redirects::default();
    Ok(Redirects {
        follow: given(follow, |value| boolean(env, "options.followRedirects", value))?.unwrap_or(default.follow),
        maximum: given(maximum, |value| count(env, "options.maxRedirects", value))?.unwrap_or(default.maximum),
    })
}

pub fn retry(
    env: &Env,
    retries: Option<Unknown>,
    delay: Option<Unknown>,
    delay_max: Option<Unknown>,
    default: Retry,
) -> napi::Result<Retry> {
    Ok(Retry {
        retries: given(retries, |value| count(env, "options.retries", value))?.unwrap_or(default.retries),
        delay: given(delay, |value| duration(env, "options.retryDelay", value))?.unwrap_or(default.delay),
        delay_max: given(delay_max, |value| duration(env, "options.retryDelayMax", value))?
            .unwrap_or(default.delay_max),
        ..default
    })
}
