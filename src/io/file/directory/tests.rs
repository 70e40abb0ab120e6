//! Directories that are opened once: names in them, links, other owners.

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use super::*;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn open(&self, path: &str) -> Directory {
        Directory::create_all(&self.at(path)).unwrap()
    }
}

fn name(name: &str) -> &OsStr {
    OsStr::new(name)
}

fn reason(error: &io::Error) -> Option<Reason> {
    Refusal::of(error).map(|refusal| refusal.reason)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn created_files_are_accessible_to_their_owner_alone() {
    let place = Place::new();
    let cache = place.open("a/b");
    cache.make(name("c")).unwrap();
    cache.create(name("file"), Access::ReadWrite).unwrap();
    for (path, expected) in [("a", 0o700), ("a/b", 0o700), ("a/b/c", 0o700), ("a/b/file", 0o600)] {
        assert_eq!(mode(&place.at(path)), expected, "{path}");
    }
    assert_eq!(cache.create(name("file"), Access::Append).unwrap_err().kind(), ErrorKind::AlreadyExists);
}

#[test]
fn a_link_on_the_way_to_a_directory_is_followed_and_one_inside_is_not() {
    let place = Place::new();
    place.open("real/cache/inside").create(name("file"), Access::ReadWrite).unwrap();
    symlink("real", place.at("relative")).unwrap();
    symlink(place.at("relative/cache"), place.at("absolute")).unwrap();
    let cache = Directory::open(&place.at("absolute")).unwrap();
    assert!(cache.open_directory(name("inside")).unwrap().open_file(name("file"), Access::Read).is_ok());
    symlink(place.at("real/cache/inside"), place.at("real/cache/link")).unwrap();
    assert_eq!(reason(&cache.open_directory(name("link")).unwrap_err()), Some(Reason::Link));
    assert_eq!(reason(&cache.make(name("link")).unwrap_err()), Some(Reason::Link));
    assert_eq!(reason(&cache.enter(Path::new("link/file"), true).unwrap_err()), Some(Reason::Link));
    symlink("loop", place.at("loop")).unwrap();
    assert!(Directory::open(&place.at("loop")).is_err());
    assert!(Directory::open(&place.at("real/../real/./cache/")).is_ok());
}

#[test]
fn only_plain_files_are_opened_and_nothing_blocks() {
    let place = Place::new();
    let cache = place.open("cache");
    let at = |name: &str| place.at("cache").join(name);
    fs::write(place.at("outside"), "outside").unwrap();
    symlink(place.at("outside"), at("link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    drop(UnixListener::bind(at("socket")).unwrap());
    fs::hard_link(place.at("outside"), at("second name")).unwrap();
    fs::write(at("everybody's"), "").unwrap();
    set_mode(&at("everybody's"), 0o666);
    fs::write(at("group's"), "").unwrap();
    set_mode(&at("group's"), 0o664);
    for (file, expected) in [
        ("link", Reason::Link),
        ("fifo", Reason::Special),
        ("socket", Reason::Special),
        ("second name", Reason::HardLink),
        ("everybody's", Reason::Writable),
    ] {
        for access in [Access::Read, Access::ReadWrite, Access::Append] {
            let error = cache.open_file(name(file), access).unwrap_err();
            assert_eq!(reason(&error), Some(expected), "{file}");
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        }
    }
    assert!(cache.open_file(name("group's"), Access::Append).is_ok(), "npm under umask 002");
    assert_eq!(cache.open_file(name("none"), Access::Read).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(cache.open_directory(name("group's")).unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(reason(&cache.open_directory(name("fifo")).unwrap_err()), Some(Reason::Special));
}

#[test]
fn paths_in_a_directory_that_everybody_can_write_to_are_refused() {
    let place = Place::new();
    let cache = place.open("cache");
    for (mode, is_fit) in [(0o700, true), (0o775, true), (0o1777, true), (0o777, false)] {
        set_mode(&place.at("cache"), mode);
        assert!(Directory::open(&place.at("cache")).is_ok(), "{mode:o}");
        assert_eq!(cache.check_paths().is_ok(), is_fit, "{mode:o}");
    }
}

#[test]
fn an_open_directory_stays_itself_when_a_link_takes_its_name() {
    let place = Place::new();
    let cache = place.open("cache");
    let below = cache.make(name("below")).unwrap();
    for path in ["cache/below", "outside"] {
        place.open(path);
        fs::write(place.at(path).join("file"), path).unwrap();
    }
    fs::rename(place.at("cache/below"), place.at("moved")).unwrap();
    symlink(place.at("outside"), place.at("cache/below")).unwrap();
    let mut content = String::new();
    below.open_file(name("file"), Access::Read).unwrap().read_to_string(&mut content).unwrap();
    assert_eq!(content, "cache/below");
    Temporary::with(&below, b"new").unwrap().persist(&below, name("file")).unwrap();
    below.remove_file(name("file")).unwrap();
    assert_eq!(fs::read_to_string(place.at("outside/file")).unwrap(), "outside");
    let mut seen = 0;
    assert!(cache.visit(&mut |_, _| seen += 1).is_ok());
    // The link itself.
    assert_eq!(seen, 1);
}

#[test]
fn removing_a_directory_removes_links_and_not_their_targets() {
    let place = Place::new();
    let cache = place.open("cache");
    place.open("outside");
    fs::write(place.at("outside/file"), "").unwrap();
    fs::create_dir_all(place.at("cache/tree/a/b")).unwrap();
    fs::write(place.at("cache/tree/a/b/c"), "").unwrap();
    set_mode(&place.at("cache/tree/a"), 0o777);
    symlink(place.at("outside"), place.at("cache/tree/link")).unwrap();
    symlink(place.at("outside"), place.at("cache/link")).unwrap();
    cache.remove_all(name("tree")).unwrap();
    assert!(!place.at("cache/tree").exists());
    assert!(cache.remove_all(name("link")).is_err());
    assert!(place.at("outside/file").exists() && place.at("cache/link").exists());
}

#[test]
fn a_temporary_file_replaces_only_files_of_this_user() {
    let place = Place::new();
    let cache = place.open("cache");
    let put = |to: &str| Temporary::with(&cache, b"new").unwrap().persist(&cache, name(to));
    put("file").unwrap();
    put("file").unwrap();
    let taken = Temporary::with(&cache, b"newer").unwrap().persist_new(&cache, name("file")).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    symlink("file", place.at("cache/link")).unwrap();
    assert_eq!(reason(&put("link").unwrap_err()), Some(Reason::Link));
    cache.make(name("directory")).unwrap();
    assert_eq!(put("directory").unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(fs::read(place.at("cache/file")).unwrap(), b"new");
    // Those that got no name were removed.
    assert_eq!(cache.entries().unwrap().len(), 3);
}

#[test]
fn files_of_other_users_are_refused_by_name() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let place = Place::new();
    let cache = place.open("cache");
    let theirs = |path: &str| std::os::unix::fs::lchown(place.at(path), Some(65534), Some(65534)).unwrap();
    place.open("cache/directory");
    fs::write(place.at("cache/file"), "").unwrap();
    symlink("cache", place.at("link")).unwrap();
    for path in ["cache/directory", "cache/file", "link"] {
        theirs(path);
    }
    let expected = Some(Reason::Owner { theirs: 65534, ours: 0 });
    for error in [
        cache.open_directory(name("directory")).unwrap_err(),
        cache.open_file(name("file"), Access::Read).unwrap_err(),
        cache.check(name("file")).unwrap_err(),
        cache.visit(&mut |_, _| {}).unwrap_err(),
        Directory::open(&place.at("link")).unwrap_err(),
        Directory::open(&place.at("link/directory")).unwrap_err(),
        Directory::open(&place.at("cache/directory")).unwrap_err(),
    ] {
        assert_eq!(reason(&error), expected, "{error}");
    }
    let error = cache.open_directory(name("directory")).unwrap_err();
    assert!(error.to_string().starts_with("it belongs to user 65534, and this process runs as user 0"), "{error}");
}
