//! Plans, and downloads that are simulated: connections with speeds of their own, which stall, fail
//! and are refused.

use super::*;

const MIB: u64 = 1 << 20;

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A plan whose first connection has the first MiB.
fn plan(total: u64, connections: usize) -> Segments {
    Segments::new(Ranges::up_to(total), connections, 0..MIB.min(total), Duration::ZERO)
}

/// A plan with two connections: the first has this much left and this speed, the second has
/// nothing.
fn uneven(left: u64, speed: u64) -> Segments {
    let mut plan = Segments::new(Ranges::up_to(left + speed), 2, 0..left + speed, Duration::ZERO);
    plan.advance(0, speed, at(1.0));
    plan
}

#[test]
fn connections_begin_with_a_mebibyte_each_from_the_front() {
    let mut plan = plan(100 * MIB, 4);
    let taken: Vec<_> = plan.idle().filter_map(|index| plan.take(index, at(0.0), true)).collect();
    assert_eq!(taken, [MIB..2 * MIB, 2 * MIB..3 * MIB, 3 * MIB..4 * MIB]);
}

#[test]
fn a_segment_is_what_a_connection_fetches_in_two_seconds() {
    let mut plan = plan(1000 * MIB, 2);
    plan.advance(0, MIB, at(0.25));
    plan.release(0, at(0.25));
    assert_eq!(plan.take(0, at(0.25), true), Some(MIB..9 * MIB));
    plan.advance(0, 8 * MIB, at(0.26));
    plan.release(0, at(0.26));
    assert_eq!(plan.take(0, at(0.26), true), Some(9 * MIB..41 * MIB), "32 MiB at most");
}

#[test]
fn a_rest_that_is_worth_no_request_goes_with_what_is_before_it() {
    let mut plan = plan(2 * MIB + 5, 4);
    assert_eq!(plan.take(1, at(0.0), true), Some(MIB..2 * MIB + 5));
    assert_eq!(plan.take(2, at(0.0), true), None);
}

#[test]
fn the_last_connection_takes_everything_to_the_next_range_that_is_there() {
    let missing = [0..50 * MIB, 60 * MIB..80 * MIB].into_iter().collect();
    let mut plan = Segments::new(missing, 2, 0..MIB, Duration::ZERO);
    plan.retire(1, at(0.0));
    plan.advance(0, MIB, at(1.0));
    plan.release(0, at(1.0));
    assert_eq!(plan.take(0, at(1.0), true), Some(MIB..50 * MIB));
    plan.advance(0, 49 * MIB, at(2.0));
    plan.release(0, at(2.0));
    assert_eq!(plan.take(0, at(2.0), true), Some(60 * MIB..80 * MIB));
}

#[test]
fn a_connection_without_work_takes_half_of_what_the_slowest_has_left() {
    let mut plan = uneven(10 * MIB, MIB);
    assert_eq!(plan.take(1, at(1.0), true), Some(6 * MIB..11 * MIB));
    assert_eq!(plan.work(0), Some(MIB..6 * MIB));
}

#[test]
fn of_two_the_one_that_needs_longer_is_cut() {
    let mut plan = Segments::new(Ranges::up_to(30 * MIB), 3, 0..10 * MIB, Duration::ZERO);
    plan.unassigned.remove(&(10 * MIB..30 * MIB));
    plan.connections[1].work = Some(10 * MIB..30 * MIB);
    plan.connections[1].speed.start(at(0.0));
    plan.advance(0, MIB, at(1.0));
    plan.advance(1, 10 * MIB, at(1.0));
    // Nine seconds against one.
    assert_eq!(plan.take(2, at(1.0), true), Some(5 * MIB + MIB / 2..10 * MIB));
}

#[test]
fn a_range_is_not_cut_without_need() {
    assert_eq!(uneven(2 * MIB - 1, MIB).take(1, at(1.0), true), None, "a segment has 1 MiB at least");
    assert_eq!(uneven(10 * MIB, 100 * MIB).take(1, at(1.0), true), None, "it will be there at once");
    assert_eq!(uneven(10 * MIB, MIB).take(1, at(1.0), false), None, "a rate limit decides");
}

#[test]
fn what_a_connection_has_not_received_is_for_the_others() {
    let mut plan = plan(4 * MIB, 2);
    assert_eq!(plan.take(1, at(0.0), true), Some(MIB..2 * MIB));
    plan.advance(1, 100, at(1.0));
    assert!(!plan.close(1, at(1.0)), "it brought too little to be opened again");
    plan.advance(0, MIB, at(2.0));
    plan.release(0, at(2.0));
    assert_eq!(plan.take(0, at(2.0), true), Some(MIB + 100..4 * MIB));
    assert!(!plan.close(0, at(3.0)), "no other is at work");
    assert!(!plan.is_working() && !plan.is_complete());
}

#[test]
fn a_connection_that_brought_something_may_be_opened_again() {
    let mut plan = plan(20 * MIB, 2);
    plan.take(1, at(0.0), true);
    plan.advance(1, MIB, at(1.0));
    assert!(plan.close(1, at(1.0)));
    assert_eq!(plan.take(1, at(1.0), true), Some(2 * MIB..3 * MIB));
    assert!(!plan.close(1, at(1.0)), "since then it brought nothing");
}

