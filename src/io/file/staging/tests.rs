//! Part files, records and publication, in real directories.

use super::*;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn open(destination: &Path) -> Staging {
    Staging::open(destination, [Algorithm::Sha256]).unwrap().0
}

fn write(staging: &mut Staging, content: &[u8]) {
    let total = Some(content.len() as u64);
    staging.restart(&Record { source: "s".into(), validator: None, total, is_mixed: false, ranges: None }).unwrap();
    staging.write(content).unwrap();
}

#[test]
fn publishing_leaves_the_destination_alone() {
    let directory = directory();
    let destination = directory.path().join("deep/er/file");
    let mut staging = open(&destination);
    write(&mut staging, b"whole");
    assert_eq!(observe(&destination, None), Some(Observed { downloaded: 5, total: Some(5) }));
    assert_eq!(staging.publish(Finish::default()).unwrap(), 5);
    assert_eq!(fs::read(&destination).unwrap(), b"whole");
    assert_eq!(names(destination.parent().unwrap()), ["file"]);
}

#[test]
fn giving_up_removes_the_part_and_keeps_the_old_file() {
    let directory = directory();
    let destination = directory.path().join("file");
    fs::write(&destination, "old").unwrap();
    let mut staging = open(&destination);
    write(&mut staging, b"ne");
    drop(staging);
    assert_eq!(fs::read(&destination).unwrap(), b"old");
    assert_eq!(names(directory.path()), ["file"]);
}

#[test]
fn two_downloads_never_share_a_part_file() {
    let directory = directory();
    let destination = directory.path().join("file");
    let mut first = open(&destination);
    let mut second = open(&destination);
    assert_ne!(first.part, second.part);
    write(&mut first, b"first");
    write(&mut second, b"second");
    first.publish(Finish::default()).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), b"first");
    second.publish(Finish::default()).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), b"second");
    assert_eq!(names(directory.path()), ["file"]);
}

#[test]
fn leftovers_are_taken_over_or_swept() {
    let directory = directory();
    let destination = directory.path().join("file");
    let mut dead = open(&destination);
    write(&mut dead, b"left by a dead process, and longer than the new one");
    dead.keep();
    fs::write(directory.path().join("file.99999-0123abcd.part"), "left by a dead process").unwrap();
    fs::write(directory.path().join("file.99999-0123abcd.sealed"), "may be about to be published").unwrap();
    fs::write(directory.path().join("file.notes.part"), "a user's").unwrap();
    let mut staging = open(&destination);
    write(&mut staging, b"new");
    staging.publish(Finish::default()).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), b"new");
    assert_eq!(names(directory.path()), ["file", "file.99999-0123abcd.sealed", "file.notes.part"]);
}

#[test]
fn a_kept_part_is_found_and_resumed() {
    let directory = directory();
    let destination = directory.path().join("file");
    let mut staging = open(&destination);
    write(&mut staging, b"whole body, interru");
    staging.keep();
    let (mut staging, found) = Staging::open(&destination, [Algorithm::Sha256]).unwrap();
    assert_eq!((found.length, found.record.unwrap().total), (19, Some(19)));
    staging.resume(18).unwrap();
    staging.write(b"upted").unwrap();
    let digest = staging.digests()[0].hex();
    staging.publish(Finish::default()).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), b"whole body, interrupted");
    assert_eq!(digest, crate::io::file::digest::of_file(&destination, [Algorithm::Sha256]).unwrap()[0].hex());
    assert_eq!(names(directory.path()), ["file"]);
}

#[test]
fn a_file_of_another_process_is_neither_published_nor_removed() {
    let directory = directory();
    let destination = directory.path().join("file");
    let mut staging = open(&destination);
    write(&mut staging, b"ours");
    fs::remove_file(directory.path().join("file.part")).unwrap();
    fs::write(directory.path().join("file.part"), "another's").unwrap();
    assert_eq!(staging.publish(Finish::default()).unwrap_err().details().code, "ENOENT");
    assert!(!destination.exists());
    assert_eq!(fs::read(directory.path().join("file.part")).unwrap(), b"another's");
}

