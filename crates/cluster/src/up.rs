//! `cluster up`.

use std::io::IsTerminal;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use vote_chain::{Contest, ElectionId, Rule, faults_tolerated};
use vote_cluster::{Cluster, Daemon, Node, Options, Programs};
use vote_views as views;

use crate::{UpArgs, election, output, ui};

pub(crate) async fn run(args: UpArgs) -> Result<bool> {
    if args.ui && !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        anyhow::bail!("--ui needs a terminal; without it the network comes up just as well");
    }
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let stop = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(stop);
    let mut cluster = tokio::select! {
        started = start(&args) => started?,
        () = &mut stop => return Ok(true),
    };
    let choices = ["Soup", "Pasta", "Salad"].map(str::to_owned).to_vec();
    let election = election::create_by_name(
        &cluster,
        "Demo: what is for lunch?",
        Contest::listed(choices, Rule::Plurality, 1),
    )
    .await?;
    if args.ui {
        let done = tokio::select! {
            done = ui::run(&mut cluster, election) => done,
            () = &mut stop => {
                ratatui::restore();
                Ok(())
            }
        };
        cluster.stop().await?;
        return done.map(|()| true);
    }
    let mut page = if args.gui {
        Some(cluster.start_page(0).await?)
    } else {
        None
    };
    let ready = match args.json {
        true => views::line(&describe(&cluster, election, page.as_ref())),
        false => banner(&cluster, &election, usize::from(args.nodes), page.as_ref()),
    };
    output::lines(ready)?;
    tokio::select! {
        () = &mut stop => {}
        () = watch(&mut cluster, &mut page) => {}
    }
    if !args.json {
        eprintln!("\nstopping ...");
    }
    if let Some(mut page) = page {
        page.terminate().await?;
    }
    cluster.stop().await?;
    Ok(true)
}

async fn start(args: &UpArgs) -> Result<Cluster> {
    let mut options = Options {
        validators: args.nodes.into(),
        dir: args.dir.clone(),
        reset: args.reset,
        anyone: args.anyone,
        ..Options::default()
    };
    if !args.anyone {
        // Whoever tries the network creates elections without a word more than they would say
        // elsewhere.
        let programs = Programs::find()?;
        options
            .organisers
            .push(programs.organiser(None).await?.public());
        options.programs = Some(programs);
    }
    let mut cluster = Cluster::start(options).await?;
    for _ in 0..args.followers {
        cluster.add_follower().await?;
    }
    Ok(cluster)
}

/// Says when a process ends that nobody has ended.
async fn watch(cluster: &mut Cluster, page: &mut Option<Daemon>) {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(500));
    loop {
        tick.tick().await;
        for node in &mut cluster.nodes {
            let ended = node
                .daemon
                .as_mut()
                .and_then(|daemon| daemon.ended().ok().flatten());
            if let Some(status) = ended {
                eprintln!(
                    "{} has ended ({status}); its log is {}",
                    node.name,
                    node.log.display()
                );
                node.daemon = None;
            }
        }
        if let Some(status) = page.as_mut().and_then(|page| page.ended().ok().flatten()) {
            eprintln!("the page has ended ({status})");
            *page = None;
        }
    }
}

fn describe(cluster: &Cluster, election: ElectionId, page: Option<&Daemon>) -> views::Up {
    let pid = |daemon: &Option<Daemon>| daemon.as_ref().and_then(Daemon::pid);
    let listen = |daemon: &Daemon| {
        let addresses = daemon.ready["listen"].as_array().into_iter().flatten();
        addresses
            .filter_map(|address| address.as_str().map(str::to_owned))
            .collect()
    };
    let node = |node: &Node| views::UpNode {
        name: node.name.clone(),
        pid: pid(&node.daemon),
        app_socket: node.socket.display().to_string(),
        data_dir: node.data_dir.display().to_string(),
        log: node.log.display().to_string(),
        listen: node.daemon.as_ref().map(listen),
    };
    views::Up {
        bootstrap: views::UpTracker {
            address: cluster.tracker_address.clone(),
            pid: pid(&cluster.tracker),
        },
        chain: cluster.chain.into(),
        election: election.into(),
        folder: cluster.folder().display().to_string(),
        nodes: cluster.nodes.iter().map(node).collect(),
        page: page.map(|page| views::UpPage {
            url: page.ready["url"].as_str().map(str::to_owned),
            pid: page.pid(),
        }),
    }
}

fn banner(
    cluster: &Cluster,
    election: &ElectionId,
    validators: usize,
    page: Option<&Daemon>,
) -> String {
    let cli = cluster.programs().vote_cli.display();
    let pid = |daemon: &Option<Daemon>| daemon.as_ref().and_then(Daemon::pid).unwrap_or_default();
    let faults = faults_tolerated(validators);
    let mut lines = vec![
        format!(
            "\nA network is up. Validators: {validators}, of which {faults} may fail or lie.\n"
        ),
        format!("  tracker   {}", cluster.tracker_address),
        format!("  chain     {}", cluster.chain),
        format!("  election  {election}"),
    ];
    for node in &cluster.nodes {
        let (name, pid) = (&node.name, pid(&node.daemon));
        lines.push(format!(
            "  {name:<8}  process {pid:<7} socket {}",
            node.socket.display()
        ));
    }
    lines.push(format!("  logs      {}/*.log", cluster.folder().display()));
    let (first, last) = (&cluster.nodes[0], &cluster.nodes[cluster.nodes.len() - 1]);
    if let Some(url) = page.and_then(|page| page.ready["url"].as_str()) {
        lines.push(format!(
            "\nVote in a browser on this machine; whoever has this address can use {} in your name:\n\n  {url}",
            first.name
        ));
    }
    lines.push("\nTry, in another terminal:\n".to_owned());
    lines.push(format!(
        "  {cli} --socket {} cast Soup --name Ada",
        last.socket.display()
    ));
    lines.push(format!("  {cli} --socket {} tally", first.socket.display()));
    lines.push(format!(
        "  {cli} --socket {} election create --title Tea --choice Green --choice Black",
        first.socket.display()
    ));
    lines.push(format!(
        "  {cli} --socket {} attack run forged-parent",
        first.socket.display()
    ));
    lines.push(format!(
        "  kill -9 {}        # a node dies; the others go on",
        pid(&last.daemon)
    ));
    let stays = if cluster.folder().starts_with(std::env::temp_dir()) {
        ""
    } else {
        " but its folder"
    };
    lines.push(format!(
        "\nCtrl-C ends the network and leaves nothing behind{stays}."
    ));
    lines.join("\n")
}
