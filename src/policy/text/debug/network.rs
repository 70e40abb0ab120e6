//! Lines about proxies, trusted certificates, connections, redirects and retries.

use std::time::Duration;

use http::Method;
use url::Url;

use crate::base::error::{Error, redacted};
use crate::base::proxy::{Choice, Reason, host_and_port};

/// Which proxy a request takes, and why.
pub fn proxy(method: &Method, url: &Url, choice: &Choice<'_>) -> String {
    let target = redacted(url);
    match &choice.proxy {
        Some(proxy) => {
            let proxy = format!("{}://{}", proxy.scheme(), host_and_port(proxy));
            format!("{method} {target}: proxy {proxy} ({})", reason(choice.reason))
        }
        None => format!("{method} {target}: no proxy ({})", reason(choice.reason)),
    }
}

/// The setting that decided about a proxy.
pub fn reason(reason: Reason<'_>) -> String {
    match reason {
        Reason::Unset => "none is set".to_owned(),
        Reason::Option => "option proxy".to_owned(),
        Reason::Variable(name) => name.to_owned(),
        Reason::Excluded { name, entry } => format!("{name}: {entry}"),
        Reason::Cgi => "HTTP_PROXY is ignored in a CGI program, where REQUEST_METHOD is set".to_owned(),
    }
}
