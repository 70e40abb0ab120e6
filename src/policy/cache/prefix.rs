//! Prefixes in which `*` is any number of characters, and nothing else is special.

use wildmatch::WildMatchPattern;

/// The crate wants a sign for one character, too. This one is none that Unicode will ever assign, and is told apart before.
const NEVER: char = '\u{10ffff}';

/// What keys and URLs may begin with.
#[derive(Clone, Debug)]
pub struct Prefix(Option<WildMatchPattern<'*', NEVER>>);

impl Prefix {
    pub fn new(prefix: &str) -> Self {
        Self((!prefix.contains(NEVER)).then(|| WildMatchPattern::new(&format!("{prefix}*"))))
    }

    pub fn begins(&self, text: &str) -> bool {
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
            assert_eq!(Prefix::new(prefix).begins(text), begins, "{prefix:?} {text:?}");
        }
    }
}
