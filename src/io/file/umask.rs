//! The permissions of new files.

/// The mode of a file that is created in this directory without an explicit mode: 0666 less the
/// umask, or as the default access control list of the directory defines.
#[cfg(unix)]
pub fn of_new_files(directory: &std::path::Path) -> u32 {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Mode, OFlags, fstat, open};
        // Created without a name, to see its mode. Not every file system supports this.
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        if let Ok(found) = open(directory, flags, Mode::from_raw_mode(0o666)).and_then(fstat) {
            return found.st_mode & 0o666;
        }
    }
    let _ = directory;
    0o666 & !current()
}

/// The umask. It cannot be read without being set, except from `/proc`.
#[cfg(unix)]
pub fn current() -> u32 {
    let status = if cfg!(target_os = "linux") { std::fs::read_to_string("/proc/self/status").ok() } else { None };
    status.as_deref().and_then(in_status).unwrap_or_else(by_setting)
}

#[cfg(unix)]
fn in_status(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(line.trim(), 8).ok()
}

/// Reads the umask by setting it. Meanwhile, new files of other threads are accessible to their
/// owner only, which is the safe side to err on.
#[cfg(unix)]
fn by_setting() -> u32 {
    use rustix::fs::Mode;
    use rustix::process::umask;
    use std::sync::{Mutex, PoisonError};
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let current = umask(Mode::from_raw_mode(0o077));
    umask(current);
    // 16 bits on macOS.
    #[allow(clippy::useless_conversion, reason = "the type differs between systems")]
    current.as_raw_mode().into()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_read_it_agree() {
        assert_eq!(in_status("Name:\tnode\nUmask:\t0027\nState:\tR\n"), Some(0o027));
        assert_eq!(in_status("Name:\tnode\n"), None);
        assert_eq!(current(), by_setting());
    }
}
