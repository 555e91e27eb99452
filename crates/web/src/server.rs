//! Taking connections, within bounds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::guard::{Access, Guard, InvalidOrigin};
use crate::node::Node;
use crate::routes;

/// Connections at one time: each open page holds one or two.
const CONNECTIONS_MAX: usize = 4096;
/// A request's line and headers, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Who has not said what it wants after so long is not waited for.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What the page is served with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's socket.
    pub socket: PathBuf,
    /// For whom.
    pub access: Access,
}

/// A page that is being served.
pub struct Server {
    listener: TcpListener,
    app: Router,
}

impl Server {
    /// Prepares to serve on a listener.
    ///
    /// # Errors
    /// [`InvalidOrigin`] if the public origin is none.
    pub fn new(config: Config, listener: TcpListener, address: SocketAddr) -> Result<Self, InvalidOrigin> {
        let guard = Arc::new(Guard::new(config.access, address)?);
        let app = routes::app(guard, Arc::new(Node::new(config.socket)));
        Ok(Self { listener, app })
    }

    /// Serves until `shutdown` resolves; what is being answered then is cut off.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> std::io::Result<()> {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = tokio::task::JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            let permit = tokio::select! {
                () = &mut shutdown => return Ok(()),
                permit = room.clone().acquire_owned() => permit.map_err(std::io::Error::other)?,
            };
            let stream = tokio::select! {
                () = &mut shutdown => return Ok(()),
                accepted = self.listener.accept() => accepted?.0,
            };
            let app = self.app.clone();
            while connections.try_join_next().is_some() {}
            connections.spawn(async move {
                let _permit = permit;
                let mut http = hyper::server::conn::http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
                // A browser that hangs up is no error of ours.
                let _ = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app)).await;
            });
        }
    }
}
