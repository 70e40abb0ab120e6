//! What the protocol is made of on Windows.
#![allow(unsafe_code, reason = "calls of the system that no crate wraps")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::io::AsRawHandle;
use std::path::Path;

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_ACCESS_DENIED, ERROR_IO_PENDING, ERROR_LOCK_VIOLATION, GetLastError, STILL_ACTIVE,
};
use windows_sys::Win32::Storage::FileSystem::{
    LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, UnlockFileEx,
};
use windows_sys::Win32::System::IO::{OVERLAPPED, OVERLAPPED_0, OVERLAPPED_0_0};
use windows_sys::Win32::System::Threading::{GetExitCodeProcess, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION};

use crate::policy::holder::KernelLock;

/// The one byte that is locked, as upper half of its offset. Locks are mandatory here: a lock of the content would keep
/// others, older holders among them, from reading who holds it (`ERROR_LOCK_VIOLATION`).
const OFFSET_HIGH: u32 = 0x4000_0000;

fn lock_range() -> OVERLAPPED {
    let offset = OVERLAPPED_0_0 { Offset: 0, OffsetHigh: OFFSET_HIGH };
    OVERLAPPED { Anonymous: OVERLAPPED_0 { Anonymous: offset }, ..OVERLAPPED::default() }
}

/// Tries the kernel lock without waiting.
pub fn try_kernel_lock(file: &File) -> KernelLock {
    let mut range = lock_range();
    let flags = LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY;
    // SAFETY: the handle is open for the time of the call, which does not outlive `range` because it does not wait.
    if unsafe { LockFileEx(file.as_raw_handle().cast(), flags, 0, 1, 0, &raw mut range) } != 0 {
        return KernelLock::Free;
    }
    // SAFETY: only reads the thread's own error.
    match unsafe { GetLastError() } {
        ERROR_LOCK_VIOLATION | ERROR_IO_PENDING => KernelLock::Busy,
        _ => KernelLock::Unsupported,
    }
}

/// Lets go without closing.
pub fn unlock(file: &File) {
    let mut range = lock_range();
    // Nothing to do about a failure: the lock ends with the file at the latest.
    // SAFETY: as for `LockFileEx`.
    let _ = unsafe { UnlockFileEx(file.as_raw_handle().cast(), 0, 1, 0, &raw mut range) };
}

/// The file whose lock keeps removers apart. Directories cannot be locked here, so this stays behind.
pub fn open_removers_lock(directory: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(directory.join(".removers"))
}

/// Whether a process with this id runs.
pub fn is_alive(pid: u32) -> bool {
    // SAFETY: takes and gives plain values.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if process.is_null() {
        // Somebody else's process lives, and does not let us look.
        // SAFETY: only reads the thread's own error.
        return unsafe { GetLastError() } == ERROR_ACCESS_DENIED;
    }
    let mut code = 0;
    // SAFETY: the handle is open, and `code` lives longer than the call.
    let is_known = unsafe { GetExitCodeProcess(process, &raw mut code) } != 0;
    // SAFETY: opened above, closed once.
    unsafe { CloseHandle(process) };
    !is_known || code.cast_signed() == STILL_ACTIVE
}
