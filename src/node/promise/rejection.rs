//! The reasons of rejections: an error of the core, or a value that a callback threw.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use napi::Status;
use tokio_util::sync::CancellationToken;

use crate::base::error::{Error, Kind, Result};

/// The reason why an operation failed.
pub enum Rejection {
    Ours(Box<Error>),
    /// A value that a callback threw. The promise rejects with the same value.
    CallbackError(napi::Error),
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        Self::Ours(Box::new(error))
    }
}

/// A value that a callback threw, stored until the operation that it stopped has ended.
#[derive(Clone, Default)]
pub struct CallbackError(Arc<Shared>);

#[derive(Default)]
struct Shared {
    thrown: Mutex<Option<napi::Error>>,
    is_settled: AtomicBool,
    /// Cancelled by a callback that fails after it has returned.
    stop: OnceLock<CancellationToken>,
}

impl CallbackError {
    /// The failure of the operation: the value that a callback threw, or else `error`.
    pub fn or(&self, error: Error) -> Rejection {
        let thrown = self.thrown().take();
        thrown.map_or_else(|| error.into(), Rejection::CallbackError)
    }

    pub fn set(&self, error: napi::Error) {
        *self.thrown() = Some(error);
    }

    /// A copy of the stored value.
    pub fn peek(&self) -> Option<napi::Error> {
        self.thrown().as_ref()?.try_clone().ok()
    }

    /// The token by which [`CallbackError::reject`] ends the operation.
    pub fn stops(&self, token: CancellationToken) {
        let _ = self.0.stop.set(token);
    }

    /// Stores the value with which the promise of a callback rejected, and ends the operation.
    pub fn reject(&self, error: napi::Error) {
        if error.status != Status::Closing {
            self.set(error);
        }
        if let Some(stop) = self.0.stop.get() {
            stop.cancel();
        }
    }

    /// Notes that the promise is settled, after which no callback may be called.
    pub fn settle(&self) {
        self.0.is_settled.store(true, Ordering::Relaxed);
    }

    pub fn is_settled(&self) -> bool {
        self.0.is_settled.load(Ordering::Relaxed)
    }

    /// Stores the value that a callback threw, and returns an error that ends the operation.
    pub fn caught<T>(&self, called: napi::Result<T>) -> Result<T> {
        called.map_err(|error| {
            if error.status != Status::Closing {
                self.set(error);
            }
            Error::new(Kind::Aborted, "A callback threw, or its environment has ended")
        })
    }

    fn thrown(&self) -> MutexGuard<'_, Option<napi::Error>> {
        self.0.thrown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
