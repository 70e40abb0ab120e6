//! Whether addresses accept connections: for explanations, one by one, which the client of requests
//! does not tell.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connects to an address and closes the connection. Returns the time that it took.
pub async fn reach(address: SocketAddr, limit: Duration) -> io::Result<Duration> {
    let started = Instant::now();
    let connected = timeout(limit, TcpStream::connect(address)).await;
    connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map(|_| started.elapsed())
}
