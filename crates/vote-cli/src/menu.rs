//! The menu: name; C cast, T tally, S stage attack, Q quit.

use std::io::{BufRead, Write};

use tokio::sync::mpsc;
use vote_api::{Attack, Client, ElectionView};
use vote_chain::{Choices, ElectionPhase, SecretKey};
use vote_web::code::VoterCode;
use zeroize::Zeroizing;

use crate::commands::Cast;
use crate::context::Context;
use crate::failure::Failure;
use crate::{ballot, commands, credential, find, output, result};

/// Lines of standard input, read when they are asked for, on a thread of its own: a terminal cannot be waited for otherwise.
struct Input {
    /// Asks for a line; whether it is a secret, which a terminal does not show.
    asks: mpsc::Sender<bool>,
    lines: mpsc::Receiver<Zeroizing<String>>,
}

impl Input {
    fn new() -> Self {
        let (asks, mut asked) = mpsc::channel(1);
        let (answers, lines) = mpsc::channel(1);
        std::thread::spawn(move || {
            while let Some(secret) = asked.blocking_recv() {
                let Some(line) = read_line(secret) else { return };
                if answers.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self { asks, lines }
    }

    /// Asks, and waits for a line; none at the end of the input.
    async fn ask(&mut self, prompt: &str) -> Option<String> {
        self.line(prompt, false).await.map(|line| line.to_string())
    }

    async fn ask_for_code(&mut self, prompt: &str) -> Option<Zeroizing<String>> {
        self.line(prompt, true).await
    }

    async fn line(&mut self, prompt: &str, secret: bool) -> Option<Zeroizing<String>> {
        let mut out = std::io::stdout();
        let _ = write!(out, "{prompt}");
        let _ = out.flush();
        self.asks.send(secret).await.ok()?;
        self.lines.recv().await
    }
}

fn read_line(secret: bool) -> Option<Zeroizing<String>> {
    if secret {
        return credential::ask_for_code("").ok();
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line).ok()?;
    (read > 0).then(|| Zeroizing::new(line.trim().to_owned()))
}

pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let client = context.client().await?;
    let mut input = Input::new();
    let Some(name) = input.ask("Your name: ").await else { return Ok(()) };
    tokio::select! {
        done = serve(context, &client, &mut input, &name) => done,
        () = client.gone() => {
            output::line("");
            Err(Failure::Unreachable("the node has left; start vote-cli again when it is back, or with another node's --socket".into()))
        }
    }
}

async fn serve(context: &Context, client: &Client, input: &mut Input, name: &str) -> Result<(), Failure> {
    loop {
        output::line("\n(C) cast a ballot   (T) tally   (S) stage an attack   (Q) quit");
        let Some(choice) = input.ask("> ").await else { return Ok(()) };
        let done = match choice.to_lowercase().as_str() {
            "c" => cast(context, client, input, name).await,
            "t" => tally(client, input).await,
            "s" => attack(context, client, input).await,
            "q" => return Ok(()),
            _ => {
                output::line("Type C, T, S or Q.");
                Ok(())
            }
        };
        match done {
            Err(failure @ Failure::Unreachable(_)) if client_is_gone(client).await => return Err(failure),
            Err(failure) => output::line(format_args!("Not done: {failure}")),
            Ok(()) => {}
        }
    }
}

async fn client_is_gone(client: &Client) -> bool {
    tokio::select! {
        biased;
        () = client.gone() => true,
        () = std::future::ready(()) => false,
    }
}

/// The election to cast in: the only open one, or one that is picked; if there is none at all, one is made.
async fn pick_open(context: &Context, client: &Client, input: &mut Input) -> Result<Option<ElectionView>, Failure> {
    let mut elections = client.elections().await?;
    if elections.is_empty() {
        output::line("There is no election yet; one is created, in which everybody writes in a choice.");
        commands::create_write_in(context, client, "Vote").await?;
        elections = client.elections().await?;
    }
    elections.retain(|view| view.phase == ElectionPhase::Open);
    if elections.is_empty() {
        return Err(Failure::NotFound("no election is open".into()));
    }
    pick(elections, input).await
}

async fn pick(elections: Vec<ElectionView>, input: &mut Input) -> Result<Option<ElectionView>, Failure> {
    match elections.as_slice() {
        [] => {
            output::line("There is no election yet.");
            Ok(None)
        }
        [one] => Ok(Some(one.clone())),
        several => {
            for (at, view) in several.iter().enumerate() {
                output::line(format_args!(
                    "  {}  {} ({})",
                    at + 1,
                    output::clean(&view.record.election.title),
                    view.phase
                ));
            }
            let Some(answer) = input.ask("Which election? ").await else { return Ok(None) };
            let picked = answer.parse::<usize>().ok().and_then(|at| several.get(at.checked_sub(1)?)).cloned();
            picked.map(Some).ok_or_else(|| Failure::Usage("there is no such number".into()))
        }
    }
}

async fn cast(context: &Context, client: &Client, input: &mut Input, name: &str) -> Result<(), Failure> {
    let Some(view) = pick_open(context, client, input).await? else { return Ok(()) };
    let Some(key) = key(context, &view, input, name).await? else { return Ok(()) };
    let mut words = Vec::new();
    for contest in &view.record.election.contests {
        if !contest.title.is_empty() {
            output::line(output::clean(&contest.title));
        }
        let prompt = match &contest.choices {
            Choices::Listed(choices) => {
                for at in ballot::order(contest, name) {
                    output::line(format_args!("  {}  {}", at + 1, output::clean(&choices[at])));
                }
                format!("Your ballot ({}; numbers will do): ", ballot::syntax(contest))
            }
            Choices::WriteIn => "Your choice: ".to_owned(),
        };
        let Some(answer) = input.ask(&prompt).await else { return Ok(()) };
        words.push(answer);
    }
    let Cast { receipt, path, .. } = commands::cast_in(context, client, &view, &key, name.to_owned(), &words).await?;
    output::line(format_args!(
        "Your ballot is final, in block {}. The receipt is {}",
        receipt.header.height,
        path.display()
    ));
    Ok(())
}

/// The key to sign with: with a roll, that of a voter code, or one that was made before; a new one would be of no use.
async fn key(
    context: &Context,
    view: &ElectionView,
    input: &mut Input,
    name: &str,
) -> Result<Option<SecretKey>, Failure> {
    let file = context.credential_file(Some(name));
    if !view.record.election.has_roll() {
        return credential::load_or_make(&file).map(Some);
    }
    let or = if file.exists() { format!(", or Enter to use {}", file.display()) } else { String::new() };
    let prompt = format!("This election has a roll. Your voter code, which is not shown{or}: ");
    let Some(code) = input.ask_for_code(&prompt).await else { return Ok(None) };
    output::line("");
    if code.is_empty() {
        return credential::load(&file).map(Some);
    }
    let code = VoterCode::parse(&code).map_err(|fault| Failure::NotEligible(fault.to_string()))?;
    Ok(Some(code.secret_key()))
}

async fn tally(client: &Client, input: &mut Input) -> Result<(), Failure> {
    if let Some(view) = pick(client.elections().await?, input).await? {
        result::lines(&find::whole(client, view).await?).iter().for_each(output::line);
    }
    Ok(())
}

async fn attack(context: &Context, client: &Client, input: &mut Input) -> Result<(), Failure> {
    for (at, attack) in Attack::ALL.iter().enumerate() {
        output::line(format_args!("  {}  {:<20} {}", at + 1, attack.name(), attack.description()));
    }
    let Some(answer) = input.ask("Which attack (number; Enter for the first)? ").await else { return Ok(()) };
    let at = if answer.is_empty() { Some(0) } else { answer.parse::<usize>().ok().and_then(|at| at.checked_sub(1)) };
    let attack =
        at.and_then(|at| Attack::ALL.get(at)).ok_or_else(|| Failure::Usage("there is no such number".into()))?;
    commands::stage(context, client, *attack).await
}
