//! Owns what lives as long as the process (the runtime, the connection pools, the downloads under
//! way), and lends it to the operations.

use std::io;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::base::error::{Error, Kind, Result, io_code};
use crate::base::options::{DownloadOptions, LockOptions, Network, RequestOptions};
use crate::io::http::transport::Transport;
use crate::io::threads;
use crate::operation::blocking;
use crate::operation::checksum_file;
use crate::operation::download::Downloaded;
use crate::operation::locked::{Job, download_with_lock};
use crate::operation::progress::{Report, reported};
use crate::operation::request::{Response, request};
use crate::operation::shared_download::{Listeners, SharedDownloads};
use crate::operation::sources::{Watchers, download};

/// Threads that move bytes. A second one costs more in wake-ups than it gains
/// (`docs/decisions/0011-one-thread.md`). Blocking work has threads of its own.
const WORKERS: usize = 1;
/// Networks whose connection pools are kept: a caller that names another proxy in each call does
/// not accumulate pools.
const TRANSPORTS_MAX: usize = 64;

/// Created by the first call that needs it, while others wait.
type Pool = Arc<OnceCell<Transport>>;

/// Everything that outlives one call.
#[derive(Debug, Default)]
pub struct Client {
    transports: Mutex<Vec<(Arc<Network>, Pool)>>,
    shared_downloads: SharedDownloads,
}

static SHARED: LazyLock<Client> = LazyLock::new(Client::default);

impl Client {
    /// The client of the process. Opens nothing and starts nothing until used.
    pub fn shared() -> &'static Self {
        &SHARED
    }

    pub async fn request(
        &self,
        url: Url,
        options: RequestOptions,
        cancel: &CancellationToken,
    ) -> Result<Box<Response>> {
        let transport = self.transport(&options.transfer.network).await?;
        request(&transport, url, options, cancel).await
    }

    /// The digests that a checksum file lists, as Subresource Integrity by file name.
    pub async fn fetch_checksum_file(
        &self,
        url: Url,
        options: RequestOptions,
        cancel: &CancellationToken,
    ) -> Result<Vec<(String, String)>> {
        let response = self.request(url.clone(), checksum_file::options(options), cancel).await?;
        checksum_file::digests(&url, response).await
    }

    /// `destination` is absolute: see [`resolve`](crate::io::file::destination::resolve).
    pub async fn download(
        &self,
        url: Url,
        destination: &Path,
        options: DownloadOptions,
        report: Option<Report>,
        cancel: &CancellationToken,
    ) -> Result<Downloaded> {
        let (progress, watched) = watch::channel(None);
        let transport = self.transport(&options.transfer.network).await?;
        // A listener that throws ends the download as the caller's signal does, with nothing left
        // behind.
        let stop = cancel.child_token();
        let watchers = Watchers { progress: &progress, cancel: &stop };
        // Boxed: the future is large, and is part of others.
        let downloading = Box::pin(download(&transport, url, destination, options, watchers));
        match report {
            Some(report) => reported(watched, report, downloading, &stop).await,
            None => downloading.await,
        }
    }

    /// `destination` is absolute: see [`resolve`](crate::io::file::destination::resolve).
    pub async fn download_with_lock(
        &self,
        url: Url,
        destination: &Path,
        download: DownloadOptions,
        lock: LockOptions,
        listeners: Listeners,
        cancel: &CancellationToken,
    ) -> Result<Downloaded> {
        let job = Job { url, destination: destination.to_owned(), download, lock };
        let transport = self.transport(&job.download.transfer.network).await?;
        download_with_lock(&transport, &self.shared_downloads, job, listeners, cancel).await
    }

    /// The connection pool of a network, created when first needed.
    pub async fn transport(&self, network: &Arc<Network>) -> Result<Transport> {
        // Its connections are not ours to keep.
        if let Some(transport) = Transport::of_host(network) {
            return Ok(transport);
        }
        let pool = {
            let mut transports = self.transports.lock().unwrap_or_else(PoisonError::into_inner);
            // A list: it is short, and equal networks mostly have the same address.
            if let Some((_, pool)) = transports.iter().find(|(known, _)| known == network) {
                pool.clone()
            } else {
                if transports.len() >= TRANSPORTS_MAX {
                    // Pools in use live as long as they are used.
                    transports.clear();
                }
                let pool = Pool::default();
                transports.push((network.clone(), pool.clone()));
                pool
            }
        };
        if let Some(transport) = pool.get() {
            return Ok(transport.clone());
        }
        let network = network.clone();
        pool.get_or_try_init(|| blocking(move || Transport::new(&network))).await.cloned()
    }
}

/// Runs an operation on the thread of this library.
///
/// The thread is started by the first call, and ends with the process. Nothing waits for it.
pub fn spawn<T: Send + 'static>(operation: impl Future<Output = T> + Send + 'static) -> Result<JoinHandle<T>> {
    Ok(runtime()?.spawn(operation))
}

/// The thread that moves bytes. If it cannot be started, the call fails, and the next one tries
/// again.
pub fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    // If no thread can be started, the builder panics and reports that on stderr. The probe mostly
    // finds out before.
    threads::probe()?;
    let built = catch_unwind(|| {
        Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("socket-registry")
            .thread_keep_alive(Duration::from_secs(2))
            .enable_all()
            .build()
    });
    let runtime = match built {
        Ok(Ok(runtime)) => runtime,
        Ok(Err(error)) => {
            let failed = Error::new(Kind::Internal, format!("The runtime cannot be started: {error}"));
            return Err(failed.with_code(io_code(&error).unwrap_or("ERR_INTERNAL")).with_cause(error));
        }
        Err(_) => return Err(threads::no_thread(&io::ErrorKind::WouldBlock.into())),
    };
    Ok(RUNTIME.get_or_init(|| runtime))
}
