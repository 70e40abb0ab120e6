//! Prefixes of keys and URLs, in which `*` matches any number of characters and nothing else is
//! special.

use wildmatch::WildMatchPattern;

/// The wildcard for one character, which the crate requires. Unicode will never assign this
/// character, and a prefix with it matches nothing.
const UNASSIGNED: char = '\u{10ffff}';

/// A prefix with wildcards.
#[derive(Clone, Debug)]
pub struct Prefix(Option<WildMatchPattern<'*', UNASSIGNED>>);

impl Prefix {
    pub fn new(prefix: &str) -> Self {
        Self((!prefix.contains(UNASSIGNED)).then(|| WildMatchPattern::new(&format!("{prefix}*"))))
    }

    /// Whether a text begins with this prefix.
    pub fn is_prefix_of(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|pattern| pattern.matches(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_star_is_special() {
        for (prefix, text, begins) in [
            ("", "anything", true),
            ("a", "a", true),
            ("a", "ab", true),
            ("a", "ba", false),
            ("*b", "aab", true),
            ("a*c", "abbcd", true),
            ("a?", "ab", false),
            ("a?", "a?x", true),
            ("a\0", "ab", false),
            ("a\u{10ffff}", "ab", false),
            ("[ab]", "a", false),
            ("***", "", true),
        ] {
            assert_eq!(Prefix::new(prefix).is_prefix_of(text), begins, "{prefix:?} {text:?}");
        }
    }
}
