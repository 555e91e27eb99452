//! `validator`.

use vote_api::{CallError, Client, Member, Validators};
use vote_chain::{
    Height, PublicKey, Validator, ValidatorChange, ValidatorSet, check_node_name, faults_tolerated,
    is_same_name,
};
use vote_views as views;

use crate::cli::ValidatorCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{ask, output};

pub(super) async fn run(context: &Context, command: ValidatorCommand) -> Result<(), Failure> {
    let client = context.client().await?;
    let validators = client.validators().await?;
    match command {
        ValidatorCommand::List => {
            show(context, &validators);
            Ok(())
        }
        ValidatorCommand::Admit {
            node,
            power,
            name,
            yes,
        } => {
            let named = Named::new(&node, yes)?;
            let member = member(&client.members().await?, &named)?;
            let name = name.unwrap_or_else(|| member.name.clone());
            let change = ValidatorChange::Admit(Validator {
                key: member.key,
                name,
                power,
            });
            check_name(upcoming(&validators), &change)?;
            let who = format!("{} with the key {}", clean(&member.name), member.key);
            approve(
                context,
                &client,
                &validators,
                Approval { change, who, named },
            )
            .await
        }
        ValidatorCommand::Remove { node, yes } => {
            let named = Named::new(&node, yes)?;
            let validator = validator(upcoming(&validators), &named)?;
            let who = format!("{} with the key {}", clean(&validator.name), validator.key);
            let change = ValidatorChange::Remove(validator.key);
            approve(
                context,
                &client,
                &validators,
                Approval { change, who, named },
            )
            .await
        }
    }
}

/// The set that decides as soon as all that was approved is in force.
fn upcoming(validators: &Validators) -> &ValidatorSet {
    validators.after.as_ref().unwrap_or(&validators.set)
}

/// A node as it was named. Anybody can call a node anything: only the key says which one it is.
enum Named {
    /// By its key.
    Key {
        key: PublicKey,
        /// Nothing more is asked.
        yes: bool,
    },
    /// By its name: the key is shown and asked about.
    Name(String),
}

impl Named {
    fn new(said: &str, yes: bool) -> Result<Self, Failure> {
        match said.parse::<PublicKey>() {
            Ok(key) => Ok(Self::Key { key, yes }),
            Err(_) if yes => Err(Failure::Usage(
                "--yes needs the whole key, 64 hexadecimal digits: anybody can call a node anything".into(),
            )),
            Err(_) => Ok(Self::Name(said.to_owned())),
        }
    }
}

/// A node that is connected and has proven its key.
struct Proven {
    name: String,
    key: PublicKey,
}

fn member(members: &[Member], named: &Named) -> Result<Proven, Failure> {
    let found: Vec<_> = match named {
        Named::Key { key, .. } => members
            .iter()
            .filter(|member| member.key == Some(*key))
            .collect(),
        Named::Name(name) => members
            .iter()
            .filter(|member| is_same_name(&member.name, name))
            .collect(),
    };
    match (found.as_slice(), named) {
        ([one], _) => {
            let name = one.name.clone();
            let not_yet = || {
                let shown = clean(&name);
                Failure::NotFound(format!(
                    "{shown} has not proven its validator key yet; try again in a moment"
                ))
            };
            let key = one.key.ok_or_else(not_yet)?;
            Ok(Proven { name, key })
        }
        ([], Named::Key { key, .. }) => Err(Failure::NotFound(format!(
            "no node that is connected has the key {key:.16}; `vote-cli members` shows those that are"
        ))),
        ([], Named::Name(name)) => Err(Failure::NotFound(format!(
            "no node that is connected is called {name:?}; `vote-cli members` shows those that are"
        ))),
        (several, _) => {
            let keys: String = several
                .iter()
                .map(|member| {
                    member
                        .key
                        .map_or_else(String::new, |key| format!("\n  {key}"))
                })
                .collect();
            Err(Failure::Usage(format!(
                "several nodes are called so; say which, by its key:{keys}"
            )))
        }
    }
}

