//! The reasons of rejections: an error of the core, or a value that a callback threw.

use std::sync::{Arc, Mutex, PoisonError};

use napi::Status;

use crate::base::error::{Error, Kind, Result};

/// The reason why an operation failed.
pub enum Failure {
    Ours(Box<Error>),
    /// A value that a callback threw. The promise rejects with the same value.
    CallbackError(napi::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(Box::new(error))
    }
}

/// A value that a callback threw, stored until the operation that it stopped has ended.
#[derive(Clone, Default)]
pub struct CallbackError(Arc<Mutex<Option<napi::Error>>>);

impl CallbackError {
    /// The failure of the operation: the value that a callback threw, or else `error`.
    pub fn or(&self, error: Error) -> Failure {
        let callback_error = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        callback_error.map_or_else(|| error.into(), Failure::CallbackError)
    }

    pub fn set(&self, error: napi::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
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
}
