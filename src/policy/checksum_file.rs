//! Lists of SHA-256 digests, as `sha256sum` and BSD's `shasum --tag` write them.

use crate::policy::integrity::parse_sha256;

/// Names and digests (Subresource Integrity), in the order of the file. Lines of any other form are skipped.
pub fn parse(text: &str) -> Vec<(String, String)> {
    text.trim_start_matches('\u{feff}').lines().filter_map(entry).collect()
}

fn entry(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let (name, hex) = tagged(line).or_else(|| plain(line))?;
    Some((name.to_owned(), parse_sha256(hex)?.sri())).filter(|(name, _)| !name.is_empty())
}

/// `SHA256 (name) = <hex>`
fn tagged(line: &str) -> Option<(&str, &str)> {
    let (name, hex) = line.strip_prefix("SHA256 (")?.rsplit_once(") = ")?;
    Some((name, hex.trim()))
}

/// `<hex>  name`; `*` before the name says that the file was read as binary.
fn plain(line: &str) -> Option<(&str, &str)> {
    let (hex, name) = line.split_once([' ', '\t'])?;
    let name = name.trim_start();
    Some((name.strip_prefix('*').unwrap_or(name), hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_the_rest_is_skipped() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let sri = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let text = format!(
            "\u{feff}# sums\r\n{hex}  a b.tgz\r\n{} *./c\n\nSHA256 (d (1)) = {hex}\nMD5 (x) = {hex}\n{hex}\n{hex}  \n{}  short\n{hex}  __proto__",
            hex.to_uppercase(),
            &hex[1..]
        );
        let names: Vec<_> = parse(&text).into_iter().map(|(name, digest)| (name, digest == sri)).collect();
        let expected = ["a b.tgz", "./c", "d (1)", "__proto__"].map(|name| (name.to_owned(), true));
        assert_eq!(names, expected);
    }
}
