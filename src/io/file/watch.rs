//! Wakes waiters when a lock file is released or removed.
//!
//! On Linux inotify watches the file itself: its holder unlinks it on release, and the kernel
//! closes it when the holder dies, in any PID namespace. This costs nothing while nothing happens,
//! and leaves no thread behind.
//!
//! Waiters must poll on other systems, where no watch is available (each user has a limited
//! number), and for changes made by other hosts on a network file system. [`Watch::wakes`] is then
//! `false`, and [`Watch::changed`] never returns.

use std::path::Path;

#[cfg(target_os = "linux")]
mod inotify {
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    use tokio::io::unix::AsyncFd;

    use crate::io::threads;

    pub struct Watch(Option<AsyncFd<OwnedFd>>);

    impl Watch {
        pub fn new(path: &Path) -> Self {
            let watch = || {
                let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
                // ATTRIB: unlinked. CLOSE_WRITE: its holder died, or another waiter left. A renewal
                // is a MODIFY, for which nobody needs to wake.
                let events =
                    WatchFlags::ATTRIB | WatchFlags::CLOSE_WRITE | WatchFlags::MOVE_SELF | WatchFlags::DONT_FOLLOW;
                inotify::add_watch(&watch, path, events).ok()?;
                // SAFETY: an OwnedFd names one open descriptor for as long as it lives.
                #[expect(unsafe_code)]
                let watch = unsafe { AsyncFd::register(watch) };
                watch.ok()
            };
            Self(watch())
        }

        pub fn wakes(&self) -> bool {
            self.0.is_some()
        }

        pub async fn changed(&mut self) {
            let Some(watch) = &self.0 else {
                return std::future::pending().await;
            };
            let Ok(mut ready) = watch.readable().await else {
                return std::future::pending().await;
            };
            // Drained unread, because the caller inspects the file anyway.
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut events = inotify::Reader::new(watch.get_ref(), &mut buffer);
            while events.next().is_ok() {}
            ready.clear_ready();
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            // The kernel takes about 20 ms to close a watch. Nobody should wait for that, least of
            // all a waiter that was just woken.
            if let Some(watch) = self.0.take() {
                let watch = watch.into_inner();
                // If no thread can be started, it is closed here.
                let _ = threads::start(move || drop(watch));
            }
        }
    }
}

#[cfg(target_os = "linux")]
pub use inotify::Watch;

#[cfg(not(target_os = "linux"))]
pub struct Watch;

#[cfg(not(target_os = "linux"))]
impl Watch {
    pub fn new(_: &Path) -> Self {
        Self
    }

    pub fn wakes(&self) -> bool {
        false
    }

    pub async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("wakes", &self.wakes()).finish()
    }
}

/// Watches the file that is now at this path, and no later file of the same name.
pub fn watch(path: &Path) -> Watch {
    Watch::new(path)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs::{self, File};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn wakes_by(change: impl FnOnce(&Path, File)) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let file = File::create(&path).unwrap();
        let mut watch = watch(&path);
        assert!(watch.wakes());
        assert!(timeout(Duration::from_millis(20), watch.changed()).await.is_err(), "woken by nothing");
        change(&path, file);
        timeout(Duration::from_secs(5), watch.changed()).await.is_ok()
    }

    #[tokio::test]
    async fn unlinking_and_closing_a_file_wakes_waiters() {
        assert!(
            wakes_by(|path, file| {
                fs::remove_file(path).unwrap();
                std::mem::forget(file);
            })
            .await
        );
        assert!(wakes_by(|_, file| drop(file)).await);
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_cannot_wake() {
        assert!(!watch(Path::new("/nonexistent/file")).wakes());
    }
}
