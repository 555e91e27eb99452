//! `gui`: serves the booth until it is interrupted.

use serde_json::json;
use tokio::net::TcpListener;
use vote_web::{Access, Config, Server, Token};

use crate::cli::GuiArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(context: &Context, args: GuiArgs) -> Result<(), Failure> {
    let GuiArgs { listen, public } = args;
    if public.is_none() && !listen.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "{listen} can be reached from other machines; without --public the page is for this one alone"
        )));
    }
    let socket = context.socket()?.to_owned();
    // The page waits for a node that is down; whoever starts it should know.
    if let Err(failure) = context.client().await {
        eprintln!("{failure}; the page is served all the same, and finds the node when it is there");
    }
    let failed = |error| Failure::Other(format!("cannot listen on {listen}: {error}"));
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(Failure::other)?;
    let (access, url) = match public {
        Some(origin) => (Access::Public(origin.clone()), origin),
        None => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(Failure::other)?;
            let token = Token::from_random(&bytes);
            let url = format!("http://{address}/#token={}", token.as_str());
            (Access::Loopback(token), url)
        }
    };
    let server = Server::new(Config::new(socket, access), listener, address)
        .map_err(|fault| Failure::Usage(fault.to_string()))?;
    let bundle = vote_web::bundle_hash();
    if context.json {
        output::json(&json!({ "url": url, "listen": address, "bundle": bundle }));
    } else {
        output::line(format_args!("Open {url}"));
        output::line(format_args!("  page  {bundle} (SHA-256 of its files; the page shows it too)"));
        output::line("Ctrl-C ends it. Whoever has the address with its token can use the node in your name.");
    }
    // Ends with Ctrl-C, as every command.
    server.run(std::future::pending()).await;
    Ok(())
}
