//! The one error type of the crate.
//!
//! An [`Error`] has a `kind`, a `message` for people, and the properties that a program switches
//! on: `code`, `status`, `attempts`, `syscall`, `path`, `url`. The code is Node's where Node has
//! one; the table `Kind::code` has the others. URLs enter an error only through [`redacted`], so
//! that no message can contain a password.
//!
//! [`Error::is_retryable`] is the one place that decides whether a failure is transient. The retry
//! policy adds only its rules about methods, statuses and counts.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::base::lock_holder::Holder;
pub use crate::base::redact::{redacted, redacted_text};
use crate::base::status::is_transient;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of a failure: one for each way in which a caller would react.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An argument has the wrong type.
    ArgumentType,
    /// An argument has the right type and an impossible value.
    ArgumentValue,
    /// The URL cannot be parsed, or is neither http nor https.
    InvalidUrl,
    /// Name resolution, connection or exchange of bytes failed.
    Network,
    /// The head of a response is too large or malformed, or TLS with the server is not possible.
    /// Not transient: the next attempt would end in the same way.
    Unsupported,
    /// The HTTP client of the host program does not send the request, and would not if it were
    /// repeated.
    Refused,
    /// The certificate of the server was not accepted.
    Certificate,
    /// The time limit of an attempt was exceeded.
    Timeout,
    /// The response has a status that the caller treats as an error.
    Status,
    /// More redirects than allowed.
    TooManyRedirects,
    /// A redirect that must not be followed.
    RedirectRefused,
    /// The body is shorter or longer than the announced length.
    BodyLength,
    /// The body is larger than the caller allows.
    BodyTooLarge,
    /// The body is invalid in its content coding.
    Decode,
    /// A file does not have the digest that the caller expects.
    Integrity,
    /// A body that should be JSON is not JSON.
    Json,
    /// A body is longer than a string of JavaScript can be.
    TextTooLong,
    /// A file or directory could not be used.
    File,
    /// None of several sources of a download had its bytes.
    AllSourcesFailed,
    /// Another process held the lock for longer than the caller was willing to wait.
    LockTimeout,
    /// The caller aborted the operation.
    Aborted,
    /// A defect of this library, caught before it could crash Node.
    Internal,
}

impl Kind {
    /// The code of errors without a code of the operating system or of TLS.
    const fn code(self) -> &'static str {
        match self {
            Self::ArgumentType => "ERR_INVALID_ARG_TYPE",
            Self::ArgumentValue => "ERR_INVALID_ARG_VALUE",
            Self::InvalidUrl => "ERR_INVALID_URL",
            Self::Network => "ECONNRESET",
            Self::Unsupported => "EPROTO",
            Self::Refused => "ERR_TRANSPORT",
            Self::Certificate => "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            Self::Timeout => "ERR_TIMEOUT",
            Self::Status => "ERR_HTTP_STATUS",
            Self::TooManyRedirects => "ERR_TOO_MANY_REDIRECTS",
            Self::RedirectRefused => "ERR_REDIRECT_REFUSED",
            Self::BodyLength => "ERR_BODY_LENGTH",
            Self::BodyTooLarge => "ERR_BODY_TOO_LARGE",
            Self::Decode | Self::Json => "ERR_DECODE",
            Self::TextTooLong => "ERR_STRING_TOO_LONG",
            Self::Integrity => "ERR_INTEGRITY",
            Self::File => "EIO",
            Self::AllSourcesFailed => "ERR_ALL_SOURCES_FAILED",
            Self::LockTimeout => "ERR_LOCK_TIMEOUT",
            Self::Aborted => "ABORT_ERR",
            Self::Internal => "ERR_INTERNAL",
        }
    }
}

/// See the [module](self) documentation.
///
/// Boxed, because results pass through many layers and errors are rare. `Clone`, because callers
/// who share one download also share its failure.
#[derive(Clone, Debug)]
pub struct Error(Box<Details>);

