//! The cost of one decision of `policy/`, and of the digests of `io/file/`. Run it with
//! `cargo bench --no-default-features --bench decisions`.
//!
//! A request makes a handful of decisions. Together they should take far less than one of the
//! thirty or so microseconds of a request.
#![allow(missing_docs, reason = "a program")]

use std::time::{Duration, SystemTime};

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use socketsecurity_registry::base::integrity::{Algorithm, parse_integrity};
use socketsecurity_registry::base::lock_holder::Holder;
use socketsecurity_registry::base::options::{Redirects, Retry};
use socketsecurity_registry::base::proxy::{Proxy, Variable, Variables};
use socketsecurity_registry::io::file::digest::Hashers;
use socketsecurity_registry::policy::http::headers;
use socketsecurity_registry::policy::http::redirect::{self, RequestHead};
use socketsecurity_registry::policy::http::resume;
use socketsecurity_registry::policy::http::retry::{self, AttemptFailure};
use socketsecurity_registry::policy::text::checksum_file;
use url::Url;

fn main() {
    divan::main();
}

#[divan::bench]
fn whether_to_retry(bencher: Bencher) {
    let policy = Retry { retries: 3, ..Retry::default() };
    let failure = AttemptFailure::Status { status: 503, retry_after: None };
    bencher.bench(|| retry::decide(black_box(&policy), &Method::GET, 1, black_box(failure), 0.5));
}

#[divan::bench]
fn retry_after_as_a_date(bencher: Bencher) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_000);
    bencher.bench(|| retry::retry_after(black_box("Wed, 21 Oct 2015 07:28:00 GMT"), now));
}

#[divan::bench]
fn no_redirect(bencher: Bencher) {
    let (policy, request, fields) = (Redirects::default(), request(), response_fields());
    bencher.bench(|| redirect::decide(&policy, 0, black_box(&request), StatusCode::OK, &fields));
}

#[divan::bench]
fn redirect_to_another_origin(bencher: Bencher) {
    let (policy, request, mut fields) = (Redirects::default(), request(), response_fields());
    fields.insert(header::LOCATION, HeaderValue::from_static("https://objects.example.org/tool?signature=1"));
    bencher.bench(|| redirect::decide(&policy, 0, black_box(&request), StatusCode::FOUND, &fields));
}

#[divan::bench]
fn which_proxy(bencher: Bencher) {
    let variable = |name, value: &str| Some(Variable { name, value: value.to_owned() });
    let proxy = Proxy::Environment(Variables {
        https: variable("https_proxy", "http://proxy.example.net:3128"),
        no: variable("no_proxy", "localhost,127.0.0.0/8,.internal.example.net"),
        ..Variables::default()
    });
    let url = request().url;
    bencher.bench(|| proxy.of(black_box(&url)).map(|proxy| proxy.is_some()));
}

#[divan::bench]
fn whole_response_to_a_download(bencher: Bencher) {
    let fields = response_fields();
    bencher.bench(|| resume::decide(None, StatusCode::OK, black_box(&fields), Some(1026)));
}

#[divan::bench]
fn lock_file(bencher: Bencher) {
    let holder = br#"{"pid":1234,"startTime":1700000000000,"url":"https://example.com/tool","host":"build-7"}"#;
    bencher.bench(|| Holder::parse(black_box(holder)));
}

#[divan::bench]
fn integrity(bencher: Bencher) {
    let text = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
    bencher.bench(|| parse_integrity(black_box(text)));
}

#[divan::bench]
fn checksum_file_of_a_release(bencher: Bencher) {
    let line = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  tool-linux-x64.tar.gz\n";
    let text = line.repeat(20);
    bencher.counter(BytesCount::of_str(&text)).bench(|| checksum_file::parse(black_box(&text)).count());
}

/// The header fields as JavaScript receives them, before napi makes an object of them.
#[divan::bench]
fn fields_for_javascript(bencher: Bencher) {
    let fields = response_fields();
    bencher.bench(|| headers::joined(black_box(&fields)).count());
}

#[divan::bench(args = [Algorithm::Sha256, Algorithm::Sha512])]
fn digest_of_64_kib(bencher: Bencher, algorithm: Algorithm) {
    let bytes = vec![7; 64 << 10];
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| {
        let mut hashers = Hashers::new([algorithm]);
        hashers.update(black_box(&bytes));
        hashers.finish()
    });
}

fn request() -> RequestHead {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let url = Url::parse("https://api.example.com/v1/packages?limit=10").expect("a URL");
    RequestHead { method: Method::GET, url, headers, with_body: false }
}

/// As nginx sends them.
fn response_fields() -> HeaderMap {
    const FIELDS: [(&str, &str); 8] = [
        ("server", "nginx/1.22.1"),
        ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("content-type", "application/json"),
        ("content-length", "1026"),
        ("last-modified", "Wed, 21 Oct 2015 07:00:00 GMT"),
        ("connection", "keep-alive"),
        ("etag", "\"56273a90-402\""),
        ("accept-ranges", "bytes"),
    ];
    let field = |(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value));
    FIELDS.into_iter().map(field).collect()
}
