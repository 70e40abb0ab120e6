//! The numbers as JSON: the objects of `getMetrics()` and `getErrors()`, and the line of a metrics
//! file.

use std::fmt::Write;

use serde_json::Value;

use crate::metrics::errors::{ErrorCount, ErrorCounts, ErrorKind};
use crate::metrics::hosts::HostCounts;
use crate::metrics::recorder::{BUCKETS, Distribution};
use crate::metrics::snapshot::{Snapshot, TIMER_COUNT};
use crate::metrics::table::{COUNTERS, Entry, TIMERS};

/// A line is shorter than this: what one `write` appends whole, also to a pipe.
pub const LINE_MAX: usize = 4096;

/// The object of `getMetrics()`.
pub fn metrics(snapshot: &Snapshot) -> String {
    let mut fields = numbers(snapshot, duration);
    let hosts = snapshot.hosts.iter().map(|(name, HostCounts { requests, failed, duration: times })| {
        let times = duration(times);
        format!("{}:{{\"requests\":{requests},\"failed\":{failed},\"duration\":{times}}}", Value::from(name.as_str()))
    });
    let hosts: Vec<_> = hosts.collect();
    fields.push(format!("\"hosts\":{{{}}}", hosts.join(",")));
    format!("{{\"since\":{},{}}}", snapshot.since, fields.join(","))
}

/// The array of `getErrors()`.
pub fn errors(errors: &ErrorCounts) -> String {
    let all: Vec<_> = errors.sorted().into_iter().map(|(kind, count)| error(kind, count)).collect();
    format!("[{}]", all.join(","))
}

fn error(kind: &ErrorKind, count: &ErrorCount) -> String {
    let ErrorKind { operation, code, host, status } = kind;
    let ErrorCount { count, first_time, last_time, message } = count;
    let [operation, code, host, message] = [operation, code, host, message].map(|text| Value::from(text.as_str()));
    let status = status.map_or_else(String::new, |status| format!("\"status\":{status},"));
    format!(
        "{{\"operation\":{operation},\"code\":{code},\"host\":{host},{status}\"count\":{count},\
         \"firstTime\":{first_time},\"lastTime\":{last_time},\"message\":{message}}}"
    )
}

/// The groups of numbers, each as `"name":{…}`, in the order of the table.
fn numbers(snapshot: &Snapshot, write_duration: impl Fn(&Distribution) -> String) -> Vec<String> {
    let counters = COUNTERS.iter().zip(snapshot.counters()).map(|(entry, count)| (entry, count.to_string()));
    let timers = TIMERS.iter().zip(snapshot.timers()).map(|(entry, times)| (entry, write_duration(&times)));
    let all: Vec<_> = counters.chain(timers).map(|(Entry { path, .. }, value)| (*path, value)).collect();
    grouped(&all)
}

/// Members of objects from paths such as `requests.byStatus.2xx`.
fn grouped(entries: &[(&str, String)]) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for (path, _) in entries {
        let name = path.split_once('.').map_or(*path, |(name, _)| name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let member = |name: &&str| {
        let within = |path: &'_ str| path.strip_prefix(*name).is_some_and(|rest| rest.starts_with('.'));
        let inner: Vec<_> = entries.iter().filter(|(path, _)| within(path)).collect();
        if inner.is_empty() {
            let value = entries.iter().find(|(path, _)| path == name).map_or("null", |(_, value)| value);
            return format!("\"{name}\":{value}");
        }
        let inner: Vec<_> = inner.into_iter().map(|(path, value)| (&path[name.len() + 1..], value.clone())).collect();
        format!("\"{name}\":{{{}}}", grouped(&inner).join(","))
    };
    names.iter().map(member).collect()
}

fn duration(times: &Distribution) -> String {
    let Distribution { count, sum, min, max, p50, p90, p99, buckets: _ } = times;
    let mut text = format!("{{\"count\":{count}");
    for (name, micros) in [("sum", sum), ("min", min), ("max", max), ("p50", p50), ("p90", p90), ("p99", p99)] {
        // Writing to a string does not fail.
        let _ = write!(text, ",\"{name}\":{}", millis(*micros));
    }
    text.push('}');
    text
}

#[allow(clippy::cast_precision_loss, reason = "exact for nine thousand years")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}

/// The same with what sums are made of, and without what they cannot be made of.
fn summable(times: &Distribution) -> String {
    let Distribution { count, sum, min, max, p50: _, p90: _, p99: _, buckets } = times;
    let buckets = buckets.map(|count| count.to_string()).join(",");
    format!("{{\"count\":{count},\"sum\":{sum},\"min\":{min},\"max\":{max},\"buckets\":[{buckets}]}}")
}

/// The process that writes a line.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    pub pid: u32,
    pub version: &'a str,
    /// Milliseconds since 1970.
    pub until: u64,
}

