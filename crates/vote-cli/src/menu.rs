//! The menu: name; C cast, T tally, S stage attack, Q quit.

use std::io::Write;

use tokio::sync::mpsc;
use vote_api::{Attack, Client, ElectionView};
use vote_chain::{Choices, ElectionPhase, SecretKey};
use zeroize::Zeroizing;

use crate::commands::Cast;
use crate::context::Context;
use crate::failure::Failure;
use crate::{ballot, code, commands, credential, find, output, result};

/// Standard input, read when something is asked, on a thread of its own: a terminal cannot be waited for otherwise.
struct Input {
    /// Prompts of what is not shown as it is typed; none for other lines.
    asked: std::sync::mpsc::Sender<Option<&'static str>>,
    lines: mpsc::Receiver<Zeroizing<String>>,
}

impl Input {
    fn new() -> Self {
        let (asked, prompts) = std::sync::mpsc::channel();
        let (answers, lines) = mpsc::channel(1);
        std::thread::spawn(move || {
            while let Ok(secret) = prompts.recv() {
                let line = match secret {
                    Some(prompt) => code::secret_line(prompt).ok(),
                    None => std::io::stdin().lines().next().and_then(Result::ok).map(Zeroizing::new),
                };
                if line.is_none_or(|line| answers.blocking_send(line).is_err()) {
                    return;
                }
            }
        });
        Self { asked, lines }
    }

    /// Asks, and waits for a line; none at the end of the input.
    async fn ask(&mut self, prompt: &str) -> Option<String> {
        let mut out = std::io::stdout();
        let _ = write!(out, "{prompt}");
        let _ = out.flush();
        Some(self.answer(None).await?.trim().to_owned())
    }

    /// Asks for what nobody should see; empty at the end of the input.
    async fn ask_secret(&mut self, prompt: &'static str) -> Option<Zeroizing<String>> {
        self.answer(Some(prompt)).await
    }

    async fn answer(&mut self, secret: Option<&'static str>) -> Option<Zeroizing<String>> {
        self.asked.send(secret).ok()?;
        self.lines.recv().await
    }
}

pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let client = context.client().await?;
    let mut input = Input::new();
    let Some(name) = input.ask("Your name (others read it beside your ballots): ").await else { return Ok(()) };
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
    let Some(key) = key(context, client, input, &view, name).await? else { return Ok(()) };
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

/// The credential to sign with: that of the name, which is made if anybody may vote. On a roll a new one is of no use: there it is the one of
/// the name if that is on it, or the one of a voter code.
async fn key(
    context: &Context,
    client: &Client,
    input: &mut Input,
    view: &ElectionView,
    name: &str,
) -> Result<Option<SecretKey>, Failure> {
    let (file, title) = (context.credential_file(Some(name)), output::clean(&view.record.election.title));
    if !view.record.election.has_roll() {
        return credential::load_or_make(&file).map(Some);
    }
    let mut with = None;
    if file.exists() {
        let key = credential::load(&file)?;
        if commands::voter(client, view, &key).await?.0.is_some() {
            return Ok(Some(key));
        }
        with = Some(format!("the credential {}", file.display()));
    }
    let prompt = "Only those on the roll vote here. Your voter code (Enter if you have none): ";
    let Some(code) = input.ask_secret(prompt).await else { return Ok(None) };
    if !code.trim().is_empty() {
        let key = code::parse(&code)?.secret_key();
        if commands::voter(client, view, &key).await?.0.is_some() {
            return Ok(Some(key));
        }
        with = Some("this code".to_owned());
    }
    Err(Failure::NotEligible(match with {
        Some(with) => format!("you are not on the roll of {title:?} with {with}; ask its organiser"),
        None => format!("it takes a voter code, or a credential that is on the roll of {title:?}; ask its organiser"),
    }))
}

async fn tally(client: &Client, input: &mut Input) -> Result<(), Failure> {
    if let Some(view) = pick(client.elections().await?, input).await? {
        result::lines(&find::by_id(client, view.record.id).await?).iter().for_each(output::line);
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