/// As on a file system that grants one lock twice: each process believes that the other is dead.
#[cfg(unix)]
#[test]
fn two_writers_of_one_part_file_cannot_mix_representations() {
    let directory = directory();
    let destination = directory.path().join("file");
    let mut alive = open(&destination);
    write(&mut alive, b"first, interru");
    let lock = alive.file().unwrap().try_clone().unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::Unlock).unwrap();

    // The same representation is resumed: the first to finish publishes all of it.
    let (mut second, found) = Staging::open(&destination, [Algorithm::Sha256]).unwrap();
    second.resume(found.length).unwrap();
    second.write(b"pted").unwrap();
    alive.write(b"pted").unwrap();
    second.publish(Finish::default()).unwrap();
    assert_eq!(alive.publish(Finish::default()).unwrap_err().details().code, "ENOENT");
    assert_eq!(fs::read(&destination).unwrap(), b"first, interrupted");

    // Another representation starts from zero, in another file.
    let mut alive = open(&destination);
    write(&mut alive, b"third");
    let lock = alive.file().unwrap().try_clone().unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::Unlock).unwrap();
    let mut fourth = open(&destination);
    write(&mut fourth, b"4th");
    alive.write(b", all of it").unwrap();
    assert_eq!(alive.publish(Finish::default()).unwrap_err().details().code, "ENOENT");
    fourth.publish(Finish::default()).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), b"4th");
    assert_eq!(names(directory.path()), ["file"]);
}

#[test]
fn a_users_own_file_and_a_link_are_left_alone() {
    let directory = directory();
    let destination = directory.path().join("file");
    fs::write(directory.path().join("file.part"), "a user's").unwrap();
    let mut staging = open(&destination);
    write(&mut staging, b"whole");
    staging.publish(Finish::default()).unwrap();
    assert_eq!(fs::read(directory.path().join("file.part")).unwrap(), b"a user's");
    #[cfg(unix)]
    {
        let linked = directory.path().join("linked");
        std::os::unix::fs::symlink(&destination, directory.path().join("linked.part")).unwrap();
        let mut staging = open(&linked);
        write(&mut staging, b"another");
        staging.publish(Finish::default()).unwrap();
        assert_eq!(fs::read(&destination).unwrap(), b"whole");
    }
}

#[cfg(unix)]
#[test]
fn the_mode_is_there_with_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = directory();
    let destination = directory.path().join("file");
    let mut staging = open(&destination);
    write(&mut staging, b"x");
    staging.publish(Finish { mode: Some(0o750), fsync: true }).unwrap();
    assert_eq!(fs::metadata(&destination).unwrap().permissions().mode() & 0o7777, 0o750);
}

#[test]
fn the_longest_names_still_get_a_part_file() {
    let directory = directory();
    let destination = directory.path().join("n".repeat(255));
    let mut staging = open(&destination);
    write(&mut staging, b"x");
    staging.publish(Finish::default()).unwrap();
    assert_eq!(names(directory.path()), ["n".repeat(255)]);
}

#[test]
fn a_directory_is_no_destination() {
    let directory = directory();
    let error = Staging::open(directory.path(), []).unwrap_err();
    assert_eq!(error.details().code, "EISDIR");
}

#[test]
fn what_another_source_continues_is_a_copy_with_a_record_of_its_own() {
    let directory = directory();
    let destination = directory.path().join("file");
    let mut staging = open(&destination);
    write(&mut staging, b"first and more");
    let mut old = staging.file().unwrap().try_clone().unwrap();
    let record = Record { source: "t".into(), validator: None, total: Some(10), is_mixed: true, ranges: None };
    staging.resume_in_copy(6, &record).unwrap();
    staging.write(b"rest").unwrap();
    let digest = Hashers::new([Algorithm::Sha256]);
    assert_eq!(super::record::read_record(&open_record(&staging.part, Access::Read).unwrap()), Some(record));
    let mut content = Vec::new();
    std::io::Seek::rewind(&mut old).unwrap();
    old.read_to_end(&mut content).unwrap();
    assert_eq!(content, b"first and more", "bytes of another source came into the old file");
    let mut expected = digest;
    expected.update(b"first rest");
    assert_eq!(staging.digests(), expected.finish());
    assert_eq!(staging.publish(Finish::default()).unwrap(), 10);
    assert_eq!(fs::read(&destination).unwrap(), b"first rest");
    assert_eq!(names(directory.path()), ["file"]);
}

#[test]
fn a_part_that_is_shorter_than_its_record_says_is_not_filled_up() {
    let directory = directory();
    let mut staging = open(&directory.path().join("file"));
    write(&mut staging, b"short");
    let record = Record { source: "t".into(), validator: None, total: Some(10), is_mixed: true, ranges: None };
    assert_eq!(staging.resume_in_copy(6, &record).unwrap_err().kind(), Kind::Internal);
}

