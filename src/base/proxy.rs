//! The proxy of a URL, by the environment variables that curl, Go and Python read.
//!
//! The variables are `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in either case; lower
//! case wins, as in curl. Their values are an argument, because the environment is the one of the
//! calling JavaScript.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

/// The port of a SOCKS proxy whose URL names none (RFC 1928, 3).
pub const SOCKS_PORT: u16 = 1080;

/// How the proxy of a URL is found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Proxy {
    /// Neither the caller nor the environment names one.
    #[default]
    None,
    /// The caller wants none, although the environment names one.
    Off,
    /// One proxy for every URL.
    Fixed(Url),
    /// By environment variables.
    Environment(Variables),
}

/// The environment variables of proxies. Empty ones count as unset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Variables {
    pub http: Option<Variable>,
    pub https: Option<Variable>,
    pub all: Option<Variable>,
    pub no: Option<Variable>,
    /// Whether `HTTP_PROXY` is set, but ignored because this is a CGI program.
    pub is_cgi: bool,
}

/// An environment variable, under the name by which it is set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variable {
    pub name: &'static str,
    pub value: String,
}

/// The proxy of a URL, and the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    pub proxy: Option<Url>,
    pub reason: Reason<'a>,
}

/// The setting that decides about the proxy of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// Nothing is set for this URL.
    Unset,
    /// The option `proxy` of the caller, a URL or `false`.
    Option,
    /// This variable.
    Variable(&'static str),
    /// An entry of `NO_PROXY`, by the name under which it is set.
    Excluded { name: &'static str, entry: &'a str },
    /// `HTTP_PROXY` is ignored in a CGI program.
    Cgi,
}

impl Proxy {
    /// Returns the proxy of a URL. `Err` is the name of the variable whose value is an invalid
    /// proxy URL.
    pub fn of(&self, url: &Url) -> Result<Option<Url>, &'static str> {
        self.choose(url).map(|choice| choice.proxy)
    }

    /// [`Proxy::of`], with the reason.
    pub fn choose(&self, url: &Url) -> Result<Choice<'_>, &'static str> {
        let direct = |reason| Ok(Choice { proxy: None, reason });
        let variables = match self {
            Self::None => return direct(Reason::Unset),
            Self::Off => return direct(Reason::Option),
            Self::Fixed(proxy) => return Ok(Choice { proxy: Some(proxy.clone()), reason: Reason::Option }),
            Self::Environment(variables) => variables,
        };
        let is_secure = url.scheme() == "https";
        let own = if is_secure { &variables.https } else { &variables.http };
        let Some(Variable { name, value }) = own.as_ref().or(variables.all.as_ref()) else {
            return direct(if variables.is_cgi && !is_secure { Reason::Cgi } else { Reason::Unset });
        };
        if let Some(no) = &variables.no
            && let Some(entry) = exclusion(&no.value, url)
        {
            return direct(Reason::Excluded { name: no.name, entry });
        }
        let proxy = parse(value).ok_or(*name)?;
        Ok(Choice { proxy: Some(proxy), reason: Reason::Variable(name) })
    }
}

/// Reads the URL of a proxy as curl does: the scheme is `http:` by default, `socks:` is `socks4:`,
/// and a user may be `DOMAIN\user`.
pub fn parse(text: &str) -> Option<Url> {
    const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
    let (scheme, rest) = text.trim().split_once("://").unwrap_or(("http", text.trim()));
    let scheme = if scheme.eq_ignore_ascii_case("socks") { "socks4" } else { scheme };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // The URL parser reads a backslash as a slash.
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => format!("{}@{host}", user.replace('\\', "%5C")),
        None => authority.to_owned(),
    };
    let url = Url::parse(&format!("{scheme}://{authority}{path}"));
    url.ok().filter(|url| SCHEMES.contains(&url.scheme()) && url.host_str().is_some_and(|host| !host.is_empty()))
}

/// Whether a proxy receives the requests for a URL themselves, as an HTTP proxy does for `http:`.
/// By SOCKS, and in tunnels to `https:`, it only forwards bytes.
pub fn forwards(proxy: &Url, url: &Url) -> bool {
    matches!(proxy.scheme(), "http" | "https") && url.scheme() == "http"
}

