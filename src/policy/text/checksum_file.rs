//! Checksum files: file names with their SHA-256.
//!
//! Two formats are read: `<64 hexadecimal digits>  name` of `sha256sum` and `shasum`, with `*`
//! before the name for binary mode, and `SHA256 (name) = <64 hexadecimal digits>` of BSD. Every
//! other line is ignored: such files may have comments, signatures, and digests of other
//! algorithms.
//!
//! - A name may contain anything but line breaks. White space around it is not part of it, and
//!   neither is a leading `./`.
//! - Of several lines for one name, the last counts.

use crate::base::integrity::{Digest, parse_sha256};

/// Reads the file names and their digests, in the order of the lines.
pub fn parse(text: &str) -> impl Iterator<Item = (&str, Digest)> {
    // Editors on Windows write a byte order mark, and carriage returns at the ends of lines.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.split(['\n', '\r']).filter_map(|line| entry(line.trim()))
}

fn entry(line: &str) -> Option<(&str, Digest)> {
    if line.starts_with('#') {
        return None;
    }
    let (name, digest) = tagged(line).or_else(|| listed(line))?;
    let name = without_this_directory(name.trim());
    if name.is_empty() { None } else { Some((name, digest)) }
}

/// Reads `SHA256 (name) = <digest>`. The name may contain parentheses.
fn tagged(line: &str) -> Option<(&str, Digest)> {
    let (name, digest) = line.strip_prefix("SHA256")?.trim_start().strip_prefix('(')?.rsplit_once(')')?;
    Some((name, parse_sha256(digest.trim_start().strip_prefix('=')?)?))
}

/// Reads `<digest>  name`, or `<digest> *name`.
fn listed(line: &str) -> Option<(&str, Digest)> {
    let (digest, name) = line.split_once(char::is_whitespace)?;
    Some((name.strip_prefix('*').unwrap_or(name), parse_sha256(digest)?))
}

fn without_this_directory(mut name: &str) -> &str {
    while let Some(rest) = name.strip_prefix("./") {
        name = rest.trim_start_matches('/');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    const SRI: &str = "sha256-n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";

    /// The names in a text in which every `@` is a digest; each must have that digest.
    fn names(text: &str) -> Vec<String> {
        let text = text.replace('@', HEX);
        let entries = parse(&text).inspect(|(_, digest)| assert_eq!(digest.sri(), SRI));
        entries.map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn both_formats_are_read() {
        assert_eq!(names("@  a.tgz\n@ *b.tgz\nSHA256 (c.tgz) = @\n"), ["a.tgz", "b.tgz", "c.tgz"]);
        assert_eq!(names("SHA256(d)= @\n\t@\te"), ["d", "e"]);
    }

    #[test]
    fn digits_may_be_in_capitals() {
        let text = format!("{}  a\nSHA256 (b) = {}", HEX.to_uppercase(), HEX.to_uppercase());
        assert_eq!(names(&text), ["a", "b"]);
    }

    #[test]
    fn marks_of_editors_and_systems_are_not_part_of_names() {
        assert_eq!(names("\u{feff}@  a\r\n@  b\r\nSHA256 (c) = @\r\n"), ["a", "b", "c"]);
        assert_eq!(names("@  old\r@  mac"), ["old", "mac"]);
        assert_eq!(names("@  ./a\n@ *././b\nSHA256 (./c/d) = @\n@  .//e"), ["a", "b", "c/d", "e"]);
    }

    #[test]
    fn names_may_be_unusual() {
        assert_eq!(
            names("@  a b  c \nSHA256 (a (1) = b) = @\n@  __proto__\n@  ..\n@  ü\n@  **\n@  #1"),
            ["a b  c", "a (1) = b", "__proto__", "..", "ü", "**", "#1"]
        );
    }

    #[test]
    fn other_lines_are_ignored() {
        let text = "# @  comment\n  # @  comment\n\n   \n@\n@  \n@ *\n@ ./\nSHA256 () = @\nSHA256 (a) @\nSHA256 a = @\n\
            SHA512 (a) = @@\nSHA512/256 (a) = @\nSHA3-256 (a) = @\nMD5 (a) = @\n@@  sha512\n@0  long\nname  @\n\
            -----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256";
        assert_eq!(names(text), [""; 0]);
        let short = &HEX[1..];
        let odd =
            format!("{short}  short\ng{short}  no-digit\nSHA256 (a) = {short}\nSHA256 (a) = g{short}\nü{short}  b");
        assert_eq!(names(&odd), [""; 0]);
    }

    #[test]
    fn every_line_counts_and_the_last_of_a_name_is_last() {
        let other = HEX.replace('9', "1");
        let text = format!("{HEX}  a\n{other}  a\n");
        let digests: Vec<_> = parse(&text).map(|(_, digest)| digest.hex()).collect();
        assert_eq!(digests, [HEX, &other]);
    }
}