/// The line of a metrics file, with its end, shorter than [`LINE_MAX`]. Durations are microseconds.
/// Where all has no room, the rarest errors are left out, and then the hosts with the fewest
/// requests.
pub fn line(snapshot: &Snapshot, writer: Writer<'_>) -> String {
    const FRAME: &str = ",\"hosts\":{},\"errors\":[]}\n";
    let Writer { pid, version, until } = writer;
    let numbers = numbers(snapshot, summable).join(",");
    let since = snapshot.since;
    let head =
        format!("{{\"v\":1,\"pid\":{pid},\"version\":\"{version}\",\"since\":{since},\"until\":{until},{numbers}");
    let mut hosts: Vec<_> = snapshot.hosts.iter().collect();
    hosts.sort_by_key(|(_, host)| std::cmp::Reverse(host.requests));
    let hosts = hosts.into_iter().map(|(name, HostCounts { requests, failed, duration: times })| {
        let (name, sum) = (Value::from(name.as_str()), times.sum);
        format!("{name}:[{requests},{failed},{sum}]")
    });
    let errors = snapshot.errors.sorted().into_iter().map(|(kind, count)| error(kind, count));
    let room = LINE_MAX - 1 - head.len().min(LINE_MAX - 1) - FRAME.len();
    let hosts = fitting(hosts, room);
    let errors = fitting(errors, room - hosts.len());
    format!("{head},\"hosts\":{{{hosts}}},\"errors\":[{errors}]}}\n")
}

/// The first of these that fit into `room`, with commas between.
fn fitting(parts: impl Iterator<Item = String>, room: usize) -> String {
    let mut text = String::new();
    for part in parts {
        if text.len() + 1 + part.len() > room {
            break;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&part);
    }
    text
}

/// Reads a line; `None` where it is broken. What it does not have counts as nothing, so that lines
/// of other versions can be read.
pub fn read_line(line: &str) -> Option<Snapshot> {
    let line: Value = serde_json::from_str(line).ok()?;
    if line.get("v")?.as_u64()? != 1 {
        return None;
    }
    let at = |path: &str| path.split('.').try_fold(&line, |value, name| value.get(name));
    let mut snapshot = Snapshot::default();
    snapshot.since = line.get("since")?.as_u64()?;
    snapshot.set_counters(std::array::from_fn(|index| {
        at(COUNTERS[index].path).and_then(Value::as_u64).unwrap_or_default()
    }));
    let timers: [Distribution; TIMER_COUNT] =
        std::array::from_fn(|index| at(TIMERS[index].path).map(read_duration).unwrap_or_default());
    snapshot.set_timers(timers);
    for (name, host) in line.get("hosts").and_then(Value::as_object).into_iter().flatten() {
        let number = |index: usize| host.get(index).and_then(Value::as_u64).unwrap_or_default();
        let duration = Distribution { count: number(0), sum: number(2), ..Distribution::default() };
        let counts = HostCounts { requests: number(0), failed: number(1), duration };
        snapshot.hosts.insert(name.clone(), counts);
    }
    for error in line.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name: &str| error.get(name).and_then(Value::as_u64).unwrap_or_default();
        let status = error.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let kind = ErrorKind { operation: text("operation"), code: text("code"), host: text("host"), status };
        let (first_time, last_time) = (number("firstTime"), number("lastTime"));
        let count = ErrorCount { count: number("count"), first_time, last_time, message: text("message") };
        snapshot.errors.add(kind, count);
    }
    Some(snapshot)
}

