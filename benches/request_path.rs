//! A number of requests, one after the other, from the core to a server of its own on the loopback:
//! for counting the instructions of one of them, which no noise of a machine changes.
//! `scripts/instructions.mjs` runs it and says how.
#![allow(missing_docs, reason = "a program")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use socketsecurity_registry::base::options::RequestOptions;
use socketsecurity_registry::client::{Client, spawn};
use tokio_util::sync::CancellationToken;
use url::Url;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let argument = std::env::args().nth(1).unwrap_or_default();
    match argument.parse() {
        Ok(requests) => ask(requests),
        Err(_) if argument == "serve" => serve(),
        // `cargo bench` passes another argument. Nothing is timed here.
        Err(_) => Ok(()),
    }
}

/// The server is a process of its own, so that its instructions are not counted.
fn ask(requests: u32) -> Result<(), Failure> {
    let mut server = Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    BufReader::new(server.stdout.take().ok_or("no output")?).read_line(&mut address)?;
    let url = Url::parse(&format!("http://{}/", address.trim()))?;
    let (done, outcome) = std::sync::mpsc::channel();
    spawn(async move {
        let mut asked = Ok(());
        for _ in 0..requests {
            let response =
                Client::shared().request(url.clone(), RequestOptions::default(), &CancellationToken::new()).await;
            asked = asked.and(response.map(|response| assert_eq!(response.body.len(), BODY)));
        }
        done.send(asked)
    })?;
    let asked = outcome.recv()?;
    server.kill()?;
    server.wait()?;
    Ok(asked?)
}

const BODY: usize = 1024;

fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("{}", listener.local_addr()?);
    let response = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\ncontent-type: application/json\r\n\r\n{}",
        "7".repeat(BODY)
    );
    for connection in listener.incoming() {
        let mut connection = connection?;
        let mut lines = BufReader::new(connection.try_clone()?).lines();
        while lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).count() > 0 {
            connection.write_all(response.as_bytes())?;
        }
    }
    Ok(())
}
