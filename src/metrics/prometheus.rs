//! The text format of Prometheus (version 0.0.4). The crate `prometheus-client` writes
//! `OpenMetrics` instead, in which the names of counters end differently before and after their
//! type: `promtool` complains of each.

use std::fmt::Write;

use crate::metrics::errors::{ErrorCount, ErrorKind};
use crate::metrics::hosts::HostCounts;
use crate::metrics::recorder::Distribution;
use crate::metrics::snapshot::Snapshot;
use crate::metrics::table::{BOUNDS, COUNTERS, ERRORS, Entry, HOSTS, SINCE, TIMERS};

/// All numbers, for a scraper or a file of the node exporter.
pub fn text(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    head(&mut text, &SINCE, "gauge");
    sample(&mut text, SINCE.family, "", &seconds_of_millis(snapshot.since));
    let mut last = "";
    for (entry, count) in COUNTERS.iter().zip(snapshot.counters()) {
        if entry.family != last {
            head(&mut text, entry, "counter");
            last = entry.family;
        }
        sample(&mut text, entry.family, entry.label, &count);
    }
    for (entry, distribution) in TIMERS.iter().zip(snapshot.timers()) {
        head(&mut text, entry, "histogram");
        histogram(&mut text, entry.family, &distribution);
    }
    hosts(&mut text, snapshot);
    let errors = snapshot.errors.sorted();
    if !errors.is_empty() {
        head(&mut text, &ERRORS, "counter");
        for (kind, ErrorCount { count, .. }) in errors {
            sample(&mut text, ERRORS.family, &labels_of(kind), count);
        }
    }
    text
}

/// One number of a host.
type CountOf = fn(&HostCounts) -> u64;

fn hosts(text: &mut String, snapshot: &Snapshot) {
    if snapshot.hosts.is_empty() {
        return;
    }
    let [requests, failed, duration] = HOSTS else {
        return;
    };
    let counts: [(&Entry, CountOf); 2] = [(requests, |host| host.requests), (failed, |host| host.failed)];
    for (entry, count) in counts {
        head(text, entry, "counter");
        for (name, host) in &snapshot.hosts {
            sample(text, entry.family, &label("host", name), &count(host));
        }
    }
    // Without buckets: a hundred hosts would have fifteen hundred of them.
    head(text, duration, "summary");
    for (name, HostCounts { duration: Distribution { count, sum, .. }, .. }) in &snapshot.hosts {
        let (label, family) = (label("host", name), duration.family);
        sample(text, &format!("{family}_sum"), &label, &seconds_of_micros(*sum));
        sample(text, &format!("{family}_count"), &label, count);
    }
}

fn histogram(text: &mut String, family: &str, distribution: &Distribution) {
    let (bucket, mut below) = (format!("{family}_bucket"), 0_u64);
    let bounds = BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
    for (bound, count) in bounds.zip(distribution.buckets) {
        below = below.saturating_add(count);
        sample(text, &bucket, &label("le", &bound), &below);
    }
    sample(text, &format!("{family}_sum"), "", &seconds_of_micros(distribution.sum));
    // The sum of the buckets: a call that ends meanwhile must not make the two differ.
    sample(text, &format!("{family}_count"), "", &below);
}

fn head(text: &mut String, Entry { family, help, .. }: &Entry, kind: &str) {
    // Writing to a string does not fail.
    let _ = write!(text, "# HELP {family} {help}\n# TYPE {family} {kind}\n");
}

fn sample(text: &mut String, name: &str, labels: &str, value: &impl std::fmt::Display) {
    let _ = match labels {
        "" => writeln!(text, "{name} {value}"),
        labels => writeln!(text, "{name}{{{labels}}} {value}"),
    };
}

fn labels_of(ErrorKind { operation, code, host, status }: &ErrorKind) -> String {
    let status = status.map_or_else(String::new, |status| status.to_string());
    [("operation", operation), ("code", code), ("host", host), ("status", &status)]
        .map(|(name, value)| label(name, value))
        .join(",")
}

fn label(name: &str, value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{escaped}\"")
}

#[allow(clippy::cast_precision_loss, reason = "exact for nine thousand years")]
fn seconds_of_micros(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[allow(clippy::cast_precision_loss, reason = "as above")]
fn seconds_of_millis(millis: u64) -> f64 {
    millis as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::registry::Registry;
    use crate::metrics::table::{Counter, Timer};

    #[test]
    fn buckets_are_cumulative_and_labels_are_escaped() {
        let registry = Registry::default();
        registry.add(Counter::Status4xx, 3);
        registry.record(Timer::Requests, Duration::from_millis(7));
        registry.record(Timer::Requests, Duration::from_secs(70));
        registry.record_host("a\"\\\n.test", false, Duration::from_millis(7));
        let text = text(&registry.snapshot());
        for line in [
            "# TYPE socket_registry_responses_total counter",
            "socket_registry_responses_total{status=\"4xx\"} 3",
            "socket_registry_request_duration_seconds_bucket{le=\"0.005\"} 0",
            "socket_registry_request_duration_seconds_bucket{le=\"0.01\"} 1",
            "socket_registry_request_duration_seconds_bucket{le=\"10\"} 1",
            "socket_registry_request_duration_seconds_bucket{le=\"+Inf\"} 2",
            "socket_registry_request_duration_seconds_sum 70.007",
            "socket_registry_request_duration_seconds_count 2",
            "socket_registry_host_requests_total{host=\"a\\\"\\\\\\n.test\"} 1",
        ] {
            assert!(text.lines().any(|each| each == line), "{line}\n{text}");
        }
    }
}
