//! `NODE_DEBUG`: which parts of a program tell what they do. Names in a list with commas, in any case; `*` is any text.

use wildmatch::WildMatchPattern;

/// The name of this package there.
pub const SECTION: &str = "socket-registry";

/// Stands in for the sign for one character, which `NODE_DEBUG` does not have.
const NEVER: char = '\u{10ffff}';

pub fn has(sections: &str, section: &str) -> bool {
    let is_match = |name: &str| WildMatchPattern::<'*', NEVER>::new_case_insensitive(name).matches(section);
    sections.split(',').any(|name| !name.contains(NEVER) && is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_listed_in_any_case_and_with_stars() {
        for (sections, expected) in [
            ("", false),
            ("socket-registry", true),
            ("http,Socket-Registry", true),
            ("socket-*", true),
            ("*", true),
            ("socket", false),
            ("socket?registry", false),
            ("socket-registry2,tls", false),
        ] {
            assert_eq!(has(sections, SECTION), expected, "{sections}");
        }
    }
}
