//! Names of header fields and parameters whose values are secret.
//!
//! One list of names serves for everything: the fields that a redirect drops, the fields that are
//! part of a cache key, and the parameters that are redacted in messages, events, records and logs.
//! A name is split into words, because a part of a word says nothing: `keyboard`, `author` and
//! `tokenizer` are ordinary names.

/// Words of names whose values are secret, in the singular.
const SECRET_WORDS: [&str; 43] = [
    "apikey",
    "assertion",
    "auth",
    "authenticate",
    "authenticated",
    "authentication",
    "authn",
    "authorization",
    "authorized",
    "authz",
    "bearer",
    "cookie",
    "cred",
    "credential",
    "csrf",
    "dpop",
    "hmac",
    "jwe",
    "jws",
    "jwt",
    "key",
    "oauth",
    "otp",
    "pass",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "pat",
    "private",
    "pwd",
    "saml",
    "secret",
    "sess",
    "session",
    "sessid",
    "sid",
    "sig",
    "signature",
    "token",
    "totp",
    "verifier",
    "xsrf",
];

/// Those of [`SECRET_WORDS`] in which no ordinary word ends, so that any word may precede them:
/// `mytoken` is a token.
const SECRET_ENDINGS: [&str; 10] =
    ["apikey", "cookie", "credential", "passphrase", "passwd", "password", "secret", "sessionid", "signature", "token"];

/// Words that are joined with [`SECRET_WORDS`], as in `accesskey`, `samlresponse` and `jsessionid`.
const COMPANIONS: [&str; 59] = [
    "access",
    "account",
    "admin",
    "amz",
    "api",
    "app",
    "art",
    "asp",
    "aws",
    "azure",
    "basic",
    "client",
    "code",
    "db",
    "device",
    "encryption",
    "function",
    "gh",
    "git",
    "github",
    "gitlab",
    "goog",
    "google",
    "hash",
    "header",
    "http",
    "id",
    "j",
    "license",
    "login",
    "machine",
    "master",
    "my",
    "net",
    "new",
    "npm",
    "old",
    "php",
    "proxy",
    "refresh",
    "request",
    "response",
    "root",
    "sas",
    "secure",
    "server",
    "service",
    "set",
    "shared",
    "sign",
    "signing",
    "ssh",
    "storage",
    "subscription",
    "user",
    "value",
    "web",
    "x",
    "your",
];

/// Kinds of codes that are secret. `code` alone is as well: OAuth calls one so. A status code is
/// not.
const SECRET_CODES: [&str; 15] = [
    "access",
    "activation",
    "backup",
    "confirmation",
    "device",
    "grant",
    "invitation",
    "invite",
    "login",
    "mfa",
    "recovery",
    "reset",
    "security",
    "sms",
    "verification",
];

/// Kinds of keys that open nothing.
const PUBLIC_KEYS: [&str; 12] = [
    "cache",
    "dedupe",
    "foreign",
    "group",
    "idempotency",
    "index",
    "partition",
    "primary",
    "public",
    "sort",
    "surrogate",
    "websocket",
];

/// Fields of most requests, which are recognized without splitting their names.
const COMMON_FIELDS: [&str; 12] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-length",
    "content-type",
    "host",
    "if-modified-since",
    "if-none-match",
    "range",
    "referer",
    "user-agent",
];

/// Whether the value of a header field, query parameter or the like is secret, by its name.
pub fn is_credential_name(name: &str) -> bool {
    if COMMON_FIELDS.contains(&name) {
        return false;
    }
    // Names of fields are in lower case. Names of parameters may be in any case, which servers may
    // ignore: `ToKen` is a token.
    let has_capitals = name.bytes().any(|byte| byte.is_ascii_uppercase());
    is_secret(&words(name, false)) || (has_capitals && is_secret(&words(name, true)))
}

fn is_secret(words: &[String]) -> bool {
    let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let (opens_nothing, is_code) = (any(&PUBLIC_KEYS), any(&["code", "codes"]));
    let name = words.strip_prefix(&["x".to_owned()]).unwrap_or(words);
    // The API keys of Artifactory have no other name.
    if name.iter().map(String::as_str).eq(["jfrog", "art", "api"]) {
        return true;
    }
    // Some payment services call a signature `sign`; in longer names it is a verb.
    if let [only] = name
        && matches!(only.as_str(), "code" | "sign")
    {
        return true;
    }
    (is_code && any(&SECRET_CODES))
        || words.iter().any(|word| match singular(word) {
            "key" => !opens_nothing,
            word => is_secret_word(word),
        })
}

fn singular(word: &str) -> &str {
    word.strip_suffix('s').filter(|word| SECRET_WORDS.contains(word)).unwrap_or(word)
}

fn is_secret_word(word: &str) -> bool {
    const ORDINARY: [&str; 1] = ["keycode"];
    let ends = |word: &str| SECRET_ENDINGS.iter().any(|ending| word.ends_with(ending));
    !ORDINARY.contains(&word)
        && (SECRET_WORDS.contains(&word)
            || ends(word)
            || word.strip_suffix('s').is_some_and(ends)
            || (word.len() <= COMPOUND_MAX && is_compound(word, false)))
}

/// Bytes of the longest word that is taken apart: the search is exponential.
const COMPOUND_MAX: usize = 40;

