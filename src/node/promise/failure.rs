//! Why a promise rejects: an error of ours, or what a callback of the caller threw.

use std::sync::{Arc, Mutex, PoisonError};

use napi::Status;

use crate::base::error::{Error, Kind, Result};

/// Why an operation failed.
pub enum Failure {
    Ours(Box<Error>),
    /// A callback threw this value, which goes back as it came.
    CallbackError(napi::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(Box::new(error))
    }
}

/// What a callback threw, kept until the operation that it stopped has ended.
#[derive(Clone, Default)]
pub struct CallbackError(Arc<Mutex<Option<napi::Error>>>);

impl CallbackError {
    /// The failure of the operation: what the callback threw, if it did.
    pub fn or(&self, error: Error) -> Failure {
        let callback_error = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        callback_error.map_or_else(|| error.into(), Failure::CallbackError)
    }

    pub fn set(&self, error: napi::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Keeps what a callback threw, and ends the operation for it.
    pub fn caught<T>(&self, called: napi::Result<T>) -> Result<T> {
        called.map_err(|error| {
            if error.status != Status::Closing {
                self.set(error);
            }
            Error::new(Kind::Aborted, "A callback threw, or its environment has ended")
        })
    }
}