/// The properties of an [`Error`]. `None` means unknown or not applicable.
#[derive(Clone, Debug)]
pub struct Details {
    pub kind: Kind,
    pub message: String,
    pub code: &'static str,
    /// Redacted.
    pub url: Option<String>,
    pub status: Option<u16>,
    /// Attempts that were made, from 1.
    pub attempts: Option<u32>,
    pub syscall: Option<&'static str>,
    pub path: Option<PathBuf>,
    /// The wait that the server asked for in `Retry-After`.
    pub retry_after: Option<Duration>,
    pub lock_path: Option<PathBuf>,
    pub holder: Option<Holder>,
    /// The text of the underlying error.
    pub cause: Option<String>,
    /// The errors of several sources, in order. The first is the cause.
    pub errors: Vec<Error>,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            message: message.into(),
            code: kind.code(),
            url: None,
            status: None,
            attempts: None,
            syscall: None,
            path: None,
            retry_after: None,
            lock_path: None,
            holder: None,
            cause: None,
            errors: Vec::new(),
        }))
    }

    /// The error of an operation that the caller aborted.
    pub fn aborted() -> Self {
        Self::new(Kind::Aborted, "The operation was aborted")
    }

    /// The error of an argument that has the right type and an impossible value.
    pub fn argument(name: &str, rule: &str, received: impl fmt::Display) -> Self {
        const RECEIVED_MAX: usize = 200;
        let received = received.to_string();
        let received = match received.char_indices().nth(RECEIVED_MAX) {
            Some((end, _)) => format!("{}…", &received[..end]),
            None => received,
        };
        Self::new(Kind::ArgumentValue, format!("The argument \"{name}\" {rule}. Received {received}"))
    }

    /// The error of a file system call: `Failed to write file: rename '<path>': … (EACCES)`.
    pub fn file(failure: &str, syscall: &'static str, path: &Path, error: &io::Error) -> Self {
        let code = io_code(error).unwrap_or(Kind::File.code());
        let message = format!("{failure}: {syscall} '{}': {} ({code})", path.display(), without_number(error));
        Self::new(Kind::File, message).with_code(code).with_syscall(syscall).with_path(path).with_cause(error)
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn details(&self) -> &Details {
        &self.0
    }

    pub fn into_details(self) -> Details {
        *self.0
    }

    /// Whether the same operation may succeed later, without a change by the caller.
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            Kind::Network | Kind::Timeout | Kind::BodyLength => true,
            Kind::Status => self.0.status.is_some_and(is_transient),
            Kind::AllSourcesFailed => self.0.errors.iter().any(Self::is_retryable),
            _ => false,
        }
    }

    /// Whether a file differed from the expected digests, at one source at least.
    pub fn concerns_integrity(&self) -> bool {
        self.0.kind == Kind::Integrity || self.0.errors.iter().any(Self::concerns_integrity)
    }

    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.0.code = code;
        self
    }

    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    #[must_use]
    pub fn with_url(mut self, url: &Url) -> Self {
        self.0.url = Some(redacted(url));
        self
    }

    #[must_use]
    pub fn with_status(mut self, status: u16, retry_after: Option<Duration>) -> Self {
        self.0.status = Some(status);
        self.0.retry_after = retry_after;
        self
    }

    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = Some(attempts);
        self
    }

    #[must_use]
    pub fn with_syscall(mut self, syscall: &'static str) -> Self {
        self.0.syscall = Some(syscall);
        self
    }

    #[must_use]
    pub fn with_path(mut self, path: &Path) -> Self {
        self.0.path = Some(path.to_owned());
        self
    }

    #[must_use]
    pub fn with_cause(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    #[must_use]
    pub fn with_errors(mut self, errors: Vec<Self>) -> Self {
        self.0.errors = errors;
        self
    }

    #[must_use]
    pub fn with_lock(mut self, path: &Path, holder: Option<Holder>) -> Self {
        self.0.lock_path = Some(path.to_owned());
        self.0.holder = holder;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

/// Node's code of an operating system error. `None` where no caller would switch on it.
///
/// Reads [`io::ErrorKind`], to which std maps errno and Windows codes alike.
pub fn io_code(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind as K;
    #[cfg(unix)]
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::PERM) => return Some("EPERM"),
        Some(rustix::io::Errno::MFILE) => return Some("EMFILE"),
        Some(rustix::io::Errno::NFILE) => return Some("ENFILE"),
        Some(rustix::io::Errno::LOOP) => return Some("ELOOP"),
        Some(rustix::io::Errno::IO) => return Some("EIO"),
        _ => {}
    }
    // Another process has opened the file without sharing it. std has no kind for that.
    #[cfg(windows)]
    if matches!(error.raw_os_error(), Some(32 | 33)) {
        return Some("EBUSY");
    }
    Some(match error.kind() {
        K::ConnectionRefused => "ECONNREFUSED",
        K::ConnectionReset | K::UnexpectedEof => "ECONNRESET",
        K::ConnectionAborted => "ECONNABORTED",
        K::NotConnected => "ENOTCONN",
        K::BrokenPipe => "EPIPE",
        K::TimedOut => "ETIMEDOUT",
        K::HostUnreachable => "EHOSTUNREACH",
        K::NetworkUnreachable => "ENETUNREACH",
        K::NetworkDown => "ENETDOWN",
        K::AddrNotAvailable => "EADDRNOTAVAIL",
        K::NotFound => "ENOENT",
        K::PermissionDenied => "EACCES",
        K::AlreadyExists => "EEXIST",
        K::StorageFull => "ENOSPC",
        K::QuotaExceeded => "EDQUOT",
        K::FileTooLarge => "EFBIG",
        K::ReadOnlyFilesystem => "EROFS",
        K::NotADirectory => "ENOTDIR",
        K::IsADirectory => "EISDIR",
        K::DirectoryNotEmpty => "ENOTEMPTY",
        K::InvalidFilename => "ENAMETOOLONG",
        K::CrossesDevices => "EXDEV",
        K::ExecutableFileBusy => "ETXTBSY",
        K::ResourceBusy => "EBUSY",
        K::StaleNetworkFileHandle => "ESTALE",
        K::OutOfMemory => "ENOMEM",
        K::InvalidInput => "EINVAL",
        _ => return None,
    })
}

/// The text of an I/O error without std's "(os error 13)": the code in the message says the same.
fn without_number(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_error_names_call_path_and_code() {
        let error = io::Error::from(io::ErrorKind::StorageFull);
        let error = Error::file("Failed to write file", "write", Path::new("/a/b.part"), &error);
        assert_eq!(error.details().code, "ENOSPC");
        assert_eq!(error.to_string(), "Failed to write file: write '/a/b.part': no storage space (ENOSPC)");
        assert!(!error.is_retryable());
    }

    #[cfg(unix)]
    #[test]
    fn errno_without_a_kind_of_its_own_keeps_its_name() {
        assert_eq!(io_code(&io::Error::from_raw_os_error(24)), Some("EMFILE"));
        assert_eq!(io_code(&io::Error::from_raw_os_error(1)), Some("EPERM"));
        assert_eq!(io_code(&io::Error::from_raw_os_error(13)), Some("EACCES"));
    }
}
