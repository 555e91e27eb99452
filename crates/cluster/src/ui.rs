//! `cluster up --ui`: the network as a screen, with keys to kill, freeze and bring back nodes, and
//! to vote.

mod screen;

use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::sync::mpsc;
use vote_api::Client;
use vote_chain::{Ballot, ElectionId, Payload, Selection, Transaction};
use vote_cluster::{Cluster, credential};

use screen::{Action, Life, Screen};

/// Between looks at the nodes.
const LOOK: Duration = Duration::from_millis(500);
/// A node that says nothing for so long is shown as silent.
const PATIENCE: Duration = Duration::from_millis(400);
/// So long ballots are waited for, in vain if too many nodes are down.
const FINAL_TIMEOUT: Duration = Duration::from_secs(60);
/// Ballots that are cast in one look while voting goes on.
const BALLOTS: usize = 50;

/// Keys, and changes of the terminal's size; read on a thread of its own, which ends with the
/// program.
fn events() -> mpsc::Receiver<Event> {
    let (events, queue) = mpsc::channel(16);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if events.blocking_send(event).is_err() {
                return;
            }
        }
    });
    queue
}

/// Runs the screen until the reader leaves; frozen nodes are thawed then, so that they can be asked
/// to leave.
pub(crate) async fn run(cluster: &mut Cluster, election: ElectionId) -> Result<()> {
    let mut terminal = ratatui::try_init()?;
    let mut screen = Screen::new(cluster.nodes.iter().map(|node| node.name.clone()).collect());
    let mut voters = Voters { election, next: 0 };
    let done = serve(cluster, &mut terminal, &mut screen, &mut voters).await;
    ratatui::restore();
    (0..cluster.nodes.len()).for_each(|at| signal(cluster, at, Signal::SIGCONT));
    done
}

async fn serve(
    cluster: &mut Cluster,
    terminal: &mut ratatui::DefaultTerminal,
    screen: &mut Screen,
    voters: &mut Voters,
) -> Result<()> {
    let (mut events, mut look) = (events(), tokio::time::interval(LOOK));
    loop {
        terminal.draw(|frame| screen.draw(frame))?;
        let action = tokio::select! {
            _ = look.tick() => {
                look_at(cluster, screen, voters).await;
                continue;
            }
            event = events.recv() => match event {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => screen.take(key),
                Some(_) => None,
                None => return Ok(()),
            },
        };
        let Some(action) = action else { continue };
        if action == Action::Quit {
            return Ok(());
        }
        if let Err(fault) = carry_out(cluster, screen, action).await {
            screen.say(fault.to_string());
        }
    }
}

async fn carry_out(cluster: &mut Cluster, screen: &mut Screen, action: Action) -> Result<()> {
    match action {
        Action::Kill(at) => {
            cluster.kill_node(at).await?;
            screen.set(at, Life::Down);
        }
        Action::Restart(at) => {
            cluster.start_node(at).await?;
            screen.set(at, Life::Up);
        }
        Action::Freeze(at) => {
            signal(cluster, at, Signal::SIGSTOP);
            screen.set(at, Life::Frozen);
        }
        Action::Thaw(at) => {
            signal(cluster, at, Signal::SIGCONT);
            screen.set(at, Life::Up);
        }
        Action::Quit => {}
    }
    Ok(())
}

fn signal(cluster: &Cluster, at: usize, signal: Signal) {
    let pid = cluster.nodes[at]
        .daemon
        .as_ref()
        .and_then(vote_cluster::Daemon::pid);
    if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) {
        // Fails if it has just ended, which the next look shows.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Makes ballots, each by a voter of its own.
struct Voters {
    election: ElectionId,
    next: usize,
}

impl Voters {
    fn some(&mut self, cluster: &Cluster) -> Vec<Vec<u8>> {
        let numbers = self.next..self.next + BALLOTS;
        self.next = numbers.end;
        let choice = |number: usize| Selection::Listed(u16::from(number.is_multiple_of(3)));
        let ballot = |number| {
            // The election is by name.
            let payload = Payload::CastBallot(Ballot {
                name: format!("voter {number}"),
                ..Ballot::plain(self.election, choice(number))
            });
            Transaction::sign(cluster.chain, &credential(11, number), payload).to_bytes()
        };
        numbers.map(ballot).collect()
    }
}

/// Asks every node that runs how it is doing, and one of them for the count; casts some ballots if
/// that is wanted.
async fn look_at(cluster: &mut Cluster, screen: &mut Screen, voters: &mut Voters) {
    for at in 0..cluster.nodes.len() {
        let ended = cluster.nodes[at]
            .daemon
            .as_mut()
            .is_some_and(|daemon| daemon.ended().is_ok_and(|e| e.is_some()));
        if ended {
            cluster.nodes[at].daemon = None;
            screen.set(at, Life::Down);
        }
    }
    let mut answered = None;
    for at in cluster.running() {
        let status = tokio::time::timeout(PATIENCE, cluster.status(at)).await;
        let status = status.ok().and_then(Result::ok);
        answered = answered.or_else(|| status.as_ref().map(|_| at));
        screen.hear(at, status);
    }
    let Some(at) = answered else { return };
    let Ok(client) = cluster.client(at).await else {
        return;
    };
    let asked = client.election(voters.election);
    if let Ok(Ok(election)) = tokio::time::timeout(PATIENCE, asked).await {
        screen.count(election.tally.turnout.ballots, Instant::now());
    }
    if screen.voting() {
        tokio::spawn(cast(client, voters.some(cluster)));
    }
}

/// What becomes of these ballots is seen in the count.
async fn cast(client: Client, ballots: Vec<Vec<u8>>) {
    drop(client.decide_all(ballots, FINAL_TIMEOUT).await);
}
