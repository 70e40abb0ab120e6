//! `User-Agent`: products, the nearest first (RFC 9110, 10.1.5).
//!
//! A program that is started by another program appends the name of that one to its own. Each is a
//! *product*: its name and version with the words that belong to it, as in
//! `tool/1.2 node/v22.1.0 linux/x64`. Programs that call each other in turns would make the field
//! longer each time; therefore no product is repeated.

/// Bytes of the longest value that is sent.
const LENGTH_MAX: usize = 256;

/// The platform of a program, in the words of Node's `process`.
#[derive(Debug)]
pub struct Platform {
    /// The version of Node, with its `v`.
    pub node: String,
    pub system: &'static str,
    pub architecture: &'static str,
}

/// Returns the `User-Agent` of this package, followed by the one of the caller.
pub fn default_user_agent(platform: &Platform, caller: Option<&str>) -> String {
    user_agent("socket-registry", env!("CARGO_PKG_VERSION"), platform, caller)
}

/// Returns `<name>/<version> node/<version> <system>/<architecture>`, followed by the `User-Agent`
/// of the caller. `name` and `version` are [tokens](token).
pub fn user_agent(name: &str, version: &str, platform: &Platform, caller: Option<&str>) -> String {
    let Platform { node, system, architecture } = platform;
    chain(&[&format!("{name}/{version} node/{node} {system}/{architecture}"), caller.unwrap_or_default()])
}

/// Returns the name or version of a package as one word of the field, `@a/b` as `a-b`. `None` if no
/// character of it can be sent.
pub fn token(text: &str) -> Option<String> {
    let is_sent = |character: char| character.is_ascii_alphanumeric() || "-._~+".contains(character);
    let words: Vec<_> = text.split(|character| !is_sent(character)).filter(|word| !word.is_empty()).collect();
    Some(words.join("-")).filter(|token| !token.is_empty())
}

/// Returns a text as a field value: visible ASCII and single spaces, `LENGTH_MAX` bytes at most.
pub fn sanitized(text: &str) -> String {
    let mut sanitized = String::new();
    for word in text.split(|character: char| !character.is_ascii_graphic()).filter(|word| !word.is_empty()) {
        if sanitized.len() >= LENGTH_MAX {
            break;
        }
        if !sanitized.is_empty() {
            sanitized.push(' ');
        }
        sanitized.push_str(&word[..word.len().min(LENGTH_MAX)]);
    }
    sanitized.truncate(LENGTH_MAX);
    sanitized.truncate(sanitized.trim_end().len());
    sanitized
}

/// Joins the agents of a request, each product once.
pub fn chain(agents: &[&str]) -> String {
    let mut chained: Vec<String> = Vec::new();
    for product in agents.iter().flat_map(|agent| products(&sanitized(agent))) {
        let is_there =
            |other: &String| other.strip_prefix(&product).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        if !chained.iter().any(is_there) {
            chained.push(product);
        }
    }
    sanitized(&chained.join(" "))
}

/// The products of one agent. `name/version` begins a product; comments, `node/…`, and words
/// without a version belong to the product before them.
fn products(agent: &str) -> Vec<String> {
    let mut products: Vec<String> = Vec::new();
    let mut open_comments = 0_usize;
    for word in agent.split(' ').filter(|word| !word.is_empty()) {
        let begins = open_comments == 0 && is_product(word);
        open_comments = (open_comments + word.matches('(').count()).saturating_sub(word.matches(')').count());
        match products.last_mut() {
            Some(product) if !begins => *product = format!("{product} {word}"),
            _ => products.push(word.to_owned()),
        }
    }
    products
}

/// Whether a word is `name/version`. `linux/x64` is not: no number follows its slash.
fn is_product(word: &str) -> bool {
    let Some((name, version)) = word.split_once('/') else {
        return false;
    };
    let number = version.strip_prefix('v').unwrap_or(version);
    name != "node" && number.starts_with(|character: char| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform() -> Platform {
        Platform { node: "v22.1.0".to_owned(), system: "linux", architecture: "x64" }
    }

    #[test]
    fn the_caller_follows_this_package() {
        let ours = format!("socket-registry/{} node/v22.1.0 linux/x64", env!("CARGO_PKG_VERSION"));
        assert_eq!(default_user_agent(&platform(), None), ours);
        assert_eq!(default_user_agent(&platform(), Some("")), ours);
        assert_eq!(default_user_agent(&platform(), Some("cli/2\r\nX: y")), format!("{ours} cli/2 X: y"));
        assert_eq!(default_user_agent(&platform(), Some(&ours)), ours);
        assert_eq!(default_user_agent(&platform(), Some(&"x".repeat(300))).len(), 256);
    }

    #[test]
    fn names_of_packages_become_words() {
        for (name, expected) in [
            ("@a/b", "a-b"),
            ("plain", "plain"),
            ("with spaces/and\r\nbreaks", "with-spaces-and-breaks"),
            ("1.0.0-rc.1+build", "1.0.0-rc.1+build"),
            ("tïny", "t-ny"),
        ] {
            assert_eq!(token(name).as_deref(), Some(expected));
        }
        for nothing in ["", "@", "@/", " ", "ü"] {
            assert_eq!(token(nothing), None);
        }
    }

    #[test]
    fn characters_that_cannot_be_sent_become_spaces() {
        assert_eq!(sanitized(" a/1\r\nEvil: x\0\tü b/2 "), "a/1 Evil: x b/2");
        assert_eq!(sanitized(&"x".repeat(300)).len(), 256);
        assert_eq!(sanitized(&format!("{} y", "x".repeat(255))).len(), 255);
        assert_eq!(sanitized(&"y ".repeat(1 << 20)).len(), 255);
    }

    #[test]
    fn a_product_is_named_once() {
        assert_eq!(chain(&["a/1 node/v20", "b/2", "b/2", "", "a/1"]), "a/1 node/v20 b/2");
        assert_eq!(chain(&["a/1", "a/10"]), "a/1 a/10");
    }

    #[test]
    fn a_product_inside_a_chain_is_found() {
        let (a, b) = ("a/1 node/v20.0.0 linux/x64", "b/2 node/v20.0.0 linux/x64");
        assert_eq!(chain(&[a, &format!("{b} {a}")]), format!("{a} {b}"));
        assert_eq!(chain(&[&format!("{a} {b} {a} {b}")]), format!("{a} {b}"));
        // The same program on another platform is another product.
        assert_eq!(chain(&[a, "a/1 node/v22.0.0 linux/x64"]), format!("{a} a/1 node/v22.0.0 linux/x64"));
    }

    #[test]
    fn comments_belong_to_their_product() {
        let browser = "Mozilla/5.0 (X11; Gecko/2 rv:1) Gecko/2 Firefox/3";
        assert_eq!(chain(&[browser, "Firefox/3"]), browser);
        assert_eq!(chain(&["odd)) a/1 (", "a/1"]), "odd)) a/1 (");
    }
}
