//! The trusted certificates: those of the caller and of the caller's environment, those of the
//! system, and Mozilla's, which are bundled.
//!
//! The system's certificates are read only when they are needed, once in the life of the process.
//! Nothing here fails: a file that cannot be read or used becomes a complaint, which is appended to
//! the error of an untrusted server.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::{CertificateDer, TrustAnchor};
use webpki_roots::TLS_SERVER_ROOTS;
use x509_cert::der::Decode;
use x509_cert::der::asn1::AnyRef;

use crate::base::options::Tls;
use crate::io::http::tls::pem::{self, Bundle};
use crate::policy::tls::certificate::Certificate;
use crate::policy::tls::source::{Origin, Source};

/// Files with all roots on Debian, Fedora and RHEL, SUSE, Alpine and others. The first that exists
/// is used.
#[cfg(all(unix, not(target_os = "macos")))]
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
];

/// Trusted certificates, prepared for verification.
#[derive(Debug)]
pub struct Roots {
    /// The self-signed certificates, followed by the others. The first anchors belong to the
    /// self-signed ones, in the same order.
    certificates: Vec<Arc<Certificate>>,
    self_signed: usize,
    by_subject: HashMap<Vec<u8>, Vec<usize>>,
    /// The anchors of the self-signed certificates, followed by the bundled ones.
    pub anchors: Vec<TrustAnchor<'static>>,
    /// Trusted certificates that are not self-signed. They can complete a chain that the server
    /// sends without them.
    pub intermediates: Vec<CertificateDer<'static>>,
    pub sources: Vec<Source>,
    pub complaints: Vec<String>,
}

impl Roots {
    fn new(all: impl Iterator<Item = Arc<Certificate>>, sources: Vec<Source>, mut complaints: Vec<String>) -> Self {
        let mut seen = HashSet::new();
        let (mut certificates, mut others, mut anchors) = (Vec::new(), Vec::new(), Vec::new());
        for certificate in all {
            if !seen.insert(certificate.der.clone()) {
                continue;
            }
            if !certificate.is_self_signed() {
                others.push(certificate);
                continue;
            }
            match webpki::anchor_from_trusted_cert(&CertificateDer::from(certificate.der.as_slice())) {
                Ok(anchor) => {
                    anchors.push(anchor.to_owned());
                    certificates.push(certificate);
                }
                Err(error) => complaints.push(format!("{} cannot be used: {error}", certificate.display_subject())),
            }
        }
        let intermediates = others.iter().map(|each| CertificateDer::from(each.der.clone())).collect();
        let self_signed = certificates.len();
        certificates.extend(others);
        let mut by_subject = HashMap::<_, Vec<_>>::new();
        for (index, certificate) in certificates.iter().enumerate() {
            by_subject.entry(certificate.subject.clone()).or_default().push(index);
        }
        anchors.extend_from_slice(TLS_SERVER_ROOTS);
        Self { certificates, self_signed, by_subject, anchors, intermediates, sources, complaints }
    }

    /// The certificates that the options name, and the bundled ones. Never fails: one bad variable
    /// must not disable all of TLS.
    pub fn of(options: &Tls) -> Self {
        let mut all = Bundle::default();
        let mut sources = Vec::new();
        let mut add = |origin: Origin, bundle: Bundle| {
            match sources.last_mut() {
                // The texts of the caller are one source.
                Some(Source { origin: last, certificates }) if *last == origin => {
                    *certificates += bundle.certificates.len();
                }
                _ => sources.push(Source { origin, certificates: bundle.certificates.len() }),
            }
            all.add(bundle);
        };
        for (index, pem) in options.ca.iter().enumerate() {
            let name = if options.ca.len() == 1 { "`ca`".to_owned() } else { format!("`ca[{index}]`") };
            add(Origin::Option, pem::read(pem.as_bytes(), &name));
        }
        // Variables often name the system's own paths, which are read only when they are needed.
        for file in options.files.iter().filter(|file| system_file() != Some(file.as_path())) {
            add(Origin::Path(file.clone()), read_file(file));
        }
        for directory in options.directories.iter().filter(|path| !system_paths().contains(&path.as_path())) {
            add(Origin::Path(directory.clone()), read_directory(directory));
        }
        add(Origin::Bundled, Bundle::default());
        if let Some(bundled) = sources.last_mut() {
            bundled.certificates = TLS_SERVER_ROOTS.len();
        }
        Self::new(all.certificates.into_iter().map(Arc::new), sources, all.complaints)
    }

    /// Adds the system's certificates: those of its bundle, or all of them.
    pub fn with_system(&self, is_whole: bool) -> Self {
        let system = if is_whole { system_directories() } else { system_bundle() };
        let mut sources = self.sources.clone();
        sources.push(Source { origin: Origin::System(system_file().map(Path::to_owned)), certificates: system.len() });
        Self::new(self.certificates.iter().chain(system).cloned(), sources, self.complaints.clone())
    }

