//! A limit of bytes per second that several downloads share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Created by [`crate::operation::throttle::shared`].
#[derive(Clone)]
pub struct SharedRate {
    pub bytes_per_second: u64,
    take: Arc<dyn Fn(u64) -> Duration + Send + Sync>,
}

impl SharedRate {
    pub fn new(bytes_per_second: u64, take: impl Fn(u64) -> Duration + Send + Sync + 'static) -> Self {
        Self { bytes_per_second, take: Arc::new(take) }
    }

    /// Takes bytes, and returns the time to wait before they are read.
    pub fn take(&self, bytes: u64) -> Duration {
        (self.take)(bytes)
    }
}

impl fmt::Debug for SharedRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedRate({})", self.bytes_per_second)
    }
}
