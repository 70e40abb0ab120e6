//! The Windows calls that std lacks. All of the crate's unsafe code for Windows.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::Path;

use same_file::Handle;
use windows_sys::Win32::Foundation::{ERROR_INVALID_PARAMETER, WAIT_OBJECT_0};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_DISPOSITION_FLAG_DELETE, FILE_DISPOSITION_FLAG_IGNORE_READONLY_ATTRIBUTE,
    FILE_DISPOSITION_FLAG_POSIX_SEMANTICS, FILE_DISPOSITION_INFO, FILE_DISPOSITION_INFO_EX, FILE_FLAG_BACKUP_SEMANTICS,
    FILE_FLAG_OPEN_REPARSE_POINT, FILE_INFO_BY_HANDLE_CLASS, FILE_READ_ATTRIBUTES, FileDispositionInfo,
    FileDispositionInfoEx, LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, SetFileInformationByHandle,
    UnlockFileEx,
};
use windows_sys::Win32::System::IO::{OVERLAPPED, OVERLAPPED_0, OVERLAPPED_0_0};
use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_SYNCHRONIZE, WaitForSingleObject};

use crate::io::file::windows_retry::retrying;

/// The byte that represents the file: number 2^62. Locks are mandatory on Windows, so a locked byte
/// of the content would be unreadable to others. Far behind the end of the file, locks exclude only
/// each other.
fn locked_byte() -> OVERLAPPED {
    let offset = OVERLAPPED_0_0 { Offset: 0, OffsetHigh: 1 << 30 };
    OVERLAPPED { Anonymous: OVERLAPPED_0 { Anonymous: offset }, ..OVERLAPPED::default() }
}

/// Takes an exclusive lock without waiting. A second lock by the same handle fails, too.
pub fn try_lock(file: &File) -> io::Result<()> {
    let mut byte = locked_byte();
    let flags = LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY;
    // SAFETY: the handle is open as long as `file` is borrowed. It was opened by std for
    // synchronous use, and the call does not wait, so the system is done with `byte` when it
    // returns.
    #[allow(unsafe_code)]
    let done = unsafe { LockFileEx(file.as_raw_handle(), flags, 0, 1, 0, &raw mut byte) };
    result(done)
}

pub fn unlock(file: &File) -> io::Result<()> {
    let mut byte = locked_byte();
    // SAFETY: as in `try_lock`.
    #[allow(unsafe_code)]
    let done = unsafe { UnlockFileEx(file.as_raw_handle(), 0, 1, 0, &raw mut byte) };
    result(done)
}

/// Whether the path names this open file. Requests attributes only, which no sharing mode and no
/// lock refuses. A name that is about to vanish names nothing.
pub fn is_at(file: &File, path: &Path) -> bool {
    open_itself(path, FILE_READ_ATTRIBUTES).is_ok_and(|found| is_same(file, &found))
}

/// Removes the file at this path if it is `evaluated`. Returns `false` if it is not.
///
/// Removes it by the handle that was compared, not by the path, so a file that another process puts
/// there meanwhile stays. Breakers need not be excluded.
pub fn remove(path: &Path, evaluated: &File) -> io::Result<bool> {
    retrying(|| {
        // Checked at each try, because the name of a file that another process has just removed
        // cannot be opened.
        if !is_at(evaluated, path) {
            return Ok(false);
        }
        let evicted = open_itself(path, DELETE | FILE_READ_ATTRIBUTES)?;
        if !is_same(evaluated, &evicted) {
            return Ok(false);
        }
        delete(evicted)?;
        Ok(true)
    })
}

/// Removes a name that only this process uses.
pub fn unlink(path: &Path) -> io::Result<()> {
    retrying(|| delete(open_itself(path, DELETE)?))
}

/// Deletes a file. With POSIX semantics, if the system has them, the name is free at once, even
/// while others have the file open. Without them, it is free when the last of them closes it.
/// `DeleteFile`, which std uses, requests POSIX semantics in newer systems only.
#[allow(clippy::needless_pass_by_value, reason = "in older systems the name vanishes when it is closed")]
fn delete(evicted: File) -> io::Result<()> {
    let flags = FILE_DISPOSITION_FLAG_DELETE
        | FILE_DISPOSITION_FLAG_POSIX_SEMANTICS
        | FILE_DISPOSITION_FLAG_IGNORE_READONLY_ATTRIBUTE;
    let at_once = FILE_DISPOSITION_INFO_EX { Flags: flags };
    let when_closed = FILE_DISPOSITION_INFO { DeleteFile: true };
    set_information(&evicted, FileDispositionInfoEx, &at_once)
        .or_else(|_| set_information(&evicted, FileDispositionInfo, &when_closed))
}

/// Whether a process with this id runs. `true` if this cannot be determined.
pub fn is_alive(pid: u32) -> bool {
    // SAFETY: takes numbers only.
    #[allow(unsafe_code)]
    let process = unsafe { OpenProcess(PROCESS_SYNCHRONIZE, 0, pid) };
    if process.is_null() {
        // A missing process is "invalid parameter". "Access denied": it lives and belongs to
        // another user.
        let error = io::Error::last_os_error().raw_os_error();
        return error != Some(ERROR_INVALID_PARAMETER.cast_signed());
    }
    // SAFETY: a fresh handle that nobody else has, closed by its owner.
    #[allow(unsafe_code)]
    let process = unsafe { OwnedHandle::from_raw_handle(process) };
    // SAFETY: the handle is open; the call does not wait. An exit code could equal "still active";
    // this state cannot.
    #[allow(unsafe_code)]
    let state = unsafe { WaitForSingleObject(process.as_raw_handle(), 0) };
    state != WAIT_OBJECT_0
}

/// Opens the entry at the path, even if it is a link or a directory.
fn open_itself(path: &Path, access: u32) -> io::Result<File> {
    let flags = FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS;
    OpenOptions::new().access_mode(access).custom_flags(flags).open(path)
}

fn is_same(one: &File, other: &File) -> bool {
    let handle = |file: &File| file.try_clone().and_then(Handle::from_file);
    matches!((handle(one), handle(other)), (Ok(one), Ok(other)) if one == other)
}

fn set_information<T>(file: &File, class: FILE_INFO_BY_HANDLE_CLASS, information: &T) -> io::Result<()> {
    let size = u32::try_from(size_of::<T>()).map_err(io::Error::other)?;
    // SAFETY: both callers pass the structure that belongs to the class; it is read, during the
    // call only.
    #[allow(unsafe_code)]
    let done =
        unsafe { SetFileInformationByHandle(file.as_raw_handle(), class, (&raw const *information).cast(), size) };
    result(done)
}

fn result(done: i32) -> io::Result<()> {
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
