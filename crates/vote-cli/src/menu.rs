//! The menu: name; C cast, T tally, S stage attack, Q quit.

use tokio::sync::mpsc;
use vote_api::{Attack, CheckedElection, Client, ElectionQuery, ElectionView};
use vote_chain::{Choices, ElectionPhase, SecretKey};
use zeroize::Zeroizing;

use crate::commands::Cast;
use crate::context::Context;
use crate::failure::Failure;
use crate::people::normal;
use crate::{ballot, code, commands, credential, find, output, result, says};

/// Elections that are listed to pick from.
const LISTED: u16 = 20;

/// Standard input, read when something is asked, on a thread of its own: a terminal cannot be
/// waited for otherwise.
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
                    None => std::io::stdin()
                        .lines()
                        .next()
                        .and_then(Result::ok)
                        .map(Zeroizing::new),
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
        output::prompt(prompt);
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
    let Some(name) = input
        .ask("Your name (it picks your key; only votes by name put it on the ledger, and say so first): ")
        .await
    else {
        return Ok(());
    };
    tokio::select! {
        done = serve(context, &client, &mut input, &name) => done,
        () = client.gone() => {
            output::line("");
            Err(Failure::Unreachable("the node has left; start vote-cli again when it is back, or with another node's --socket".into()))
        }
    }
}

async fn serve(
    context: &Context,
    client: &Client,
    input: &mut Input,
    name: &str,
) -> Result<(), Failure> {
    while !output::has_failed() {
        output::line("\n(C) cast a ballot   (T) tally   (S) stage an attack   (Q) quit");
        let Some(choice) = input.ask("> ").await else {
            return Ok(());
        };
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
            Err(failure @ Failure::Unreachable(_)) if client_is_gone(client).await => {
                return Err(failure);
            }
            Err(failure) => output::line(format_args!("Not done: {failure}")),
            Ok(()) => {}
        }
    }
    Ok(())
}

async fn client_is_gone(client: &Client) -> bool {
    tokio::select! {
        biased;
        () = client.gone() => true,
        () = std::future::ready(()) => false,
    }
}

/// The election to cast in: the only open one, or one that is picked; if there is none at all, one
/// is made.
async fn pick_open(
    context: &Context,
    client: &Client,
    input: &mut Input,
) -> Result<Option<CheckedElection>, Failure> {
    if list(client, &[]).await?.0.is_empty() {
        output::line(
            "There is no election yet; one is created, in which everybody writes in a choice.",
        );
        commands::create_write_in(context, client, "Vote").await?;
    }
    let open = list(client, &[ElectionPhase::Open]).await?;
    if open.0.is_empty() {
        return Err(Failure::NotFound("no election is open".into()));
    }
    pick(client, open, input).await
}

/// Some elections in these phases, the newest first, and whether there are more.
async fn list(
    client: &Client,
    phases: &[ElectionPhase],
) -> Result<(Vec<ElectionView>, bool), Failure> {
    let query = ElectionQuery {
        phases: phases.to_vec(),
        limit: LISTED,
        ..ElectionQuery::default()
    };
    Ok(client.elections_page(query).await?)
}

async fn pick(
    client: &Client,
    (elections, more): (Vec<ElectionView>, bool),
    input: &mut Input,
) -> Result<Option<CheckedElection>, Failure> {
    let picked = match elections.as_slice() {
        [] => {
            output::line("There is no election yet.");
            return Ok(None);
        }
        [one] if !more => one,
        several => {
            for (at, view) in several.iter().enumerate() {
                output::line(format_args!(
                    "  {}  {} ({})",
                    at + 1,
                    output::clean(&view.record.election.title),
                    view.phase
                ));
            }
            if more {
                output::line(
                    "  and older ones: type a part of the title, or the beginning of the id",
                );
            }
            let Some(answer) = input.ask("Which election? ").await else {
                return Ok(None);
            };
            let place = answer
                .parse::<usize>()
                .ok()
                .and_then(|at| several.get(at.checked_sub(1)?));
            match place {
                Some(view) => view,
                None if answer.is_empty() => {
                    return Err(Failure::Usage("there is no such number".into()));
                }
                None => return find::any_election(client, Some(&answer)).await.map(Some),
            }
        }
    };
    let election = client.election(picked.record.id).await?;
    // The list was the node's word.
    if election.record.election.title != picked.record.election.title {
        return Err(find::lies(
            client,
            "an election in its list has another title",
        ));
    }
    Ok(Some(election))
}

