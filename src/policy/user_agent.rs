//! `User-Agent`: products, the nearest first (RFC 9110, 10.1.5).

/// Longest value that is sent, in bytes.
const LENGTH_MAX: usize = 256;

/// Fit to be a field: visible ASCII and single spaces, [`LENGTH_MAX`] at most.
pub fn sanitized(text: &str) -> String {
    let visible = text.chars().map(|it| if it.is_ascii_graphic() { it } else { ' ' }).collect::<String>();
    let mut sanitized = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    sanitized.truncate(LENGTH_MAX);
    sanitized.truncate(sanitized.trim_end().len());
    sanitized
}

/// The name of a package as a product: `@a/b` is `a-b`.
pub fn slug(name: &str) -> String {
    let usable = |it: char| if it.is_ascii_alphanumeric() || "._-".contains(it) { it } else { '-' };
    name.trim_start_matches('@').chars().map(usable).collect()
}

/// The agents of a request, each product once.
pub fn chain(hops: &[&str]) -> String {
    let hops: Vec<_> = hops.iter().map(|hop| sanitized(hop)).collect();
    let mut products: Vec<&str> = Vec::new();
    for product in hops.iter().flat_map(|hop| hop.split(' ')) {
        if !products.contains(&product) {
            products.push(product);
        }
    }
    sanitized(&products.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_sent_is_a_space() {
        assert_eq!(sanitized(" a/1\r\nEvil: x\0\tü b/2 "), "a/1 Evil: x b/2");
        assert_eq!(sanitized(&"x".repeat(300)).len(), 256);
        assert_eq!(sanitized(&format!("{} y", "x".repeat(255))).len(), 255);
    }

    #[test]
    fn a_package_is_a_product() {
        assert_eq!((slug("@socketsecurity/cli").as_str(), slug("a b")), ("socketsecurity-cli", "a-b".to_owned()));
    }

    #[test]
    fn a_hop_is_named_once() {
        assert_eq!(chain(&["a/1 node/v20", "b/2", "b/2", "", "a/1"]), "a/1 node/v20 b/2");
        assert_eq!(chain(&["a/1", "a/10"]), "a/1 a/10");
        assert_eq!(chain(&["b/2 b/2"]), "b/2");
    }
}
