//! The debug lines of `NODE_DEBUG=socket-registry`: one for each decision, such as which proxy,
//! which certificates, a new or a reused connection, a redirect, a retry.
//!
//! Off, a log costs a comparison: lines are formatted only if somebody reads them. The texts are in
//! [`crate::policy::text::debug`]. URLs and names enter them redacted.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// Receives lines, without their ends. Called on any thread.
pub type Sink = dyn Fn(&str) + Send + Sync;

/// The log of one caller. Two logs are equal if both are on, or both off: connection pools are
/// separate only in this respect.
#[derive(Clone, Copy, Default)]
pub struct Log(Option<&'static Sink>);

impl Log {
    pub fn to(sink: &'static Sink) -> Self {
        Self(Some(sink))
    }

    pub fn is_on(self) -> bool {
        self.0.is_some()
    }

    /// Writes a line. `line` is called only if the log is on.
    #[inline]
    pub fn line(self, line: impl FnOnce() -> String) {
        if let Some(sink) = self.0 {
            sink(&one_line(&line()));
        }
    }

    /// Writes a line, if there is one to write.
    pub fn maybe(self, line: impl FnOnce() -> Option<String>) {
        if let Some(line) = self.0.and_then(|_| line()) {
            self.line(|| line);
        }
    }

    /// Writes a line unless this process has written the same one before.
    pub fn once(self, line: impl FnOnce() -> String) {
        static WRITTEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        let Some(sink) = self.0 else { return };
        let line = one_line(&line());
        if WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
            sink(&line);
        }
    }
}

/// Replaces line ends and other control characters, which servers and file names may contain.
fn one_line(text: &str) -> String {
    text.chars().map(|each| if each.is_control() { ' ' } else { each }).collect()
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "Log(on)" } else { "Log(off)" })
    }
}

impl PartialEq for Log {
    fn eq(&self, other: &Self) -> bool {
        self.is_on() == other.is_on()
    }
}

impl Eq for Log {}

impl Hash for Log {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.is_on().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collecting() -> (Log, &'static Mutex<Vec<String>>) {
        let lines: &'static Mutex<Vec<String>> = Box::leak(Box::default());
        let sink = Box::leak(Box::new(|line: &str| lines.lock().unwrap().push(line.to_owned())));
        (Log::to(sink), lines)
    }

    #[test]
    fn a_log_that_is_off_formats_nothing() {
        let formatted = || -> String { unreachable!() };
        Log::default().line(formatted);
        Log::default().once(formatted);
        assert_ne!(Log::default(), collecting().0);
        assert_eq!(collecting().0, collecting().0);
    }

    #[test]
    fn a_line_is_one_line() {
        let (log, lines) = collecting();
        log.line(|| "a\r\nb\u{1b}[31m".to_owned());
        assert_eq!(*lines.lock().unwrap(), ["a  b [31m"]);
    }

    #[test]
    fn a_line_for_the_process_is_written_once() {
        let (log, lines) = collecting();
        for _ in 0..3 {
            log.once(|| "the only line of this test".to_owned());
        }
        assert_eq!(lines.lock().unwrap().len(), 1);
    }
}