#[test]
fn progress_is_seen_under_a_unique_name_as_well_but_only_of_the_process_that_is_asked_about() {
    let directory = directory();
    let destination = directory.path().join("file");
    let own = std::process::id();
    assert_eq!(observe(&destination, Some(own)), None);
    let mut usual = open(&destination);
    let mut unique = open(&destination);
    write(&mut unique, b"unique");
    assert_eq!(observe(&destination, None), None, "without a record it is no download that goes on");
    assert_eq!(observe(&destination, Some(own + 1)), None);
    assert_eq!(observe(&destination, Some(own)).unwrap().downloaded, 6);
    write(&mut usual, b"usual");
    assert_eq!(observe(&destination, Some(own)).unwrap().downloaded, 5);
}

fn with_holes(total: u64) -> Record {
    let ranges = Some(Ranges::default());
    Record { source: "s".into(), validator: None, total: Some(total), is_mixed: false, ranges }
}

#[test]
fn a_part_with_holes_is_taken_over_with_what_is_there() {
    let directory = directory();
    let destination = directory.path().join("file");
    let mut staging = open(&destination);
    staging.restart(&with_holes(15)).unwrap();
    staging.write_at(10, b"after").unwrap();
    staging.write_at(0, b"first").unwrap();
    staging.keep();
    // The length of the file is that of the whole.
    assert_eq!(fs::metadata(directory.path().join("file.part")).unwrap().len(), 15);
    assert_eq!(observe(&destination, None).unwrap().downloaded, 10);
    let (mut staging, found) = Staging::open(&destination, [Algorithm::Sha256]).unwrap();
    assert_eq!((found.length, found.downloaded()), (5, 10));
    assert_eq!(found.present(), [0..5, 10..15].into_iter().collect());
    staging.write_at(5, b" then").unwrap();
    let mut expected = Hashers::new([Algorithm::Sha256]);
    expected.update(b"first thenafter");
    assert_eq!(staging.digests(), expected.finish());
    assert_eq!(staging.publish(Finish::default()).unwrap(), 15);
    assert_eq!(fs::read(&destination).unwrap(), b"first thenafter");
    assert_eq!(names(directory.path()), ["file"]);
}

#[test]
fn a_part_with_holes_is_not_published() {
    let directory = directory();
    let destination = directory.path().join("file");
    let mut staging = open(&destination);
    staging.restart(&with_holes(15)).unwrap();
    staging.write_at(10, b"after").unwrap();
    assert!(staging.publish(Finish::default()).is_err());
    assert!(!destination.exists());
}

#[test]
fn the_record_of_a_part_without_holes_is_replaced_before_there_are_any() {
    let directory = directory();
    let destination = directory.path().join("file");
    let mut staging = open(&destination);
    let plain = Record { ranges: None, ..with_holes(15) };
    staging.restart(&plain).unwrap();
    staging.write(b"first").unwrap();
    staging.allow_holes(&Record { ranges: Some(Ranges::up_to(5)), ..plain }).unwrap();
    staging.write_at(10, b"after").unwrap();
    let record = fs::read_to_string(directory.path().join("file.part.json")).unwrap();
    assert!(!record.contains("\"source\""), "an older version would go by the length: {record}");
    assert_eq!(
        Record::parse(record.as_bytes()).unwrap().ranges,
        Some(Ranges::up_to(5)),
        "it lists too few, never too many"
    );
}

#[test]
fn a_record_that_becomes_shorter_can_still_be_read() {
    let directory = directory();
    let destination = directory.path().join("file");
    let mut staging = open(&destination);
    staging.restart(&with_holes(1000)).unwrap();
    for offset in (0..1000).step_by(100) {
        staging.write_at(offset, b"bytes").unwrap();
    }
    staging.save_ranges().unwrap();
    staging.write_at(0, &[0; 1000]).unwrap();
    staging.save_ranges().unwrap();
    let record = fs::read(directory.path().join("file.part.json")).unwrap();
    assert_eq!(Record::parse(&record).unwrap().ranges, Some(Ranges::up_to(1000)));
}

#[test]
fn digests_are_of_what_is_in_the_file_where_bytes_are_written_again() {
    let directory = directory();
    let mut staging = open(&directory.path().join("file"));
    staging.restart(&with_holes(10)).unwrap();
    staging.write_at(0, b"0123456789").unwrap();
    staging.write_at(9, b"X").unwrap();
    let mut expected = Hashers::new([Algorithm::Sha256]);
    expected.update(b"012345678X");
    assert_eq!(staging.digests(), expected.finish());
}
