//! The cache in real directories, some of which others can write to.

use std::fs;
use std::time::Duration;

use super::clear::ABANDONED;
use super::temporary::TEMPORARY;
use super::*;
use crate::policy::cache::index;

fn write(cache: &Path, key: &str, content: &str) -> Entry {
    let metadata = RawValue::from_string("{\"a\":1}".to_owned()).unwrap();
    put(cache, key, content.as_bytes(), Some(metadata)).unwrap()
}

fn content(cache: &Path, key: &str) -> Option<String> {
    get(cache, key).unwrap().map(|item| String::from_utf8(item.content).unwrap())
}

#[test]
fn an_entry_is_found_until_it_is_removed() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    assert!(get(cache, "a").unwrap().is_none());
    write(cache, "a", "one");
    write(cache, "a", "two");
    write(cache, "b", "two");
    let item = get(cache, "a").unwrap().unwrap();
    assert_eq!((&item.content[..], item.entry.size), (&b"two"[..], Some(3)));
    assert_eq!(item.entry.metadata.unwrap().get(), "{\"a\":1}");
    remove(cache, "a").unwrap();
    remove(cache, "never").unwrap();
    assert_eq!((content(cache, "a"), content(cache, "b").as_deref()), (None, Some("two")));
}

#[test]
fn content_with_another_digest_than_expected_is_not_stored() {
    let cache = tempfile::tempdir().unwrap();
    let expected = |content: &[u8]| Expected { integrity: vec![of_bytes(content, Algorithm::Sha512)], sha256: None };
    let put = |expected: &Expected| put_expected(cache.path(), "a", b"content", None, expected);
    assert_eq!(put(&expected(b"other")).unwrap_err().kind(), Kind::Integrity);
    assert!(get(cache.path(), "a").unwrap().is_none());
    assert!(put(&expected(b"content")).is_ok() && put(&Expected::default()).is_ok());
}

#[test]
fn broken_content_is_an_error_and_can_be_written_again() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    write(cache, "a", "whole");
    let path = get(cache, "a").unwrap().unwrap().path;
    for broken in ["", "who", "whale", "whole!"] {
        fs::write(&path, broken).unwrap();
        assert_eq!(get(cache, "a").unwrap_err().kind(), Kind::Integrity, "{broken:?}");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(get(cache, "a").unwrap_err().details().code, "ENOENT");
    write(cache, "a", "whole");
    assert_eq!(content(cache, "a").as_deref(), Some("whole"));
}

#[test]
fn an_invalid_digest_is_an_error_and_no_panic() {
    let cache = tempfile::tempdir().unwrap();
    let root = Directory::open(cache.path()).unwrap();
    for integrity in ["sha512-", "sha512-AA==", "sha1-AA==", "md5-AAAA", "sha512-%%%%", "sha1-é", "-"] {
        let integrity = Some(integrity.to_owned());
        append(&root, &Entry { integrity, ..write(cache.path(), "a", "x") }).unwrap();
        assert_eq!(get(cache.path(), "a").unwrap_err().kind(), Kind::Integrity);
    }
}

#[test]
fn clearing_leaves_other_entries_and_their_content() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    for (key, text) in [("a1", "same"), ("a2", "own"), ("b", "same")] {
        write(cache, key, text);
    }
    let own = get(cache, "a2").unwrap().unwrap().path;
    assert_eq!(clear(cache, |entry| !entry.key.starts_with('a')).unwrap(), 2);
    assert_eq!((content(cache, "a1"), content(cache, "b").as_deref()), (None, Some("same")));
    assert!(!own.exists());
    assert_eq!((clear_all(cache).unwrap(), clear_all(cache).unwrap()), (1, 0));
    let mut files = 0;
    Directory::open(cache).unwrap().visit(&mut |_, _| files += 1).unwrap();
    assert_eq!(files, 0);
    assert_eq!(clear_all(&cache.join("never")).unwrap(), 0);
}

#[test]
fn a_temporary_directory_is_removed_with_its_content() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().join("new");
    let path = create_temporary_directory(&cache).unwrap();
    fs::create_dir_all(path.join("a/b")).unwrap();
    fs::write(path.join("a/b/c"), "").unwrap();
    remove_temporary_directory(&path).unwrap();
    remove_temporary_directory(&path).unwrap();
    assert_eq!(fs::read_dir(cache.join(TEMPORARY)).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn an_entry_is_for_its_owner_alone_and_is_never_widened() {
    use std::os::unix::fs::PermissionsExt;
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    write(cache, "a", "text");
    let path = get(cache, "a").unwrap().unwrap().path;
    let bucket = cache.join(index::path("a"));
    for _ in 0..2 {
        assert_eq!((mode(&path), mode(&bucket)), (0o600, 0o600));
        // Everybody can change these files, so they are not read, and are replaced.
        for path in [&path, &bucket] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        }
        assert_eq!(get(cache, "a").unwrap_err().details().code, "EACCES");
        write(cache, "a", "text");
    }
    // The mode that npm writes under umask 002.
    for path in [&path, &bucket] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o664)).unwrap();
    }
    assert_eq!(content(cache, "a").as_deref(), Some("text"));
}