/// Host and port of a proxy for messages, without user and password.
pub fn host_and_port(proxy: &Url) -> String {
    let host = proxy.host_str().unwrap_or_default();
    let port = proxy.port_or_known_default().unwrap_or(SOCKS_PORT);
    format!("{host}:{port}")
}

/// The entry of `NO_PROXY` that matches the host of a URL.
///
/// Entries are `*`, a host with all its subdomains (with or without a leading dot), any of these
/// with a port, an address, or a block of addresses (CIDR), separated by commas and white space.
/// Names are not resolved. As in curl, Go and fetch, `;` is no separator, and `127.*` is no block.
fn exclusion<'list>(list: &'list str, url: &Url) -> Option<&'list str> {
    let port = url.port_or_known_default();
    let (name, address) = match url.host() {
        Some(Host::Domain(name)) => (name.trim_end_matches('.').to_ascii_lowercase(), name.parse().ok()),
        Some(Host::Ipv4(address)) => (String::new(), Some(IpAddr::from(address))),
        Some(Host::Ipv6(address)) => (String::new(), Some(IpAddr::from(address))),
        None => return None,
    };
    let matches = |entry: &&str| {
        let (host, wanted) = split_port(entry);
        if wanted.is_some() && wanted != port {
            return false;
        }
        if host == "*" {
            return true;
        }
        match (address, host.parse::<IpAddr>(), host.parse::<IpNet>()) {
            (Some(address), Ok(entry), _) => address == entry,
            (Some(address), _, Ok(block)) => block.contains(&address),
            (Some(_), ..) => false,
            (None, ..) => {
                let host =
                    host.trim_start_matches('*').trim_start_matches('.').trim_end_matches('.').to_ascii_lowercase();
                !host.is_empty() && name.strip_suffix(&host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    };
    list.split(|character: char| character == ',' || character.is_whitespace())
        .filter(|entry| !entry.is_empty())
        .find(matches)
}

/// Splits `host:80` and `[::1]:80` into host and port. A bare IPv6 address has no port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some(rest) = entry.strip_prefix('[') {
        let (host, port) = rest.split_once(']').unwrap_or((rest, ""));
        return (host, port.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn excluded(list: &str, target: &str) -> bool {
        exclusion(list, &url(target)).is_some()
    }

    #[allow(clippy::unnecessary_wraps, reason = "as a field")]
    fn variable(name: &'static str, value: &str) -> Option<Variable> {
        Some(Variable { name, value: value.to_owned() })
    }

    #[test]
    fn the_scheme_chooses_the_variable_and_all_fills_in() {
        let variables = Variables {
            http: variable("http_proxy", "a:1"),
            all: variable("ALL_PROXY", "socks5://c:3"),
            no: variable("NO_PROXY", "other, direct"),
            ..Variables::default()
        };
        let proxy = Proxy::Environment(variables);
        let by = |proxy: &str, name| Ok(Choice { proxy: Some(url(proxy)), reason: Reason::Variable(name) });
        assert_eq!(proxy.choose(&url("http://x/")), by("http://a:1/", "http_proxy"));
        assert_eq!(proxy.choose(&url("https://x/")), by("socks5://c:3", "ALL_PROXY"));
        let excluded = Reason::Excluded { name: "NO_PROXY", entry: "direct" };
        assert_eq!(proxy.choose(&url("https://direct/")), Ok(Choice { proxy: None, reason: excluded }));
        let broken =
            Proxy::Environment(Variables { https: variable("HTTPS_PROXY", "ftp://x"), ..Variables::default() });
        assert_eq!(broken.of(&url("https://x/")), Err("HTTPS_PROXY"));
        assert_eq!(broken.of(&url("http://x/")), Ok(None));
    }

    #[test]
    fn the_absence_of_a_proxy_has_a_reason_too() {
        let reason = |proxy: &Proxy, target| proxy.choose(&url(target)).map(|choice| format!("{:?}", choice.reason));
        assert_eq!(reason(&Proxy::None, "http://x/").as_deref(), Ok("Unset"));
        assert_eq!(reason(&Proxy::Off, "http://x/").as_deref(), Ok("Option"));
        let cgi = Proxy::Environment(Variables { is_cgi: true, ..Variables::default() });
        assert_eq!(reason(&cgi, "http://x/").as_deref(), Ok("Cgi"));
        assert_eq!(reason(&cgi, "https://x/").as_deref(), Ok("Unset"));
    }

    #[test]
    fn an_invalid_proxy_url_is_refused() {
        for text in ["", " ", "ftp://a", "http://", "http://a b", "://"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(parse("us%40er:p%3Ass@host:8080").unwrap().host_str(), Some("host"));
    }

    #[test]
    fn proxy_urls_are_read_as_curl_reads_them() {
        for (text, expected) in [
            ("host", "http://host/"),
            ("host:8080", "http://host:8080/"),
            (" host:8080\n", "http://host:8080/"),
            ("host:8080/path?query#fragment", "http://host:8080/path?query#fragment"),
            ("HTTP://HOST:8080", "http://host:8080/"),
            ("[::1]:8080", "http://[::1]:8080/"),
            ("user@host", "http://user@host/"),
            ("https://host", "https://host/"),
            ("SOCKS5H://host", "socks5h://host"),
            ("socks://host:9050", "socks4://host:9050"),
            ("u:p@ss@host", "http://u:p%40ss@host/"),
            ("us er:p w@host", "http://us%20er:p%20w@host/"),
        ] {
            assert_eq!(parse(text).as_ref().map(Url::as_str), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn a_user_may_have_a_domain() {
        for text in
            ["DOMAIN\\user:p\\w@host:1", "http://DOMAIN\\user:p\\w@host:1/", "socks5://DOMAIN\\user:p\\w@host:1"]
        {
            let proxy = parse(text).unwrap();
            assert_eq!((proxy.username(), proxy.password()), ("DOMAIN%5Cuser", Some("p%5Cw")), "{text}");
            assert_eq!(host_and_port(&proxy), "host:1");
        }
        assert_eq!(parse("http://host\\user@other").as_ref().and_then(Url::host_str), Some("other"));
    }

    #[test]
    fn only_http_proxies_of_http_urls_forward_requests() {
        for (proxy, target, expected) in [
            ("http://p", "http://x/", true),
            ("https://p", "http://x/", true),
            ("http://p", "https://x/", false),
            ("https://p", "https://x/", false),
            ("socks5://p", "http://x/", false),
            ("socks4a://p", "https://x/", false),
        ] {
            assert_eq!(forwards(&url(proxy), &url(target)), expected, "{proxy} {target}");
        }
    }

    #[test]
    fn no_proxy_lists_hosts_with_their_subdomains() {
        for list in [
            "*",
            "example.com",
            ".example.com",
            "*.example.com",
            "x, EXAMPLE.com",
            "a b example.com.",
            "example.com:443",
            "..example.com",
            "x\nexample.com\r\ny",
            "x,\texample.com\n",
            "x,*",
            "*:443",
        ] {
            assert!(excluded(list, "https://www.example.com/"), "{list}");
        }
        for list in [
            "",
            ",",
            "www",
            "ample.com",
            "example.com:80",
            "10.0.0.0/8",
            "example.org",
            "com.example",
            "example.com;x",
            "x;example.com",
            "http://example.com",
            "*:80",
            ".",
            "*.",
        ] {
            assert!(!excluded(list, "https://www.example.com/"), "{list}");
        }
        assert!(excluded("example.com", "http://example.com./"));
    }

    #[test]
    fn no_proxy_lists_addresses_and_blocks() {
        for list in ["10.1.2.3", "10.0.0.0/8", "10.9.9.9/8", "10.1.2.3:80", "10.0.0.0/8:80", "*", "x\n10.1.2.3"] {
            assert!(excluded(list, "http://10.1.2.3/"), "{list}");
        }
        for list in [
            "10.1.2.30",
            "11.0.0.0/8",
            "10.1.2.3:81",
            ".2.3",
            "1.2.3",
            "10.*",
            "10.1.2.*",
            "10.",
            "10.1.2.3/33",
            "10.0.0.0/8:81",
        ] {
            assert!(!excluded(list, "http://10.1.2.3/"), "{list}");
        }
        for list in ["::1", "[::1]", "[::1]:80", "::/64", "0:0:0:0:0:0:0:1", "x [::1]"] {
            assert!(excluded(list, "http://[::1]/"), "{list}");
        }
        for list in ["::2,fe80::/10", "[::1]:81", "127.0.0.1"] {
            assert!(!excluded(list, "http://[::1]/"), "{list}");
        }
    }
}
