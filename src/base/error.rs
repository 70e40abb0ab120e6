//! The one error type of the crate.
//!
//! An [`Error`] says what happened (`kind`), in words for a person (`message`), and keeps what a program
//! switches on: `code`, `status`, `attempts`, `syscall`, `path`, `url`. Node's own codes are kept where Node has
//! one; the table `Kind::code` names ours. URLs enter an error only through [`redacted`], so that no
//! password can leave through a message.
//!
//! Whether a failure may pass by itself is decided once, here, by [`Error::is_retryable`]; the retry policy adds
//! only what it knows about methods, statuses and counts.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::base::lock_holder::Holder;
pub use crate::base::redact::{redacted, redacted_text};
use crate::base::status::is_transient;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a caller would act differently.
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
    /// The head of a response is larger than what is taken, or malformed: it would be again.
    Head,
    /// The HTTP client of the host program does not send the request, and would not if it were repeated.
    Refused,
    /// The certificate of the server was not accepted.
    Certificate,
    /// The time of one attempt was used up.
    Timeout,
    /// The answer has a status that the caller asked to be told about as an error.
    Status,
    /// More redirects than allowed.
    TooManyRedirects,
    /// A redirect that must not be followed.
    RedirectRefused,
    /// The body is shorter or longer than announced.
    BodyLength,
    /// The body is larger than the caller allows.
    BodyTooLarge,
    /// The content coding of the body is broken.
    Decode,
    /// A file is not what the caller expects.
    Integrity,
    /// A body that should be JSON is not.
    Json,
    /// A body is longer than a string of JavaScript can be.
    TextTooLong,
    /// A file or directory could not be used.
    File,
    /// Another process kept the lock for longer than the caller wanted to wait.
    LockTimeout,
    /// The caller ended the operation.
    Aborted,
    /// A defect of this library, caught before it could reach Node.
    Internal,
}

impl Kind {
    /// The code of errors that have none from the operating system or from TLS.
    const fn code(self) -> &'static str {
        match self {
            Self::ArgumentType => "ERR_INVALID_ARG_TYPE",
            Self::ArgumentValue => "ERR_INVALID_ARG_VALUE",
            Self::InvalidUrl => "ERR_INVALID_URL",
            Self::Network => "ECONNRESET",
            Self::Head => "EPROTO",
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
            Self::LockTimeout => "ERR_LOCK_TIMEOUT",
            Self::Aborted => "ABORT_ERR",
            Self::Internal => "ERR_INTERNAL",
        }
    }
}

/// See the [module](self) documentation.
///
/// Boxed, because results travel through many layers and errors are rare. `Clone`, because callers who share one
/// download also share its failure.
#[derive(Clone, Debug)]
pub struct Error(Box<Details>);

/// The parts of an [`Error`]; absent means not known or not applicable.
#[derive(Clone, Debug)]
pub struct Details {
    pub kind: Kind,
    pub message: String,
    pub code: &'static str,
    pub url: Option<String>,
    pub status: Option<u16>,
    pub attempts: Option<u32>,
    pub syscall: Option<&'static str>,
    pub path: Option<PathBuf>,
    /// How long the server asked us to wait, from its `Retry-After`.
    pub retry_after: Option<Duration>,
    pub lock_path: Option<PathBuf>,
    pub holder: Option<Holder>,
    /// The text of the underlying error.
    pub cause: Option<String>,
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
        }))
    }

    /// The caller ended it.
    pub fn aborted() -> Self {
        Self::new(Kind::Aborted, "The operation was aborted")
    }

    /// An argument of the right type with an impossible value.
    pub fn argument(name: &str, rule: &str, received: impl fmt::Display) -> Self {
        const RECEIVED_MAX: usize = 200;
        let received = received.to_string();
        let shown = match received.char_indices().nth(RECEIVED_MAX) {
            Some((end, _)) => format!("{}…", &received[..end]),
            None => received,
        };
        Self::new(Kind::ArgumentValue, format!("The argument \"{name}\" {rule}. Received {shown}"))
    }

    /// A failed file system call: `Failed to write file: rename '<path>': … (EACCES)`.
    pub fn file(doing: &str, syscall: &'static str, path: &Path, error: &io::Error) -> Self {
        let code = io_code(error).unwrap_or(Kind::File.code());
        let message = format!("{doing}: {syscall} '{}': {} ({code})", path.display(), bare(error));
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

    /// Whether the same operation may succeed later, with nothing changed by the caller.
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            Kind::Network | Kind::Timeout | Kind::BodyLength => true,
            Kind::Status => self.0.status.is_some_and(is_transient),
            _ => false,
        }
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

/// The name that Node gives this operating system error, or `None` where no caller would switch on it.
///
/// Goes by [`io::ErrorKind`], which std maps from errno and from Windows codes alike.
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
    // Somebody else has the file, in a way that does not share it. Of no kind in std.
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

/// The text of an I/O error without std's "(os error 13)": the code's name says it better.
fn bare(error: &io::Error) -> String {
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