#[test]
fn content_of_another_size_than_its_entry_says_is_not_read() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    write(cache, "a", "text");
    let path = get(cache, "a").unwrap().unwrap().path;
    // Sparse: takes neither disk space nor memory.
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(get(cache, "a").unwrap_err().kind(), Kind::Integrity);
}

#[test]
fn only_the_end_of_a_huge_bucket_is_read() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    write(cache, "a", "old");
    let bucket = cache.join(index::path("a"));
    fs::OpenOptions::new().write(true).open(bucket).unwrap().set_len(1 << 40).unwrap();
    write(cache, "a", "new");
    assert_eq!(content(cache, "a").as_deref(), Some("new"));
    compact(cache, "a", 1 << 10).unwrap();
    assert_eq!(content(cache, "a").as_deref(), Some("new"));
}

#[test]
fn unreferenced_content_is_swept_once_it_is_old() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    let mut paths = Vec::new();
    for (key, text) in [("a", "replaced"), ("b", "removed"), ("a", "kept")] {
        write(cache, key, text);
        paths.push(get(cache, key).unwrap().unwrap().path);
    }
    remove(cache, "b").unwrap();
    fs::write(cache.join("tmp/left"), "").unwrap();
    let there = || [&paths[0], &paths[1], &paths[2], &cache.join("tmp/left")].map(|path| path.exists());
    sweep(cache, SystemTime::now());
    assert_eq!(there(), [true; 4]);
    sweep(cache, SystemTime::now() + ABANDONED + Duration::from_secs(1));
    assert_eq!(there(), [false, false, true, false]);
    assert_eq!(content(cache, "a").as_deref(), Some("kept"));
}

#[test]
fn a_large_bucket_is_compacted() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    for round in 0..100 {
        write(cache, "a", &round.to_string());
    }
    let size = || fs::metadata(cache.join(index::path("a"))).unwrap().len();
    let before = size();
    compact(cache, "a", before).unwrap();
    assert_eq!(size(), before);
    compact(cache, "a", before - 1).unwrap();
    assert_eq!(size(), before / 100);
    assert_eq!(content(cache, "a").as_deref(), Some("99"));
}

#[cfg(target_os = "linux")]
#[test]
fn directories_that_are_replaced_by_links_lead_nowhere() {
    use std::ffi::OsStr;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::content::CONTENT;

    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let place = tempfile::tempdir().unwrap();
    let (cache, outside) = (place.path().join("cache"), place.path().join("outside"));
    // A cache, so that every path behind a link would exist outside.
    write(&outside, "precious", "precious");
    fs::write(outside.join("tmp/precious"), "").unwrap();
    let list = || {
        let mut files = Vec::new();
        let mut add = |directory: &Directory, name: &OsStr| {
            let path = directory.path().join(name);
            files.push((fs::read(&path).unwrap(), path));
        };
        Directory::open(&outside).unwrap().visit(&mut add).unwrap();
        files.sort();
        files
    };
    let (before, is_over) = (list(), AtomicBool::new(false));
    assert_eq!(before.len(), 3);
    std::thread::scope(|scope| {
        for name in [CONTENT, index::DIRECTORY, TEMPORARY] {
            let (real, link) = (cache.join(name), place.path().join(name));
            std::os::unix::fs::symlink(outside.join(name), &link).unwrap();
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Relaxed) {
                    let _ = renameat_with(CWD, &real, CWD, &link, RenameFlags::EXCHANGE);
                }
            });
        }
        let later = SystemTime::now() + ABANDONED * 2;
        for _ in 0..300 {
            let _ = put(&cache, "precious", b"other", None);
            let _ = remove(&cache, "precious");
            let _ = compact(&cache, "precious", 0);
            let _ = clear(&cache, |_| false);
            let _ = create_temporary_directory(&cache).and_then(|path| remove_temporary_directory(&path));
            sweep(&cache, later);
            let _ = clear_all(&cache);
        }
        is_over.store(true, Relaxed);
    });
    assert!(list() == before, "something outside was changed");
}
