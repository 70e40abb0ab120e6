//! A download: one request whose body becomes a file.

use std::path::Path;

use http::{HeaderValue, Method, StatusCode, header};
use tokio::sync::watch;
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::io::staging::{Progress, Staging, Writer};
use crate::io::transport::{Answer, Transport};
use crate::operation::attempt::{Attempts, failure_of, first_hop, follow, retry_after, within};
use crate::operation::{blocking, request::named};
use crate::options::{DownloadOptions, Redirects};
use crate::policy::redirect::Hop;

/// A file at its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Downloaded {
    pub size: u64,
}

/// Downloads to `destination`, which appears only whole.
pub async fn download(
    transport: &Transport,
    url: Url,
    destination: &Path,
    options: DownloadOptions,
    progress: &watch::Sender<Option<Progress>>,
) -> Result<Downloaded> {
    let staging = fetch(transport, url, destination, options, progress).await?;
    publish(staging).await
}

/// Downloads to a part file, and leaves its publication to the caller.
pub(super) async fn fetch(
    transport: &Transport,
    url: Url,
    destination: &Path,
    options: DownloadOptions,
    progress: &watch::Sender<Option<Progress>>,
) -> Result<Staging> {
    let DownloadOptions { mut headers, redirects, retry, timeout, tls: _ } = options;
    // What is written must be the bytes that the length speaks of.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let hop = first_hop(Method::GET, url, headers, false);
    let mut writer = Writer::open(destination).await?;
    let mut attempts = Attempts::new(&retry, &Method::GET);
    loop {
        let receiving = receive(transport, &hop, &redirects, &mut writer, progress);
        let error = match within(timeout, "Download", &hop.url, receiving).await {
            Ok(()) => return writer.finish().await,
            Err(error) => error,
        };
        if !attempts.again(failure_of(&error)).await {
            return Err(named("HTTP download failed", error).with_attempts(attempts.made));
        }
    }
}

pub(super) async fn publish(staging: Staging) -> Result<Downloaded> {
    let size = blocking(|| staging.publish()).await?;
    Ok(Downloaded { size })
}

/// The head of the answer that has the file.
async fn head(transport: &Transport, hop: &Hop, redirects: &Redirects) -> Result<Answer> {
    let (answer, url) = follow(transport, hop, None, redirects).await?;
    // A part of the file is a success only for who asked for a part.
    let is_part = answer.status == StatusCode::PARTIAL_CONTENT && !hop.headers.contains_key(header::RANGE);
    if answer.status.is_success() && !is_part {
        return Ok(answer);
    }
    let message = format!("Download failed: HTTP {} {}", answer.status.as_u16(), answer.status_text);
    let error = Error::new(Kind::Status, message.trim_end());
    Err(error.with_status(answer.status.as_u16(), retry_after(&answer.headers)).with_url(&url))
}

/// One attempt: the whole body into the part file.
async fn receive(
    transport: &Transport,
    hop: &Hop,
    redirects: &Redirects,
    writer: &mut Writer,
    progress: &watch::Sender<Option<Progress>>,
) -> Result<()> {
    let mut answer = head(transport, hop, redirects).await?;
    let total = answer.content_length();
    writer.restart(total).await?;
    let mut downloaded = 0;
    progress.send_replace(total.map(|total| Progress { downloaded, total }));
    while let Some(chunk) = answer.chunk().await? {
        downloaded += chunk.len() as u64;
        writer.write(chunk).await?;
        progress.send_replace(total.map(|total| Progress { downloaded, total }));
    }
    match total.filter(|&total| total != downloaded) {
        None => Ok(()),
        Some(total) => {
            let message = format!("the body has {downloaded} bytes, {total} were announced");
            Err(Error::new(Kind::BodyLength, message).with_url(&hop.url))
        }
    }
}