fn validator<'a>(set: &'a ValidatorSet, named: &Named) -> Result<&'a Validator, Failure> {
    let found: Vec<_> = match named {
        Named::Key { key, .. } => set.get(key).into_iter().collect(),
        Named::Name(name) => set
            .iter()
            .filter(|validator| is_same_name(&validator.name, name))
            .collect(),
    };
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::NotFound(
            "there is no such validator; `vote-cli validator list` shows them".into(),
        )),
        several => {
            let keys: String = several
                .iter()
                .map(|validator| format!("\n  {}", validator.key))
                .collect();
            Err(Failure::Usage(format!(
                "several validators are called so; say which, by its key:{keys}"
            )))
        }
    }
}

/// Whether a name can stand in the set beside the others.
fn check_name(set: &ValidatorSet, change: &ValidatorChange) -> Result<(), Failure> {
    let ValidatorChange::Admit(Validator { key, name, .. }) = change else {
        return Ok(());
    };
    check_node_name(name).map_err(|fault| {
        Failure::Usage(format!(
            "the name {:?} {fault}; give another with --name",
            clean(name)
        ))
    })?;
    let taken = set
        .iter()
        .find(|validator| validator.key != *key && is_same_name(&validator.name, name));
    taken.map_or(Ok(()), |taken| {
        Err(Failure::Usage(format!(
            "{:?} is the name of the validator with the key {:.16} already; give another with --name",
            clean(&taken.name),
            taken.key
        )))
    })
}

/// A change that is to be approved.
struct Approval {
    change: ValidatorChange,
    /// Whom it is about: name and key.
    who: String,
    named: Named,
}

