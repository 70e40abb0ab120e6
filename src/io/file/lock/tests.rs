//! The protocol on all kinds of file systems, and under orders of steps that a seeded scheduler
//! chooses.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Once};
use std::thread;

use super::claim::announce_no_kernel_locks;
use super::system::unlink;
use super::*;

const STALE: Duration = Duration::from_secs(300);
const TICK: Duration = Duration::from_secs(1);

/// A lock in a directory of its own.
struct Place {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("locks/file.lock");
        Self { _directory: directory, path }
    }

    fn acquirer(&self, system: System) -> LockAcquirer {
        LockAcquirer { system, ..LockAcquirer::new(self.path.clone(), "http://a/".into(), STALE, TICK) }
    }

    fn write(&self, content: impl AsRef<[u8]>, age: Duration) {
        fs::create_dir_all(self.path.parent().unwrap()).unwrap();
        fs::write(&self.path, content).unwrap();
        let file = File::options().write(true).open(&self.path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path.parent().unwrap()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn acquired(attempt: Result<Attempt>) -> Guard {
    match attempt.unwrap() {
        Attempt::Acquired(guard) => guard,
        Attempt::Blocked(holder) => panic!("blocked by {holder:?}"),
    }
}

fn blocked(attempt: Result<Attempt>) -> Option<Holder> {
    match attempt.unwrap() {
        Attempt::Acquired(_) => panic!("acquired"),
        Attempt::Blocked(holder) => holder,
    }
}

/// A process that dies: the kernel closes its file, and nobody unlinks it.
fn crash(guard: Guard) {
    let file = guard.file.try_clone().unwrap();
    std::mem::forget(guard);
    // The forgotten guard shares the description, so its lock is ended as the kernel would.
    system::unlock(&file);
}

/// A process's JSON, as older JavaScript holders write it.
fn older(pid: u32) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    format!(r#"{{"pid":{pid},"startTime":{now},"url":"http://a/"}}"#)
}

const NO_LINKS: System = System { hard_link: |_, _| Err(io::Error::from(io::ErrorKind::Unsupported)), ..System::REAL };
const NO_LOCKS: System = System { try_lock: |_| KernelLock::Unsupported, ..System::REAL };
const NEITHER: System = System { hard_link: NO_LINKS.hard_link, ..NO_LOCKS };
/// Grants every lock to everybody.
const LYING: System = System { try_lock: |_| KernelLock::Free, ..System::REAL };
const LYING_NO_LINKS: System = System { hard_link: NO_LINKS.hard_link, ..LYING };
const ALL: [System; 6] = [System::REAL, NO_LINKS, NO_LOCKS, NEITHER, LYING, LYING_NO_LINKS];

#[test]
fn one_holds_the_others_wait_and_nothing_is_left() {
    for system in ALL {
        let place = Place::new();
        let (mut first, mut second) = (place.acquirer(system), place.acquirer(system));
        let guard = acquired(first.attempt());
        assert_eq!(blocked(second.attempt()).unwrap().pid, std::process::id());
        assert!(guard.is_current());
        drop(guard);
        drop(acquired(second.attempt()));
        assert_eq!(place.names(), [""; 0]);
    }
}

#[test]
fn the_lock_of_a_dead_holder_is_broken_at_once_even_if_its_pid_is_reused() {
    for system in [System::REAL, NO_LINKS] {
        let place = Place::new();
        crash(acquired(place.acquirer(system).attempt()));
        assert_eq!(place.names().len(), 1);
        drop(acquired(place.acquirer(system).attempt()));
        assert_eq!(place.names(), [""; 0]);
    }
}

#[test]
fn older_holders_are_respected_while_they_live_and_are_young() {
    for system in ALL {
        let place = Place::new();
        place.write(older(std::process::id()), Duration::ZERO);
        assert_eq!(blocked(place.acquirer(system).attempt()).unwrap().pid, std::process::id());
        place.write(older(std::process::id()), STALE);
        acquired(place.acquirer(system).attempt());
        let dead = System { is_alive: |_| false, ..system };
        place.write(older(12345), Duration::ZERO);
        acquired(place.acquirer(dead).attempt());
    }
}

#[test]
fn unreadable_files_are_broken_after_two_seconds() {
    for content in [&b""[..], b"{\"pid\":", b"\0\xff\xfe", &vec![b'x'; 1 << 20], b"[]"] {
        for system in ALL {
            let place = Place::new();
            place.write(content, Duration::ZERO);
            assert_eq!(blocked(place.acquirer(system).attempt()), None);
            place.write(content, Duration::from_secs(3));
            acquired(place.acquirer(system).attempt());
        }
    }
}

/// Fails four times as Windows does, then opens the file.
fn refused_at_first(path: &Path) -> io::Result<File> {
    thread_local! {
        static LEFT: Cell<u32> = const { Cell::new(4) };
    }
    match LEFT.replace(LEFT.get().saturating_sub(1)) {
        0 => (System::REAL.open)(path),
        _ => Err(io::Error::from_raw_os_error(5)),
    }
}

fn is_transient_os_error(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(windows_retry::is_transient_os_code)
}

#[test]
fn a_name_that_is_about_to_vanish_is_waited_for() {
    let place = Place::new();
    let mut acquirer = place.acquirer(System { open: refused_at_first, is_transient_os_error, ..System::REAL });
    for _ in 0..4 {
        assert_eq!(blocked(acquirer.attempt()), None);
    }
    drop(acquired(acquirer.attempt()));
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn a_refusal_that_lasts_is_an_error() {
    let place = Place::new();
    let refused = |_: &Path| Err(io::Error::from_raw_os_error(5));
    let mut acquirer = place.acquirer(System { open: refused, is_transient_os_error, ..System::REAL });
    assert_eq!(blocked(acquirer.attempt()), None);
    acquirer.refused_since = Instant::now().checked_sub(windows_retry::LIMIT);
    let error = acquirer.attempt().unwrap_err();
    assert_eq!(error.details().lock_path.as_deref(), Some(&*place.path));
    // Where such errors are not transient, at once.
    let mut acquirer = place.acquirer(System { open: refused, is_transient_os_error: |_| false, ..System::REAL });
    acquirer.attempt().unwrap_err();
}

#[test]
fn the_content_can_be_read_while_the_lock_is_held() {
    for system in ALL {
        let place = Place::new();
        let guard = acquired(place.acquirer(system).attempt());
        let content = fs::read(&place.path).unwrap();
        assert_eq!(Holder::parse(&content).unwrap().pid, std::process::id());
        // Older holders write and remove the file like this.
        File::options().write(true).open(&place.path).unwrap().write_all(&content).unwrap();
        guard.renew();
        unlink(&place.path).unwrap();
        assert!(!guard.is_current());
    }
}

#[test]
fn a_file_can_be_compared_and_moved_while_it_is_locked() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (directory.path().join("one"), directory.path().join("other"));
    let file = File::options().read(true).write(true).create_new(true).open(&one).unwrap();
    assert_eq!(try_kernel_lock(&file), KernelLock::Free);
    assert_eq!(try_kernel_lock(&File::open(&one).unwrap()), KernelLock::Busy);
    assert!(is_at(&file, &one) && !is_at(&file, &other));
    fs::write(&other, "old").unwrap();
    assert!(!is_at(&file, &other));
    fs::rename(&one, &other).unwrap();
    assert!(is_at(&file, &other) && !is_at(&file, &one));
    assert_eq!(try_kernel_lock(&File::open(&other).unwrap()), KernelLock::Busy);
    system::unlock(&file);
    assert_eq!(try_kernel_lock(&File::open(&other).unwrap()), KernelLock::Free);
}

#[test]
fn a_file_that_somebody_reads_can_be_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (directory.path().join("one"), directory.path().join("other"));
    fs::write(&one, "new").unwrap();
    fs::write(&other, "old").unwrap();
    let reader = File::open(&other).unwrap();
    assert!(is_at(&reader, &other));
    fs::rename(&one, &other).unwrap();
    assert!(!is_at(&reader, &other));
    assert_eq!(
        (io::read_to_string(reader).unwrap(), fs::read_to_string(&other).unwrap()),
        ("old".into(), "new".into())
    );
}

#[test]
fn running_and_ended_processes_are_distinguished() {
    let is_alive = System::REAL.is_alive;
    assert!(is_alive(std::process::id()));
    assert!(!is_alive(0));
    // Not a process id on any system.
    assert!(!is_alive(u32::MAX - 3));
}

#[cfg(windows)]
#[test]
fn a_removal_never_takes_another_file() {
    let place = Place::new();
    place.write("evaluated", Duration::ZERO);
    let evaluated = File::open(&place.path).unwrap();
    fs::rename(&place.path, place.path.with_extension("aside")).unwrap();
    place.write("fresh", Duration::ZERO);
    assert!(!(System::REAL.remove)(&place.path, &evaluated).unwrap());
    assert_eq!(fs::read(&place.path).unwrap(), b"fresh");
    let fresh = File::open(&place.path).unwrap();
    assert!((System::REAL.remove)(&place.path, &fresh).unwrap());
    // Although it is still open.
    assert!(!place.path.exists());
}

#[test]
fn a_lock_that_is_granted_twice_does_not_count() {
    let place = Place::new();
    for (system, expected) in [(System::REAL, true), (NO_LOCKS, false), (LYING, false), (LYING_NO_LINKS, false)] {
        let guard = acquired(place.acquirer(system).attempt());
        assert_eq!(read_holder(&guard.file).unwrap().kernel_lock, expected);
    }
}

#[test]
fn weaker_locks_are_announced_once() {
    let (once, mut said) = (Once::new(), Vec::new());
    for _ in 0..3 {
        announce_no_kernel_locks(&once, &mut said, Path::new("/cache/.locks/a.lock"));
    }
    let said = String::from_utf8(said).unwrap();
    assert!(said.lines().count() == 1 && said.contains("/cache/.locks/a.lock"), "{said}");
}

#[test]
fn a_directory_in_the_way_is_an_error_that_names_it() {
    let place = Place::new();
    fs::create_dir_all(&place.path).unwrap();
    let error = place.acquirer(System::REAL).attempt().unwrap_err();
    assert_eq!(error.details().lock_path.as_deref(), Some(&*place.path));
    assert!(error.to_string().contains("file.lock"), "{error}");
}

#[test]
fn a_holder_that_lost_its_lock_leaves_the_new_one_alone() {
    let place = Place::new();
    let stopped = acquired(place.acquirer(System::REAL).attempt());
    unlink(&place.path).unwrap();
    let current = acquired(place.acquirer(System::REAL).attempt());
    assert!(!stopped.is_current() && current.is_current());
    stopped.renew();
    drop(stopped);
    assert!(current.is_current());
}

#[test]
fn names_are_those_of_older_holders() {
    let name = |path: &str| lock_path(Path::new("/l"), Path::new(path)).file_name().unwrap().to_owned();
    assert_eq!(name("/a b/c-d_e.f"), "_a_b_c-d_e.f.lock");
    // One underscore for each UTF-16 unit.
    assert_eq!(name("/\u{fc}\u{1f600}"), "____.lock");
    let long = name(&format!("/{}", "x".repeat(400)));
    assert_eq!(long.len(), 255);
    assert_ne!(long, name(&format!("/{}", "x".repeat(401))));
}

// The explorer: threads that take turns at every step, in an order that a seed decides.

struct Turns {
    state: Mutex<(usize, Vec<bool>, fastrand::Rng)>,
    changed: Condvar,
}

thread_local! {
    static ME: RefCell<Option<(usize, Arc<Turns>)>> = const { RefCell::new(None) };
    static FOREIGN_REMOVED: RefCell<Option<Arc<AtomicUsize>>> = const { RefCell::new(None) };
}

impl Turns {
    fn choose(state: &mut (usize, Vec<bool>, fastrand::Rng)) {
        let alive: Vec<_> = (0..state.1.len()).filter(|&id| state.1[id]).collect();
        if let Some(&next) = state.2.choice(&alive) {
            state.0 = next;
        }
    }

    fn pass(&self, me: usize, is_over: bool) {
        let mut state = self.state.lock().unwrap();
        state.1[me] = !is_over;
        Self::choose(&mut state);
        self.changed.notify_all();
        while !is_over && state.0 != me {
            state = self.changed.wait(state).unwrap();
        }
    }
}

fn step() {
    ME.with_borrow(|me| {
        if let Some((me, turns)) = me {
            turns.pass(*me, false);
        }
    });
}

/// Called by `remove_if` right before the unlink: the file at the path must still be the one that
/// was evaluated.
#[cfg(unix)]
pub(super) fn about_to_remove(path: &Path, evaluated: &File) {
    FOREIGN_REMOVED.with_borrow(|count| {
        if let Some(count) = count.as_ref().filter(|_| !is_at(evaluated, path)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// The observations in one order of steps.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// Times at which there was more than one holder.
    double: usize,
    /// Removed locks other than the evaluated ones.
    foreign: usize,
    acquired: usize,
}

#[expect(clippy::disallowed_methods, reason = "a thread for each acquirer")]
/// Four acquirers. Each acquires twice, and sometimes dies while holding.
fn explore(seed: u64, system: System, stale: Duration) -> Seen {
    const THREADS: usize = 4;
    let place = Arc::new(Place::new());
    place.write(older(1), STALE * 2);
    let turns = Arc::new(Turns {
        state: Mutex::new((0, vec![true; THREADS], fastrand::Rng::with_seed(seed))),
        changed: Condvar::new(),
    });
    let (holders, double) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (foreign, total) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let threads = (0..THREADS).map(|id| {
        let (place, turns) = (place.clone(), turns.clone());
        let (holders, double, foreign, total) = (holders.clone(), double.clone(), foreign.clone(), total.clone());
        thread::spawn(move || {
            FOREIGN_REMOVED.set(Some(foreign));
            ME.set(Some((id, turns.clone())));
            // Wait for the first turn.
            turns.pass(id, false);
            let mut random = fastrand::Rng::with_seed(seed ^ id as u64);
            for _ in 0..2 {
                let mut acquirer = LockAcquirer { stale, ..place.acquirer(system) };
                for _ in 0..200 {
                    let Attempt::Acquired(guard) = acquirer.attempt().unwrap() else {
                        step();
                        continue;
                    };
                    total.fetch_add(1, Ordering::Relaxed);
                    if holders.fetch_add(1, Ordering::Relaxed) > 0 {
                        double.fetch_add(1, Ordering::Relaxed);
                    }
                    step();
                    holders.fetch_sub(1, Ordering::Relaxed);
                    if random.bool() {
                        drop(guard);
                    } else {
                        crash(guard);
                    }
                    break;
                }
            }
            ME.set(None);
            turns.pass(id, true);
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    let of = |count: Arc<AtomicUsize>| count.load(Ordering::Relaxed);
    Seen { double: of(double), foreign: of(foreign), acquired: of(total) }
}

#[test]
fn no_order_of_steps_admits_two_holders() {
    for seed in 0..150 {
        let seen = explore(seed, System { step, ..System::REAL }, STALE);
        assert_eq!(seen, Seen { double: 0, foreign: 0, acquired: 8 }, "seed {seed}");
    }
}

// On Windows locks are removed by handle, and breakers are not excluded.
#[cfg(unix)]
#[test]
fn concurrent_breakers_never_remove_a_new_lock() {
    // Every holder looks hung to the others: many breakers at once.
    for seed in 0..150 {
        let seen = explore(seed, System { step, ..System::REAL }, Duration::ZERO);
        assert_eq!(seen.foreign, 0, "seed {seed}");
    }
}

#[cfg(unix)]
#[test]
fn the_explorer_finds_breakers_that_are_not_excluded() {
    // Directories cannot be locked here, so there is a window between the last check and the
    // unlink.
    fn try_lock(file: &File) -> KernelLock {
        let is_directory = file.metadata().is_ok_and(|found| found.is_dir());
        if is_directory { KernelLock::Unsupported } else { try_kernel_lock(file) }
    }
    let found =
        (0..400).any(|seed| explore(seed, System { try_lock, step, ..System::REAL }, Duration::ZERO).foreign > 0);
    assert!(found, "an explorer that finds nothing proves nothing");
}