fn read_duration(value: &Value) -> Distribution {
    let number = |name: &str| value.get(name).and_then(Value::as_u64).unwrap_or_default();
    let bucket = |index: usize| value.get("buckets").and_then(|all| all.get(index)).and_then(Value::as_u64);
    let buckets: [u64; BUCKETS] = std::array::from_fn(|index| bucket(index).unwrap_or_default());
    let (count, sum, min, max) = (number("count"), number("sum"), number("min"), number("max"));
    Distribution { count, sum, min, max, buckets, ..Distribution::default() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::base::observer::ErrorEvent;
    use crate::metrics::hosts::HOSTS_MAX;
    use crate::metrics::registry::Registry;
    use crate::metrics::table::{Counter, Timer};

    const WRITER: Writer<'_> = Writer { pid: 1, version: "0.1.0", until: 2 };

    #[test]
    fn paths_become_objects_in_their_order() {
        let entries =
            [("b.x", "1".to_owned()), ("b.y.z", "2".to_owned()), ("a", "3".to_owned()), ("b.w", "4".to_owned())];
        assert_eq!(grouped(&entries).join(","), r#""b":{"x":1,"y":{"z":2},"w":4},"a":3"#);
    }

    #[test]
    fn the_object_has_every_number_of_the_table() {
        let registry = Registry::default();
        registry.record_host("a.test", true, Duration::from_millis(1));
        let object: Value = serde_json::from_str(&metrics(&registry.snapshot())).unwrap();
        for entry in COUNTERS {
            let found = entry.path.split('.').try_fold(&object, |value, name| value.get(name));
            assert_eq!(found, Some(&json!(0)), "{}", entry.path);
        }
        for entry in TIMERS {
            let found = entry.path.split('.').try_fold(&object, |value, name| value.get(name)).unwrap();
            assert_eq!(found["p99"].as_f64(), Some(0.0), "{}", entry.path);
        }
        assert_eq!(object["hosts"]["a.test"]["failed"], json!(1));
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let registry = Registry::default();
        registry.add(Counter::RequestsTotal, 7);
        registry.add(Counter::Status5xx, 3);
        registry.record(Timer::LockWaits, Duration::from_millis(30));
        registry.record_host("a.test", true, Duration::from_millis(30));
        let [code, host, message] = ["ERR_HTTP_STATUS", "a.test", "HTTP 503: \"no\""].map(str::to_owned);
        registry.record_error(&ErrorEvent { operation: "request", code, host, status: Some(503), message, time: 9 });
        let snapshot = registry.snapshot();
        let line = line(&snapshot, WRITER);
        assert!(line.ends_with("}\n") && line.lines().count() == 1);
        let read = read_line(&line).unwrap();
        assert_eq!(read.counters(), snapshot.counters());
        assert_eq!(read.errors, snapshot.errors);
        let (read, written) = (read.timer(Timer::LockWaits), snapshot.timer(Timer::LockWaits));
        assert_eq!((read.count, read.sum, read.buckets), (written.count, written.sum, written.buckets));
        for broken in ["", "{", "[]", "7", "{\"v\":2,\"since\":1}", "{\"v\":1}", &line[..line.len() / 2]] {
            assert!(read_line(broken).is_none(), "{broken}");
        }
    }

    #[test]
    fn a_line_is_never_too_long() {
        let registry = Registry::default();
        for counter in 0..COUNTERS.len() {
            registry.counters_for_test()[counter].store(u64::MAX / 2, std::sync::atomic::Ordering::Relaxed);
        }
        for number in 0..2 * HOSTS_MAX as u64 {
            let host = format!("{}{number}.test", "a".repeat(60));
            registry.record_host(&host, false, Duration::from_secs(1));
            let (code, message) = (format!("E{number}"), "\u{1}ä\"".repeat(100));
            registry.record_error(&ErrorEvent { operation: "download", code, host, status: None, message, time: 1 });
        }
        for micros in 0..36 {
            registry.record(Timer::Requests, Duration::from_micros(1 << micros));
        }
        let line = line(&registry.snapshot(), WRITER);
        assert!(line.len() < LINE_MAX, "{}", line.len());
        assert!(read_line(&line).is_some(), "{line}");
    }
}