async fn approve(
    context: &Context,
    client: &Client,
    before: &Validators,
    approval: Approval,
) -> Result<(), Failure> {
    let Approval { change, who, named } = approval;
    if is_made(upcoming(before), &change) {
        made_already(context, upcoming(before), &who);
        return Ok(());
    }
    let set = upcoming(before)
        .changed(&change)
        .map_err(|fault| Failure::NotFound(fault.to_string()))?;
    ask_first(upcoming(before), &set, &change, &who, &named)?;
    context.remember(client).await?;
    let height = match client
        .approve(&change.clone().into(), context.timeout)
        .await
    {
        Ok(inclusion) => inclusion.block.0.height,
        Err(error @ CallError::Refused(_)) => {
            // The others may have completed the change meanwhile: it no longer takes this approval.
            let now = client.validators().await?;
            if !is_made(upcoming(&now), &change) {
                return Err(error.into());
            }
            made_already(context, upcoming(&now), &who);
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    report(context, &client.validators().await?, &change, height)
}

/// Whether nothing is left to do for a change.
fn is_made(set: &ValidatorSet, change: &ValidatorChange) -> bool {
    match change {
        ValidatorChange::Admit(validator) => set
            .get(&validator.key)
            .is_some_and(|now| now.power == validator.power),
        ValidatorChange::Remove(key) => !set.contains(key),
    }
}

/// Asks about what cannot be taken back alone.
fn ask_first(
    before: &ValidatorSet,
    after: &ValidatorSet,
    change: &ValidatorChange,
    who: &str,
    named: &Named,
) -> Result<(), Failure> {
    let warning = what_it_means(before.count(), after.count());
    let does = match change {
        ValidatorChange::Admit(validator) => {
            format!(
                "Approve that {who} becomes a validator with power {}?",
                validator.power
            )
        }
        ValidatorChange::Remove(_) => format!("Approve that {who} is a validator no longer?"),
    };
    match (named, warning) {
        (Named::Key { yes: true, .. }, _) | (Named::Key { yes: false, .. }, None) => Ok(()),
        (Named::Key { yes: false, .. }, Some(warning)) => ask::confirm(
            &format!("{warning}\n{does}"),
            &format!("{warning} Say --yes to do it"),
        ),
        (Named::Name(_), warning) => {
            let warning = warning.map_or_else(String::new, |warning| format!("{warning}\n"));
            let compare = "Anybody can call a node so: compare the key with the one that its operator reads to you (`vote-cli status` there).";
            let otherwise = format!(
                "{who} is meant; name it by its key, with --yes, if that is the one that its operator has"
            );
            ask::confirm(&format!("{warning}{compare}\n{does}"), &otherwise)
        }
    }
}

/// What a set of another size means for the network, where none may fail afterwards.
fn what_it_means(before: usize, after: usize) -> Option<String> {
    let grows = after > before;
    match after {
        2 => Some(
            "With two validators none may fail: if either is gone, nothing is decided, and neither can be removed without itself."
                .to_owned(),
        ),
        3 => Some(
            "With three validators none may fail: while one is gone, nothing is decided. From four on, one may fail.".to_owned(),
        ),
        1 if !grows => Some("One validator alone decides everything: nobody can hold it to anything.".to_owned()),
        n if !grows && faults_tolerated(n) < faults_tolerated(before) => {
            Some(format!("Then there are {}.", output::validators(n)))
        }
        _ => None,
    }
}

fn view(
    approved: views::Approved,
    in_force_at: Option<u64>,
    set: &ValidatorSet,
) -> views::ValidatorApproved {
    let validators = set.count();
    views::ValidatorApproved {
        approved,
        in_force_at,
        validators,
        faults_tolerated: faults_tolerated(validators),
    }
}

fn made_already(context: &Context, set: &ValidatorSet, who: &str) {
    if context.json {
        let approved = views::Approved {
            height: None,
            already: true,
            approvals: None,
        };
        output::json(&view(approved, None, set));
    } else {
        output::line(format_args!(
            "The change is made already, by the approvals of the others: {who}. There are {}.",
            output::validators(set.count())
        ));
    }
}

/// How many have approved a change so far; none if it is made.
fn approvals(
    now: &Validators,
    change: &ValidatorChange,
    height: Height,
) -> Result<Option<usize>, Failure> {
    if is_made(upcoming(now), change) {
        return Ok(None);
    }
    let waits = now.pending.iter().find(|(pending, _)| pending == change);
    waits.map(|(_, keys)| Some(keys.len())).ok_or_else(|| {
        Failure::NotFound(format!(
            "it was approved in block {height}, and another change was made meanwhile, which drops all approvals: approve it again"
        ))
    })
}

fn report(
    context: &Context,
    now: &Validators,
    change: &ValidatorChange,
    height: Height,
) -> Result<(), Failure> {
    let (set, approvals) = (upcoming(now), approvals(now, change, height)?);
    let in_force = approvals.is_none().then(|| height.get() + 2);
    if context.json {
        let approved = views::Approved {
            height: Some(height.get()),
            already: false,
            approvals,
        };
        output::json(&view(approved, in_force, set));
        return Ok(());
    }
    match approvals {
        Some(so_far) => output::line(format_args!(
            "Approved, in block {height}: {so_far} of {} validators so far. It takes effect once more than two thirds of the power has approved it.",
            set.count()
        )),
        None => output::line(format_args!(
            "Approved, in block {height}, and in force from block {}: {}.",
            height.get() + 2,
            output::validators(set.count())
        )),
    }
    Ok(())
}

fn show(context: &Context, shown: &Validators) {
    if context.json {
        return output::json(&views::Validators::of(shown));
    }
    let Validators {
        set,
        after,
        pending,
    } = shown;
    let n = set.count();
    let mut rows = vec![["NAME", "POWER", "KEY"].map(String::from).to_vec()];
    rows.extend(
        set.iter()
            .map(|v| vec![clean(&v.name), v.power.to_string(), v.key.to_string()]),
    );
    output::table(&rows);
    output::line(format_args!("{}.", output::validators(n)));
    if let Some(after) = after {
        output::line(format_args!(
            "Soon {}: {}.",
            after.count(),
            after
                .iter()
                .map(|v| clean(&v.name))
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    for (change, keys) in pending {
        output::line(format_args!(
            "waiting: {}, approved by {} of {}",
            clean(&views::change(change)),
            keys.len(),
            set.count()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::SecretKey;

    fn key(at: u8) -> PublicKey {
        SecretKey::from_seed(&[at; 32]).public()
    }

    fn connected(name: &str, at: u8) -> Member {
        let (peer, addresses) = (format!("peer-{at}"), Vec::new());
        Member {
            name: name.into(),
            peer,
            key: Some(key(at)),
            power: None,
            height: None,
            addresses,
            this: false,
        }
    }

    fn set(names: &[&str]) -> ValidatorSet {
        let one = |(at, name): (u8, &&str)| Validator {
            key: key(at),
            name: name.to_string(),
            power: 1,
        };
        ValidatorSet::new((1..).zip(names).map(one).collect()).unwrap()
    }

    #[test]
    fn stranger_that_calls_itself_by_the_key_of_another_is_not_taken_for_it() {
        let wanted = key(1).to_string();
        let members = [connected(&wanted, 9)];
        let named = Named::new(&wanted, true).unwrap();
        assert!(matches!(
            member(&members, &named),
            Err(Failure::NotFound(_))
        ));
        let members = [connected(&wanted, 9), connected("north", 1)];
        assert_eq!(member(&members, &named).unwrap().key, key(1));
        // A prefix of a key is a name, and nobody's.
        assert!(matches!(
            member(&members, &Named::new(&wanted[..16], false).unwrap()),
            Err(Failure::NotFound(_))
        ));
    }

    #[test]
    fn name_alone_never_admits_without_a_question() {
        assert!(matches!(Named::new("north", true), Err(Failure::Usage(_))));
        let (one, two) = (set(&["a"]), set(&["a", "b"]));
        let change = ValidatorChange::Admit(Validator {
            key: key(2),
            name: "b".into(),
            power: 1,
        });
        let asked = |named: &Named| ask_first(&one, &two, &change, "b", named);
        assert!(
            matches!(asked(&Named::Name("b".into())), Err(Failure::Usage(_))),
            "off a terminal nobody can answer"
        );
        let refused = asked(&Named::Key {
            key: key(2),
            yes: false,
        })
        .unwrap_err()
        .to_string();
        assert!(
            refused.contains("With two validators none may fail"),
            "{refused}"
        );
        assert!(
            asked(&Named::Key {
                key: key(2),
                yes: true
            })
            .is_ok()
        );
        let several = [connected("north", 1), connected("North ", 2)];
        assert!(matches!(
            member(&several, &Named::Name("north".into())),
            Err(Failure::Usage(_))
        ));
    }

    #[test]
    fn approval_that_another_change_has_dropped_is_not_in_force() {
        let change = ValidatorChange::Admit(Validator {
            key: key(3),
            name: "c".into(),
            power: 1,
        });
        let now = |names: &[&str], pending| Validators {
            set: set(&["a", "b"]),
            after: Some(set(names)),
            pending,
        };
        let height = Height::new(7);
        let one = vec![(change.clone(), vec![key(1)])];
        assert_eq!(
            approvals(&now(&["a", "b"], one), &change, height).unwrap(),
            Some(1)
        );
        assert_eq!(
            approvals(&now(&["a", "b", "c"], Vec::new()), &change, height).unwrap(),
            None
        );
        let dropped = approvals(&now(&["a"], Vec::new()), &change, height).unwrap_err();
        assert!(
            dropped.code() == 3 && dropped.to_string().contains("approve it again"),
            "{dropped}"
        );
    }

    #[test]
    fn what_a_set_of_another_size_means_is_said_where_none_may_fail() {
        for (before, after, words) in [
            (1, 2, "neither can be removed without itself"),
            (2, 3, "while one is gone, nothing is decided"),
            (3, 2, "neither can be removed without itself"),
            (2, 1, "decides everything"),
            (7, 6, "6 validators, of which 1 may fail"),
        ] {
            assert!(
                what_it_means(before, after).unwrap().contains(words),
                "{before} to {after}"
            );
        }
        assert_eq!(what_it_means(3, 4), None);
        assert_eq!(what_it_means(6, 5), None);
    }

    #[test]
    fn name_of_another_validator_or_of_a_key_is_refused() {
        let admit = |name: &str| {
            ValidatorChange::Admit(Validator {
                key: key(9),
                name: name.into(),
                power: 1,
            })
        };
        let set = set(&["North", "south"]);
        for name in ["north", "NORTH", "South"] {
            let refused = check_name(&set, &admit(name)).unwrap_err().to_string();
            assert!(refused.contains("already"), "{refused}");
        }
        let refused = check_name(&set, &admit(&key(3).to_string()))
            .unwrap_err()
            .to_string();
        assert!(refused.contains("looks like a key"), "{refused}");
        assert!(check_name(&set, &admit("east")).is_ok());
    }
}