/// Whether a word consists of known words, and one of them is secret.
fn is_compound(rest: &str, is_secret: bool) -> bool {
    if rest.is_empty() || rest == "s" {
        return is_secret;
    }
    let continues = |word: &&str, secret| rest.strip_prefix(word).is_some_and(|rest| is_compound(rest, secret));
    SECRET_WORDS.iter().any(|word| continues(word, true)) || COMPANIONS.iter().any(|word| continues(word, is_secret))
}

/// The words of a name in lower case: runs of letters, which `by_capitals` also splits before
/// capitals.
fn words(name: &str, by_capitals: bool) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = name.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let begins = by_capitals
            && character.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                // In `SAMLResponse` the last capital before a small letter begins a word.
                || (before.is_ascii_uppercase() && characters.peek().is_some_and(char::is_ascii_lowercase)));
        if (begins || !character.is_alphabetic()) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if character.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.push(character.to_ascii_lowercase());
        }
        before = character;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::too_many_lines, reason = "a table")]
    #[test]
    fn names_of_secrets_are_recognized_by_their_words() {
        for name in [
            // Words by themselves, in singular and plural.
            "auth",
            "authorization",
            "Authorization",
            "proxy-authorization",
            "oauth",
            "authentication",
            "cookie",
            "cookie2",
            "set-cookie",
            "credential",
            "x-credentials",
            "key",
            "keys",
            "x-functions-key",
            "password",
            "passwords",
            "passwd",
            "pwd",
            "x-pwd",
            "pass",
            "passphrase",
            "x-passphrase",
            "secret",
            "secrets",
            "token",
            "tokens",
            "otp",
            "npm-otp",
            "session",
            "sid",
            "connect.sid",
            "sig",
            "signature",
            "hmac",
            "code",
            "jwt",
            "x-jwt",
            "saml",
            "dpop",
            "DPoP",
            "private",
            "bearer",
            "x-pat",
            "Private-Token",
            "user[password]",
            "Key-Pair-Id",
            "x_csrf",
            "client_assertion",
            "sign",
            // Capitals, digits and other separators.
            "accessToken",
            "AccessToken",
            "ACCESS_TOKEN",
            "X-Amz-Signature",
            "X-Amz-Credential",
            "X-Amz-Security-Token",
            "AWSAccessKeyId",
            "token2",
            "oauth2",
            "oauth_verifier",
            "api.key",
            "ToKen",
            "apiKEY",
            "SAMLResponse",
            "SAMLart",
            "codeVerifier",
            "X-Code",
            "X-JFrog-Art-Api",
            // Written together.
            "apikey",
            "x-accesskey",
            "x-privatekey",
            "accesskey",
            "samlresponse",
            "JSESSIONID",
            "jsessionid",
            "PHPSESSID",
            "phpsessid",
            "sessionid",
            "ASP.NET_SessionId",
            "mytoken",
            "xauthtoken",
            "clientsecret",
            "authcode",
            "idtoken",
            "privatetoken",
            "authtokens",
            "apikeys",
            "usersecret",
            "x-authuser",
            // Codes that open something.
            "auth-code",
            "auth_code",
            "code_verifier",
            "device_code",
            "access-code",
            "verificationCode",
            "passcode",
            "reset_code",
        ] {
            assert!(is_credential_name(name), "{name}");
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a list")]
    fn ordinary_names_are_no_secrets() {
        for name in [
            "",
            "accept",
            "content-type",
            "range",
            "if-range",
            "user-agent",
            "x-request-id",
            "host",
            "keyboard",
            "keyword",
            "author",
            "authors",
            "coAuthor",
            "authority",
            "code-of-conduct",
            "country-code",
            "status-code",
            "x-status-code",
            "statusCode",
            "zip_code",
            "postcode",
            "barcode",
            "qrcode",
            "encode",
            "decoder",
            "tokenizer",
            "tokenize",
            "monkey",
            "turkey",
            "hockey",
            "sidebar",
            "inside",
            "signal",
            "design",
            "assign",
            "x-signed",
            "X-Amz-SignedHeaders",
            "sessionless",
            "obsession",
            "possession",
            "secretary",
            "passport",
            "passage",
            "bypass",
            "compass",
            "compatible",
            "path",
            "patch",
            "pattern",
            "authored",
            "side",
            "residue",
            "consider",
            "president",
            "etag",
            "idempotency-key",
            "Idempotency-Key",
            "x-cache-key",
            "surrogate-key",
            "sec-websocket-key",
            "public_key",
            "partitionKey",
            "primary-key",
            "foreign-keys",
            "cookieless",
            "pkg",
            "version",
            "x-api-version",
            "apiVersion",
            "client-id",
            "client_id",
            "user",
            "x-forwarded-for",
            "keycode",
            "__proto__",
            "1",
            "größe",
        ] {
            assert!(!is_credential_name(name), "{name}");
        }
    }

    #[test]
    fn a_name_of_any_length_is_judged_at_once() {
        assert!(!is_credential_name(&"x".repeat(1 << 20)));
        assert!(!is_credential_name(&"x-a".repeat(1 << 18)));
        // It can be taken apart in many ways, none of which reaches its end.
        assert!(!is_credential_name(&format!("{}q", "setsession".repeat(3))));
    }
}