#[test]
fn below_a_tenth_of_the_median_of_the_others_for_five_seconds_is_slow() {
    let slow_after = |seconds: u32, speed: u64| {
        let mut plan = plan(1000 * MIB, 4);
        for index in 1..4 {
            plan.take(index, at(0.0), true);
            plan.connections[index].work = Some(0..100 * MIB);
        }
        for tenth in 1..=seconds * 10 {
            let now = at(f64::from(tenth) / 10.0);
            for index in 1..4 {
                plan.advance(index, 100_000, now);
            }
            plan.advance(0, speed, now);
        }
        plan.slow(at(f64::from(seconds)))
    };
    assert_eq!(slow_after(6, 9_000), Some(0));
    assert_eq!(slow_after(6, 0), Some(0));
    assert_eq!(slow_after(6, 11_000), None);
    assert_eq!(slow_after(4, 0), None);
}

#[test]
fn those_that_are_done_are_still_compared_with() {
    let mut plan = plan(2 * MIB, 2);
    plan.take(1, at(0.0), true);
    plan.advance(1, MIB, at(1.0));
    plan.release(1, at(1.0));
    plan.advance(0, 100, at(1.0));
    assert_eq!(plan.slow(at(4.0)), None);
    assert_eq!(plan.slow(at(30.0)), Some(0));
}

#[test]
fn silence_is_slow_where_another_connection_has_nothing_to_do() {
    let mut plan = plan(3 * MIB, 3);
    for index in [1, 2] {
        plan.take(index, at(0.0), true);
    }
    plan.advance(1, MIB, at(1.0));
    assert_eq!(plan.slow(at(6.0)), None, "most are silent, and all have work");
    plan.release(1, at(6.0));
    assert_eq!(plan.slow(at(6.0)), Some(0));
}

/// A connection of a simulation.
#[derive(Clone, Copy)]
struct Line {
    speed: u64,
    /// Bytes after which it fails, again and again.
    breaks: u64,
    since: u64,
    is_refused: bool,
}

/// Downloads with random connections. Returns whether one of them was fast and never failed, too.
fn simulate(seed: u64) -> (Segments, bool) {
    let mut random = fastrand::Rng::with_seed(seed);
    let total = random.u64(MIB..200 * MIB);
    let missing = match random.bool() {
        true => Ranges::up_to(total),
        false => (0..6).map(|_| random.u64(0..total)).map(|start| start..(start + 3 * MIB).min(total)).collect(),
    };
    let count = random.usize(1..=16);
    let mut lines: Vec<_> = (0..count)
        .map(|_| Line {
            speed: *random.choice([0, 10_000, MIB, 10 * MIB, 50 * MIB].iter()).unwrap(),
            breaks: *random.choice([100_000, 3 * MIB, u64::MAX, u64::MAX].iter()).unwrap(),
            since: 0,
            is_refused: random.u8(..) < 30,
        })
        .collect();
    let first = missing.first().unwrap();
    let first = first.start..first.end.min(first.start + MIB);
    let mut plan = Segments::new(missing.clone(), count, first, Duration::ZERO);
    let (mut there, mut now) = (missing.complement(total), Duration::ZERO);
    while now < at(600.0) {
        now += at(0.25);
        for index in plan.idle() {
            if let Some(range) = plan.take(index, now, true) {
                assert!(range.end <= total);
                if lines[index].is_refused {
                    plan.retire(index, now);
                }
            }
        }
        if !plan.is_working() {
            break;
        }
        for (index, line) in lines.iter_mut().enumerate() {
            let Some(work) = plan.work(index) else { continue };
            let bytes = (line.speed / 4).min(work.end - work.start);
            let before = there.sum();
            there.insert(work.start..work.start + bytes);
            assert_eq!(there.sum(), before + bytes, "seed {seed}: bytes came twice");
            plan.advance(index, bytes, now);
            line.since += bytes;
            if work.start + bytes == work.end {
                plan.release(index, now);
            } else if line.since >= line.breaks {
                line.since = 0;
                plan.close(index, now);
            }
        }
        if let Some(slow) = plan.slow(now) {
            plan.close(slow, now);
        }
        let active: Vec<_> = (0..count).filter_map(|index| plan.work(index)).chain(plan.unassigned.iter()).collect();
        for (index, one) in active.iter().enumerate() {
            for other in &active[index + 1..] {
                assert!(one.is_empty() || other.is_empty() || one.end <= other.start || other.end <= one.start);
            }
        }
    }
    let is_good = |line: &Line| line.speed == 50 * MIB && line.breaks == u64::MAX && !line.is_refused;
    (plan, lines.iter().any(is_good))
}

#[test]
fn whatever_connections_do_no_byte_comes_twice_and_none_is_forgotten() {
    let mut completed = 0;
    for seed in 0..300 {
        let (plan, has_good) = simulate(seed);
        let assigned = plan.connections.iter().filter_map(|each| each.work.clone()).map(|work| work.end - work.start);
        let left = plan.unassigned.sum() + assigned.sum::<u64>();
        assert_eq!(plan.is_complete(), left == 0, "seed {seed}");
        assert!(plan.is_complete() || !has_good, "seed {seed}: {left} bytes are left");
        completed += u32::from(plan.is_complete());
    }
    assert!(completed > 100, "only {completed} were completed");
}