    /// The certificate of an anchor of [`anchors`](Self::anchors); `None` if it is bundled.
    pub fn certificate_of(&self, anchor: &TrustAnchor<'_>) -> Option<&Certificate> {
        let own = self.anchors.get(..self.self_signed)?;
        let index = own.iter().position(|each| std::ptr::eq(each, anchor))?;
        self.certificates.get(index).map(AsRef::as_ref)
    }

    /// Trusted certificates that may have issued this one.
    pub fn issuers_of(&self, certificate: &Certificate) -> impl Iterator<Item = &Certificate> {
        let found = self.by_subject.get(&certificate.issuer).map(Vec::as_slice).unwrap_or_default();
        found.iter().map(|&index| &*self.certificates[index])
    }

    /// Finds the same certificate among the trusted ones.
    pub fn find(&self, certificate: &Certificate) -> Option<&Certificate> {
        let found = self.by_subject.get(&certificate.subject)?;
        found.iter().map(|&index| &*self.certificates[index]).find(|each| each.der == certificate.der)
    }

    /// Whether a bundled root has the name of the issuer.
    pub fn is_issued_by_bundled(&self, certificate: &Certificate) -> bool {
        // Anchors store the content of a name without its tag and length.
        let Ok(name) = AnyRef::from_der(&certificate.issuer) else { return false };
        self.anchors[self.self_signed..].iter().any(|anchor| *anchor.subject == *name.value())
    }
}

impl Bundle {
    fn add(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
        self.complaints.extend(other.complaints);
    }
}

fn read_file(path: &Path) -> Bundle {
    match fs::read(path) {
        Ok(text) => pem::read(&text, &path.display().to_string()),
        Err(error) => {
            let why = format!("{} cannot be read: {error}", path.display());
            Bundle { complaints: vec![why], ..Bundle::default() }
        }
    }
}

/// Reads the files whose names are those of OpenSSL's hashed directories, such as `5ed36f99.0`.
fn read_directory(path: &Path) -> Bundle {
    let mut bundle = Bundle::default();
    match fs::read_dir(path) {
        Ok(entries) => {
            let is_hashed = |name: &str| {
                let parts = name.split_once('.');
                parts.is_some_and(|(hash, number)| {
                    hash.len() == 8
                        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
                        && number.bytes().all(|byte| byte.is_ascii_digit())
                })
            };
            let entries = entries.flatten();
            let mut paths: Vec<PathBuf> = entries
                .filter(|entry| entry.file_name().to_str().is_some_and(is_hashed))
                .map(|entry| entry.path())
                .collect();
            paths.sort_unstable();
            for path in paths.iter().filter(|path| path.is_file()) {
                bundle.add(read_file(path));
            }
        }
        Err(error) => bundle.complaints.push(format!("{} cannot be read: {error}", path.display())),
    }
    bundle
}

/// The certificates of the system's bundle file, or of its certificate store where there is no such
/// file.
fn system_bundle() -> &'static [Arc<Certificate>] {
    static READ: OnceLock<Vec<Arc<Certificate>>> = OnceLock::new();
    READ.get_or_init(|| read_system_bundle().into_iter().map(Arc::new).collect())
}

/// The certificates of [`system_bundle`], and those that are only in the system's directories.
fn system_directories() -> &'static [Arc<Certificate>] {
    static READ: OnceLock<Vec<Arc<Certificate>>> = OnceLock::new();
    READ.get_or_init(|| {
        let bundle = system_bundle();
        let known: HashSet<_> = bundle.iter().map(|each| &each.der).collect();
        let found = system_paths().into_iter().flat_map(|path| read_directory(path).certificates);
        let more = found.filter(|each| !known.contains(&each.der));
        bundle.iter().cloned().chain(more.map(Arc::new)).collect()
    })
}

#[cfg(all(unix, not(target_os = "macos")))]
fn system_file() -> Option<&'static Path> {
    BUNDLES.iter().map(Path::new).find(|path| path.exists())
}

#[cfg(all(unix, not(target_os = "macos")))]
fn system_paths() -> Vec<&'static Path> {
    openssl_probe::candidate_cert_dirs().collect()
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn system_file() -> Option<&'static Path> {
    None
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn system_paths() -> Vec<&'static Path> {
    Vec::new()
}

fn read_system_bundle() -> Vec<Certificate> {
    #[cfg(any(not(unix), target_os = "macos"))]
    {
        let found = rustls_native_certs::load_native_certs().certs;
        found.iter().filter_map(|der| Certificate::parse(der)).collect()
    }
    #[cfg(all(unix, not(target_os = "macos")))]
    {
        system_file().map(|path| read_file(path).certificates).unwrap_or_default()
    }
}
