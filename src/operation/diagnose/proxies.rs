//! The proxy of a URL, and the setting that says so.

use serde::Serialize;
use url::Url;

use crate::base::options::Network;
use crate::base::proxy::{Reason, host_and_port};
use crate::io::http::transport::not_a_proxy;
use crate::policy::text::debug::network::reason;

/// The proxy of a URL.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyReport {
    pub ok: bool,
    /// Without user and password.
    pub proxy: Option<String>,
    /// The setting that decides, in words.
    pub reason: String,
    /// The variable that decides, under the name by which it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<&'static str>,
    /// The entry of `NO_PROXY` that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

pub fn proxy(network: &Network, url: &Url) -> ProxyReport {
    let choice = match network.proxy.choose(url) {
        Ok(choice) => choice,
        Err(variable) => {
            return ProxyReport {
                ok: false,
                proxy: None,
                reason: variable.to_owned(),
                variable: Some(variable),
                entry: None,
                message: Some(not_a_proxy(variable, url).to_string()),
            };
        }
    };
    let (variable, entry) = match choice.reason {
        Reason::Variable(name) => (Some(name), None),
        Reason::Excluded { name, entry } => (Some(name), Some(entry.to_owned())),
        Reason::Cgi => (Some("HTTP_PROXY"), None),
        Reason::Unset | Reason::Option => (None, None),
    };
    let proxy = choice.proxy.map(|proxy| format!("{}://{}", proxy.scheme(), host_and_port(&proxy)));
    ProxyReport { ok: true, proxy, reason: reason(choice.reason), variable, entry, message: None }
}
