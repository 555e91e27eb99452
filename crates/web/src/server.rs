//! Taking connections, within bounds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use vote_chain::ChainId;

use crate::clients::{Clients, Peer};
use crate::guard::{Access, Guard, HEAD_BYTES_MAX, InvalidAccess};
use crate::live::TOPICS_MAX;
use crate::node::Node;
use crate::routes::{self, Serving};
use crate::stall::Stall;

/// Connections at one time, if the system allows so many open files. Each open page holds two: it
/// follows the node, and an election.
const CONNECTIONS_MAX: usize = 4096;
/// Connections at one time, whatever the system says.
const CONNECTIONS_MIN: usize = 64;
/// Files that are open besides: what a process has anyway, and the connections to the node.
const OTHER_FILES: usize = 128 + TOPICS_MAX;
/// What is read of a head before the connection is closed without a word, in bytes:
/// [`HEAD_BYTES_MAX`] and room to say no.
const READ_BYTES_MAX: usize = 4 * HEAD_BYTES_MAX;
/// After the system has refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What the page is served with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's socket.
    pub socket: PathBuf,
    /// The chain that the node must be on; if none is named, the one that it is on first.
    pub chain: Option<ChainId>,
    /// For whom.
    pub access: Access,
    /// Whether a public page takes elections and acts of organisers too; one that is not public
    /// does.
    pub takes_elections: bool,
    /// The header in which a proxy before a public page names who asks, if there is one: its last
    /// address is believed. Without it no header is.
    pub client_header: Option<String>,
    /// Who has not said what it wants after so long, or does not read what it has asked for, is not
    /// waited for.
    pub patience: Duration,
    /// How long a page waits for its ballot to be final before it is told to ask again.
    pub finality: Duration,
}

impl Config {
    /// On no chain in particular, with ten seconds of patience, and half a minute for finality; if
    /// public, for ballots alone.
    pub const fn new(socket: PathBuf, access: Access) -> Self {
        Self {
            socket,
            chain: None,
            access,
            takes_elections: false,
            client_header: None,
            patience: Duration::from_secs(10),
            finality: Duration::from_secs(30),
        }
    }
}

/// A page that is being served.
pub struct Server {
    listener: TcpListener,
    app: Router,
    /// Of a public page.
    clients: Option<Arc<Clients>>,
    patience: Duration,
    connections: usize,
}

impl Server {
    /// Prepares to serve on a listener of that address. Lets this process have as many files open
    /// as that takes, within what the system allows.
    ///
    /// # Errors
    /// [`InvalidAccess`] if the public origin is none, or a page that is not public could be
    /// reached from other machines.
    pub fn new(
        config: Config,
        listener: TcpListener,
        address: SocketAddr,
    ) -> Result<Self, InvalidAccess> {
        let Config {
            socket,
            chain,
            access,
            takes_elections,
            client_header,
            patience,
            finality,
        } = config;
        let header = client_header
            .map(|name| name.parse().map_err(|_| InvalidAccess::Header(name)))
            .transpose()?;
        let guard = Arc::new(Guard::new(access, address)?);
        let connections = connections();
        // There is always room for who only asks.
        let followers = connections / 4 * 3;
        let clients = guard.is_public().then(|| Arc::new(Clients::new(header)));
        let serving = Serving {
            followers,
            takes_elections,
            patience,
            finality,
        };
        let app = routes::app(
            guard,
            clients.clone(),
            Arc::new(Node::new(socket, chain)),
            serving,
        );
        Ok(Self {
            listener,
            app,
            clients,
            patience,
            connections,
        })
    }

    /// Serves until `shutdown` resolves; what is being answered then is cut off.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let room = Arc::new(Semaphore::new(self.connections));
        let mut connections = tokio::task::JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            let next = async {
                let permit = room
                    .clone()
                    .acquire_owned()
                    .await
                    .expect("the semaphore is never closed");
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                () = &mut shutdown => return,
                next = next => next,
            };
            let Ok((stream, peer)) = accepted else {
                // Too many files are open, or the browser has gone already: neither is a reason to
                // end.
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let peer = peer.ip();
            let counted = match &self.clients {
                Some(clients) => match clients.connect(peer, Instant::now()) {
                    Some(counted) => Some(counted),
                    // It has as many as one may.
                    None => continue,
                },
                None => None,
            };
            let app = self.app.clone().layer(Extension(Peer(peer)));
            let patience = self.patience;
            while connections.try_join_next().is_some() {}
            connections.spawn(async move {
                let _permit = permit;
                let _counted = counted;
                let mut http = hyper::server::conn::http1::Builder::new();
                http.timer(TokioTimer::new())
                    .header_read_timeout(patience)
                    .max_buf_size(READ_BYTES_MAX);
                let stream = TokioIo::new(Stall::new(stream, patience));
                // A browser that hangs up is no error of ours.
                let _ = http
                    .serve_connection(stream, TowerToHyperService::new(app))
                    .await;
            });
        }
    }
}

/// How many connections there may be, after the system was asked for as many files as that takes.
fn connections() -> usize {
    let wanted = (CONNECTIONS_MAX + OTHER_FILES) as u64;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return CONNECTIONS_MIN;
    };
    let files =
        if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard).is_ok() {
            wanted.min(hard)
        } else {
            soft
        };
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    files
        .saturating_sub(OTHER_FILES)
        .clamp(CONNECTIONS_MIN, CONNECTIONS_MAX)
}
