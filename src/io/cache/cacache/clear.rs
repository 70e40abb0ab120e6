//! Lists and removes entries, and removes content that no entry refers to.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::base::error::Result;
use crate::io::cache::cacache::bucket::{read_bucket, remove_from};
use crate::io::cache::cacache::content::{Address, CONTENT};
use crate::io::cache::cacache::root::{CLEAR, READ_INDEX, failed, is_absence, root};
use crate::io::cache::cacache::temporary::TEMPORARY;
use crate::io::file::directory::{Directory, Refusal};
use crate::io::file::trusted::Access;
use crate::policy::cache::index::{self, Entry};

/// The age from which unreferenced content is abandoned. The entry of younger content may be about
/// to be written.
pub const ABANDONED: Duration = Duration::from_secs(3600);

/// Visits every entry. Unreadable files count as empty.
pub fn each(cache: &Path, mut visit: impl FnMut(Entry)) -> Result<()> {
    let Some(root) = root(cache, READ_INDEX)? else { return Ok(()) };
    visit_below(&root, index::DIRECTORY, READ_INDEX, |directory, name| {
        index::latest(&read_bucket(directory, name).unwrap_or_default()).into_iter().for_each(&mut visit);
    })
}

/// Removes the entries that are not `wanted`, and content that no other entry refers to. Returns
/// the number of entries.
pub fn clear(cache: &Path, is_wanted: impl Fn(&Entry) -> bool) -> Result<usize> {
    let Some(root) = root(cache, CLEAR)? else { return Ok(0) };
    let (mut removed, mut kept, mut freed) = (0, HashSet::new(), HashSet::new());
    let mut done = Ok(());
    let visited = visit_below(&root, index::DIRECTORY, CLEAR, |directory, name| {
        let Ok(bytes) = read_bucket(directory, name) else { return };
        let (wanted, unwanted): (Vec<_>, Vec<_>) = index::latest(&bytes).into_iter().partition(&is_wanted);
        kept.extend(wanted.iter().filter_map(Address::of));
        freed.extend(unwanted.iter().filter_map(Address::of));
        removed += unwanted.len();
        if wanted.is_empty() && !unwanted.is_empty() {
            first(&mut done, unlink(directory, name));
        } else {
            for Entry { key, .. } in &unwanted {
                first(&mut done, remove_from(&root, key));
            }
        }
    });
    done?;
    for place in freed.difference(&kept) {
        match root.enter(place, false) {
            Ok((directory, name)) => unlink(&directory, name)?,
            Err(error) if is_absence(&error) => {}
            Err(error) => return Err(failed(CLEAR, "open", &cache.join(place), &error)),
        }
    }
    visited.map(|()| removed)
}

/// Removes everything of this user in the directories of the format. Returns the number of entries
/// that there were.
pub fn clear_all(cache: &Path) -> Result<usize> {
    let Some(root) = root(cache, CLEAR)? else { return Ok(0) };
    let (mut count, mut done) = (0, Ok(()));
    // The directories stay, because a writer may be about to use them.
    for name in [index::DIRECTORY, CONTENT] {
        let visited = visit_below(&root, name, CLEAR, |directory, file| {
            if name == index::DIRECTORY {
                count += index::latest(&read_bucket(directory, file).unwrap_or_default()).len();
            }
            // Files of other users are not removed.
            if directory.check(file).is_ok() {
                first(&mut done, unlink(directory, file));
            }
        });
        first(&mut done, visited);
    }
    done.map(|()| count)
}

/// Removes content that no entry refers to, and files that killed writers left.
pub fn sweep(cache: &Path, now: SystemTime) {
    let Ok(Some(root)) = root(cache, CLEAR) else { return };
    let (mut named, mut is_complete) = (HashSet::new(), true);
    // Buckets of other users do not protect content.
    let _ = visit_below(&root, index::DIRECTORY, CLEAR, |directory, name| match read_bucket(directory, name) {
        Ok(bytes) => named.extend(index::latest(&bytes).iter().filter_map(Address::of)),
        Err(error) => is_complete &= Refusal::of(&error).is_some() || is_absence(&error),
    });
    // If a bucket could not be read, no content can be called unreferenced.
    if !is_complete {
        return;
    }
    for below in [TEMPORARY, CONTENT] {
        let _ = visit_below(&root, below, CLEAR, |directory, name| {
            let place = directory.path().join(name);
            if place.strip_prefix(cache).is_ok_and(|place| named.contains(place)) {
                return;
            }
            let modified = directory.open_file(name, Access::Read).and_then(|file| file.metadata()?.modified());
            if modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age > ABANDONED)) {
                // The next sweep tries again.
                let _ = directory.remove_file(name);
            }
        });
    }
}

/// Visits the files below a directory of the cache, if it exists. If a part of it is not this
/// user's, the rest is visited first, and then an error is returned.
fn visit_below(root: &Directory, name: &str, doing: &str, mut visit: impl FnMut(&Directory, &OsStr)) -> Result<()> {
    match root.open_directory(OsStr::new(name)).and_then(|directory| directory.visit(&mut visit)) {
        Err(error) if !is_absence(&error) => Err(failed(doing, "scandir", &root.path().join(name), &error)),
        _ => Ok(()),
    }
}

fn unlink(directory: &Directory, name: &OsStr) -> Result<()> {
    let checked = directory.check(name).and_then(|()| directory.remove_file(name));
    match checked {
        Err(error) if !is_absence(&error) => Err(failed(CLEAR, "unlink", &directory.path().join(name), &error)),
        _ => Ok(()),
    }
}

/// Keeps the first error.
fn first(done: &mut Result<()>, next: Result<()>) {
    if done.is_ok() {
        *done = next;
    }
}
