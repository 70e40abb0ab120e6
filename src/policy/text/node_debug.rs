//! `NODE_DEBUG`: the parts of a program that write debug output. The value is a list of names in
//! any case, separated by commas; `*` matches any text.

use wildmatch::WildMatchPattern;

/// The name of this package in `NODE_DEBUG`.
pub const SECTION: &str = "socket-registry";

/// The wildcard for one character, which the crate requires and `NODE_DEBUG` does not have. Unicode
/// will never assign this character.
const UNASSIGNED: char = '\u{10ffff}';

/// Whether the list `sections` contains `section`.
pub fn is_enabled(sections: &str, section: &str) -> bool {
    let is_match = |name: &str| WildMatchPattern::<'*', UNASSIGNED>::new_case_insensitive(name).matches(section);
    sections.split(',').any(|name| !name.contains(UNASSIGNED) && is_match(name))
}

/// A line in the format of Node.js's `util.debuglog`.
pub fn line(pid: u32, text: &str) -> String {
    format!("{} {pid}: {text}\n", SECTION.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_look_like_those_of_node() {
        assert_eq!(line(12, "GET http://a/: 200 OK"), "SOCKET-REGISTRY 12: GET http://a/: 200 OK\n");
    }

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
            assert_eq!(is_enabled(sections, SECTION), expected, "{sections}");
        }
    }
}
