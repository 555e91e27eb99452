//! `gui`: serves the booth until it is interrupted.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::net::TcpListener;
use tokio::process::Command;
use vote_views as views;
use vote_web::{Access, Config, Server, Token};

use crate::cli::GuiArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::{credential, output};

pub(super) async fn run(context: &Context, args: GuiArgs) -> Result<(), Failure> {
    let GuiArgs {
        listen,
        public,
        take_elections,
        client_header,
        no_open,
    } = args;
    if public.is_none() && !listen.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "{listen} can be reached from other machines; without --public the page is for this one alone"
        )));
    }
    let socket = context.socket()?.to_owned();
    let chain = context.trusted()?;
    match context.client().await {
        Ok(_) => {}
        // The page waits for a node that is down; whoever starts it should know.
        Err(failure @ Failure::Unreachable(_)) => {
            output::aside(format_args!(
                "{failure}; the page is served all the same, and finds the node when it is there"
            ));
        }
        Err(failure) => return Err(failure),
    }
    let failed = |error| Failure::Other(format!("cannot listen on {listen}: {error}"));
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(Failure::other)?;
    let opens = public.is_none() && !no_open && !context.json && std::io::stdout().is_terminal();
    let (access, url, visitors) = match public {
        Some(origin) => (
            Access::Public(origin.clone()),
            origin,
            Some(visitors(client_header.as_deref())),
        ),
        None => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(Failure::other)?;
            let token = Token::from_random(&bytes);
            let url = format!("http://{address}/#token={}", token.as_str());
            (Access::Loopback(token), url, None)
        }
    };
    let config = Config {
        chain,
        takes_elections: take_elections,
        client_header,
        ..Config::new(socket, access)
    };
    let server = Server::new(config, listener, address)
        .map_err(|fault| Failure::Usage(fault.to_string()))?;
    let bundle = vote_web::bundle_hash();
    if context.json {
        output::json(&views::Gui {
            url: url.clone(),
            listen: address.to_string(),
            bundle,
        });
    } else {
        output::line(format_args!("Open {url}"));
        output::line(format_args!(
            "  page  {bundle} (SHA-256 of its files; the page shows it too)"
        ));
        match visitors {
            Some(visitors) => output::line(format_args!("  visitors  {visitors}\nCtrl-C ends it.")),
            None => output::line(
                "Ctrl-C ends it. Whoever has the address with its token can use the node in your name.",
            ),
        }
    }
    let _doorway = if opens {
        open(&context.data_dir, address.port(), &url)
    } else {
        None
    };
    // Ends with Ctrl-C, as every command.
    server.run(std::future::pending()).await;
    Ok(())
}

/// How visitors of a public page are told apart, so that none of them has the others wait.
fn visitors(header: Option<&str>) -> String {
    match header {
        Some(name) => format!(
            "told apart by the last address in the header {name}, which is believed: let nobody but the proxy reach this address"
        ),
        None => "told apart by the address that they come from; behind a proxy say --client-header NAME, since it has one address for all"
            .to_owned(),
    }
}

/// A file that leads a browser to the page. It goes when the page does.
struct Doorway(PathBuf);

impl Drop for Doorway {
    fn drop(&mut self) {
        // Of no use any more: the token in it is dead.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Opens the page in a browser, if this desktop knows how. Not by its address: every user of the
/// machine can read the arguments of a program, and the token is in it.
fn open(data_dir: &Path, port: u16, url: &str) -> Option<Doorway> {
    let path = std::env::var_os("PATH")?;
    let program = std::env::split_paths(&path)
        .map(|dir| dir.join("xdg-open"))
        .find(|program| program.is_file())?;
    let doorway = Doorway(data_dir.join(format!("gui-{port}.html")));
    // One of an earlier page that was ended by force.
    let _ = std::fs::remove_file(&doorway.0);
    credential::write_new(&doorway.0, doorway_page(url).as_bytes()).ok()?;
    let quiet = || Stdio::null();
    Command::new(program)
        .arg(&doorway.0)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .spawn()
        .ok()?;
    Some(doorway)
}

fn doorway_page(url: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Voting booth</title>\n\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\"></head>\n<body><a href=\"{url}\">To the page</a></body></html>\n"
    )
}
