//! Explanations of what `doctor` finds about a server.

use std::time::{Duration, SystemTime};

/// The difference of clocks from which it is mentioned: less happens on the way, and in caches.
const SKEW_MAX: f64 = 60.0;

/// The difference of a server's clock to this one, in seconds. Positive if this clock is behind.
/// `age` is the time that the response was in caches.
pub fn skew(date: SystemTime, age: Duration, now: SystemTime) -> f64 {
    let theirs = date + age;
    match theirs.duration_since(now) {
        Ok(behind) => behind.as_secs_f64(),
        Err(ahead) => -ahead.duration().as_secs_f64(),
    }
}

/// The message about a wrong clock.
pub fn wrong_clock(skew: f64) -> Option<String> {
    if skew.abs() <= SKEW_MAX {
        return None;
    }
    let direction = if skew > 0.0 { "behind" } else { "ahead of" };
    let amount = amount(skew.abs());
    Some(format!("the clock of this machine is {amount} {direction} that of the server: one of the two is wrong"))
}

/// The message about a certificate that is not valid at this time.
pub fn not_valid_now((from, until): (u64, u64), now: SystemTime) -> Option<String> {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let problem = match seconds {
        _ if seconds < from => format!("it is valid from {}", httpdate::fmt_http_date(at(from))),
        _ if seconds > until => format!("it was valid until {}", httpdate::fmt_http_date(at(until))),
        _ => return None,
    };
    let now = httpdate::fmt_http_date(now);
    Some(format!("{problem}, and the clock of this machine says {now}: one of the two clocks is wrong"))
}

/// The advice about a name without an address.
pub fn no_address(code: &str) -> &'static str {
    match code {
        "EAI_AGAIN" => "the name server cannot be reached: is there a network, or only a proxy?",
        "ENOTFOUND" => "the name does not exist here: is it spelled right, or known only to a proxy?",
        _ => "the name cannot be looked up",
    }
}

/// The message about addresses none of which responds.
pub fn silent(host: &str, limit: Duration, is_proxy: bool) -> String {
    let (whose, advice) = if is_proxy {
        ("the proxy", "is it the right one?")
    } else {
        ("the server", "a firewall may drop the packets, or the network may require a proxy (HTTPS_PROXY)")
    };
    format!("no address of {whose} {host} accepts a connection within {} ms: {advice}", limit.as_millis())
}

fn amount(seconds: f64) -> String {
    match seconds {
        _ if seconds >= 2.0 * 86_400.0 => format!("{:.0} days", seconds / 86_400.0),
        _ if seconds >= 2.0 * 3_600.0 => format!("{:.0} hours", seconds / 3_600.0),
        _ if seconds >= 120.0 => format!("{:.0} minutes", seconds / 60.0),
        _ => format!("{seconds:.0} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_time_in_caches_is_no_skew() {
        assert!((skew(at(1000), Duration::ZERO, at(940)) - 60.0).abs() < 0.001);
        assert!((skew(at(1000), Duration::from_secs(500), at(1500))).abs() < 0.001);
        assert!((skew(at(1000), Duration::ZERO, at(4600)) + 3600.0).abs() < 0.001);
    }

    #[test]
    fn a_wrong_clock_is_named_with_its_direction() {
        assert_eq!(wrong_clock(-59.0), None);
        assert!(wrong_clock(86_400.0 * 3.0).unwrap().contains("is 3 days behind that of the server"));
        assert!(wrong_clock(-7200.0).unwrap().contains("is 2 hours ahead of that of the server"));
        assert!(wrong_clock(90.0).unwrap().contains("90 seconds behind"));
    }

    #[test]
    fn a_certificate_out_of_its_time_is_compared_with_the_clock() {
        assert_eq!(not_valid_now((100, 200), at(150)), None);
        assert!(not_valid_now((100, 200), at(201)).unwrap().starts_with("it was valid until Thu, 01 Jan 1970"));
        assert!(not_valid_now((100, 200), at(99)).unwrap().starts_with("it is valid from Thu, 01 Jan 1970"));
    }
}
