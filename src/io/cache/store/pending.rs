//! Work on the disk that has begun and not ended, whether or not a call still waits for it.

use tokio::sync::watch;

/// Counts the work that is running.
#[derive(Debug, Default)]
pub struct Pending(watch::Sender<usize>);

/// One piece of work. Ended when it is dropped.
#[derive(Debug)]
pub struct Running(watch::Sender<usize>);

impl Pending {
    pub fn begin(&self) -> Running {
        self.0.send_modify(|count| *count += 1);
        Running(self.0.clone())
    }

    /// Waits until nothing is running.
    pub async fn ended(&self) {
        // Fails only if the sender is gone, which is borrowed here.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn the_end_of_all_work_is_awaited() {
        let pending = Pending::default();
        pending.ended().await;
        let (first, second) = (pending.begin(), pending.begin());
        drop(first);
        assert!(timeout(Duration::from_millis(10), pending.ended()).await.is_err());
        let end = tokio::spawn(async move { drop(second) });
        pending.ended().await;
        end.await.unwrap();
    }
}
