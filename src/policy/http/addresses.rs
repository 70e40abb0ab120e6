//! The order in which the addresses of a name are tried.
//!
//! The client tries the addresses of one family one after the other, and in parallel those of the
//! other family once the first has been silent for 300 ms (Happy Eyeballs, RFC 6555). For a name
//! with several addresses, all IPv4, the client would wait for the first as long as the system
//! does, or for its share of the limit.

use std::net::SocketAddr;

/// Appends to IPv4 addresses the same addresses mapped to IPv6 (RFC 4291, 2.5.5.2), the second one
/// first. To the client they are the other family, to the network the same addresses. Names with
/// both families need no help, and IPv6 addresses cannot be mapped: their order does not change.
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
    fn several_ipv4_addresses_are_repeated_from_the_second_on() {
        assert_eq!(
            order(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
            ["10.0.0.1", "10.0.0.2", "10.0.0.3", "::ffff:10.0.0.2", "::ffff:10.0.0.3", "::ffff:10.0.0.1"]
        );
    }

    #[test]
    fn other_addresses_are_not_changed() {
        for addresses in [&["10.0.0.1"][..], &["::1", "::2"], &["10.0.0.1", "10.0.0.2", "::1"], &[]] {
            assert_eq!(order(addresses), addresses);
        }
    }
}
