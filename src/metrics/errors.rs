//! Failed calls, those that are alike together.

use std::collections::BTreeMap;

use crate::base::error::Error;
use crate::base::observer::ErrorEvent;

/// Kinds of errors that are told apart.
pub const KINDS_MAX: usize = 200;
/// The operation, code and host of all other kinds.
const OTHER: &str = "other";
/// Characters of a message.
const MESSAGE_MAX: usize = 300;

/// The properties that errors of one kind share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorKind {
    pub operation: String,
    pub code: String,
    pub host: String,
    pub status: Option<u16>,
}

/// The errors of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCount {
    pub count: u64,
    /// Milliseconds since 1970.
    pub first_time: u64,
    pub last_time: u64,
    /// The message of the last one.
    pub message: String,
}

/// Kinds of errors, and how often each occurred.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorCounts(BTreeMap<ErrorKind, ErrorCount>);

impl ErrorCounts {
    pub fn record(&mut self, event: &ErrorEvent) {
        let kind = ErrorKind {
            operation: event.operation.to_owned(),
            code: event.code.clone(),
            host: event.host.clone(),
            status: event.status,
        };
        let one =
            ErrorCount { count: 1, first_time: event.time, last_time: event.time, message: event.message.clone() };
        self.add(kind, one);
    }

    pub fn add(&mut self, kind: ErrorKind, more: ErrorCount) {
        // The last place is for all that have none.
        let has_room = self.0.len() < KINDS_MAX - 1 || self.0.contains_key(&kind);
        let kind = if has_room { kind } else { ErrorKind::other() };
        match self.0.get_mut(&kind) {
            Some(known) => {
                known.count = known.count.saturating_add(more.count);
                known.first_time = known.first_time.min(more.first_time);
                if more.last_time >= known.last_time {
                    known.last_time = more.last_time;
                    known.message = more.message;
                }
            }
            None => drop(self.0.insert(kind, more)),
        }
    }

    /// The most frequent first.
    pub fn sorted(&self) -> Vec<(&ErrorKind, &ErrorCount)> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|(_, each)| std::cmp::Reverse(each.count));
        all
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl ErrorKind {
    fn other() -> Self {
        Self { operation: OTHER.to_owned(), code: OTHER.to_owned(), host: OTHER.to_owned(), status: None }
    }
}

/// The record of an error. The message has no secrets: see [`crate::base::error`].
pub fn event(operation: &'static str, host: &str, error: &Error, time: u64) -> ErrorEvent {
    let details = error.details();
    ErrorEvent {
        operation,
        code: details.code.to_owned(),
        host: host.to_owned(),
        status: details.status,
        message: shortened(&details.message),
        time,
    }
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_MAX) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Kind;

    fn error(code: String, time: u64) -> ErrorEvent {
        let (host, message) = ("a.test".to_owned(), format!("at {time}"));
        ErrorEvent { operation: "request", code, host, status: None, message, time }
    }

    #[test]
    fn equal_errors_are_one_with_the_last_message() {
        let mut errors = ErrorCounts::default();
        for time in [5, 7, 6] {
            errors.record(&error("ECONNRESET".to_owned(), time));
        }
        errors.record(&error("ENOTFOUND".to_owned(), 1));
        let sorted = errors.sorted();
        let (kind, count) = sorted[0];
        assert_eq!((sorted.len(), kind.code.as_str()), (2, "ECONNRESET"));
        assert_eq!((count.count, count.first_time, count.last_time, count.message.as_str()), (3, 5, 7, "at 7"));
    }

    #[test]
    fn beyond_two_hundred_kinds_nothing_is_lost_and_nothing_grows() {
        let mut errors = ErrorCounts::default();
        for number in 0..1_000 {
            errors.record(&error(format!("E{number}"), number));
        }
        let sorted = errors.sorted();
        assert_eq!(sorted.len(), KINDS_MAX);
        assert_eq!(sorted[0].0, &ErrorKind::other());
        assert_eq!(sorted.iter().map(|(_, count)| count.count).sum::<u64>(), 1_000);
    }

    #[test]
    fn a_message_is_cut() {
        let long = Error::new(Kind::Network, "ä".repeat(10_000));
        assert_eq!(event("request", "a.test", &long, 0).message.chars().count(), MESSAGE_MAX + 1);
    }
}
