//! In which order and how the addresses of a name are tried.
//!
//! The client tries the addresses of one family one after the other, and those of the other family
//! beside them once the first has not answered for 300 ms. A name that has several addresses of
//! IPv4 only would wait at the first as long as the system does, or for its share of the limit.

use std::net::SocketAddr;

/// Gives addresses of IPv4 a second time as those of IPv6 into which they can be mapped (RFC 4291,
/// 2.5.5.2), the second one first: the client takes them for the other family, and the network for
/// the same. For names that have both families there is nothing to do; addresses of IPv6 cannot be
/// mapped.
pub fn side_by_side(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    if addresses.len() < 2 || addresses.iter().any(SocketAddr::is_ipv6) {
        return addresses;
    }
    let mapped = |address: &SocketAddr| match address {
        SocketAddr::V4(v4) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        SocketAddr::V6(_) => *address,
    };
    let mut others: Vec<_> = addresses.iter().map(mapped).collect();
    others.rotate_left(1);
    addresses.append(&mut others);
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(addresses: &[&str]) -> Vec<String> {
        let addresses = addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 80)).collect();
        side_by_side(addresses).iter().map(|address| address.ip().to_string()).collect()
    }

    #[test]
    fn several_of_ipv4_come_a_second_time_from_the_second_on() {
        assert_eq!(
            order(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
            ["10.0.0.1", "10.0.0.2", "10.0.0.3", "::ffff:10.0.0.2", "::ffff:10.0.0.3", "::ffff:10.0.0.1"]
        );
    }

    #[test]
    fn others_stay_as_they_are() {
        for addresses in [&["10.0.0.1"][..], &["::1", "::2"], &["10.0.0.1", "10.0.0.2", "::1"], &[]] {
            assert_eq!(order(addresses), addresses);
        }
    }
}