async fn cast(
    context: &Context,
    client: &Client,
    input: &mut Input,
    name: &str,
) -> Result<(), Failure> {
    let Some(election) = pick_open(context, client, input).await? else {
        return Ok(());
    };
    output::line(find::shown(&election));
    // The name of the start picks the key; another spelling now would be another voter.
    let picks = name;
    let asked;
    let name = if election.record.election.names && normal(name).is_empty() {
        let Some(answer) = input.ask(commands::NAME_ASKED).await else {
            return Ok(());
        };
        asked = answer;
        &asked
    } else {
        name
    };
    let Some(key) = key(context, client, input, &election, picks).await? else {
        return Ok(());
    };
    let mut words = Vec::new();
    for contest in &election.record.election.contests {
        if !contest.title.is_empty() {
            output::line(output::clean(&contest.title));
        }
        let prompt = match &contest.choices {
            Choices::Listed(choices) => {
                for at in ballot::order(contest, name) {
                    output::line(format_args!(
                        "  {}  {}",
                        at + 1,
                        output::clean(&choices[at])
                    ));
                }
                format!(
                    "Your ballot ({}; numbers will do): ",
                    ballot::syntax(contest)
                )
            }
            Choices::WriteIn => "Your choice: ".to_owned(),
        };
        let Some(answer) = input.ask(&prompt).await else {
            return Ok(());
        };
        words.push(answer);
    }
    let name = commands::on_ballot(&election, name);
    let signed = commands::sign(client, &election, &key, name, &words).await?;
    output::line("You cast:");
    says::lines(signed.says()).iter().for_each(output::line);
    let Cast { kept, path, .. } =
        commands::cast_signed(context, client, &election, &key, &signed).await?;
    output::line(format_args!(
        "Your ballot is final, in block {}. The receipt is {}",
        kept.receipt.header.height,
        path.display()
    ));
    Ok(())
}

/// The credential to sign with: that of the name, which is made if anybody may vote. On a roll a
/// new one is of no use: there it is the one of the name if that is on it, or the one of a voter
/// code.
async fn key(
    context: &Context,
    client: &Client,
    input: &mut Input,
    election: &CheckedElection,
    name: &str,
) -> Result<Option<SecretKey>, Failure> {
    let title = output::clean(&election.record.election.title);
    let file = context.credential_file(Some(name))?;
    if !election.record.election.has_roll() {
        return credential::load_or_make(&file).map(Some);
    }
    let mut with = None;
    if file.exists() {
        let key = credential::load(&file)?;
        if is_on_roll(client, election, &key).await? {
            return Ok(Some(key));
        }
        with = Some(format!("the credential {}", file.display()));
    }
    let prompt = "Only those on the roll vote here. Your voter code (Enter if you have none): ";
    let Some(code) = input.ask_secret(prompt).await else {
        return Ok(None);
    };
    if !code.trim().is_empty() {
        let key = code::parse(&code)?.secret_key();
        if is_on_roll(client, election, &key).await? {
            return Ok(Some(key));
        }
        with = Some("this code".to_owned());
    }
    Err(Failure::NotEligible(match with {
        Some(with) => {
            format!("you are not on the roll of {title:?} with {with}; ask its organiser")
        }
        None => format!(
            "it takes a voter code, or a credential that is on the roll of {title:?}; ask its organiser"
        ),
    }))
}

async fn is_on_roll(
    client: &Client,
    election: &CheckedElection,
    key: &SecretKey,
) -> Result<bool, Failure> {
    Ok(client
        .voter(election.record.id, key.public())
        .await?
        .weight
        .is_some())
}

async fn tally(client: &Client, input: &mut Input) -> Result<(), Failure> {
    let all = list(client, &[]).await?;
    if let Some(election) = pick(client, all, input).await? {
        result::lines(&election).iter().for_each(output::line);
    }
    Ok(())
}

async fn attack(context: &Context, client: &Client, input: &mut Input) -> Result<(), Failure> {
    for (at, attack) in Attack::ALL.iter().enumerate() {
        output::line(format_args!(
            "  {}  {:<20} {}",
            at + 1,
            attack.name(),
            attack.description()
        ));
    }
    let Some(answer) = input
        .ask("Which attack (number; Enter for the first)? ")
        .await
    else {
        return Ok(());
    };
    let at = if answer.is_empty() {
        Some(0)
    } else {
        answer
            .parse::<usize>()
            .ok()
            .and_then(|at| at.checked_sub(1))
    };
    let attack = at
        .and_then(|at| Attack::ALL.get(at))
        .ok_or_else(|| Failure::Usage("there is no such number".into()))?;
    commands::stage(context, client, *attack).await
}
