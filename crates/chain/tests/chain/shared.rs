//! What is wrong with an election, and what a share is: the page must say the same of
//! testdata/elections.json and testdata/shares.json.

use serde_json::{Map, Value};
use vote_chain::{
    Base, Choices, Contest, Election, InvalidElection, Majority, Overvotes, Results, Rule, Share,
    Timestamp, Voters,
};

fn vectors(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The same with other fields.
fn changed(base: &Value, change: &Value) -> Value {
    let mut fields = base.as_object().unwrap().clone();
    fields.extend(change.as_object().cloned().unwrap_or_else(Map::new));
    fields.into()
}

fn number(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn share(value: &Value) -> Share {
    Share {
        numerator: number(&value["numerator"]),
        denominator: number(&value["denominator"]),
        more: value["more"].as_bool().unwrap(),
    }
}

fn some<T>(value: &Value, read: impl Fn(&Value) -> T) -> Option<T> {
    (!value.is_null()).then(|| read(value))
}

fn contest(value: &Value) -> Contest {
    let majority = |value: &Value| Majority {
        share: share(value),
        base: if value["base"] == "roll" {
            Base::Roll
        } else {
            Base::Votes
        },
    };
    let choices = value["choices"]
        .as_array()
        .map(|choices| choices.iter().map(text).collect());
    Contest {
        title: text(&value["title"]),
        choices: choices.map_or(Choices::WriteIn, Choices::Listed),
        rule: Rule::named(&text(&value["rule"])).unwrap(),
        seats: number(&value["seats"]),
        choices_min: number(&value["min"]),
        choices_max: number(&value["max"]),
        abstention: value["abstention"].as_bool().unwrap(),
        majority: some(&value["majority"], majority),
        shuffle: value["shuffle"].as_bool().unwrap(),
        overvotes: Overvotes::ALL
            .into_iter()
            .find(|one| value["overvotes"] == one.name())
            .unwrap(),
    }
}

fn election(value: &Value) -> Election {
    let time = |value: &Value| some(value, |ms| Timestamp::from_ms(ms.as_u64().unwrap()));
    Election {
        title: text(&value["title"]),
        description: text(&value["description"]),
        contests: value["contests"]
            .as_array()
            .unwrap()
            .iter()
            .map(contest)
            .collect(),
        voters: match text(&value["voters"]).as_str() {
            "anyone" => Voters::Anyone,
            "roll" => Voters::Roll,
            _ => Voters::WeightedRoll,
        },
        opens_at: time(&value["opens_at"]),
        closes_at: time(&value["closes_at"]),
        quorum: some(&value["quorum"], share),
        revotes: number(&value["revotes"]),
        results: if value["results"] == "live" {
            Results::Live
        } else {
            Results::AtClosing
        },
        tie_break: text(&value["tie_break"]),
        salt: 0,
        names: value["names"].as_bool().unwrap(),
        committee: None,
    }
}

/// The kind of a fault, after the number of its contest if there are several: `2 seats`.
fn kind(fault: &InvalidElection) -> String {
    if let InvalidElection::Contest { number, fault } = fault {
        return format!("{number} {}", kind(fault));
    }
    let mut kind = String::new();
    for letter in format!("{fault:?}")
        .chars()
        .take_while(|c| c.is_alphanumeric())
    {
        if letter.is_uppercase() && !kind.is_empty() {
            kind.push('_');
        }
        kind.extend(letter.to_lowercase());
    }
    match fault {
        InvalidElection::Untitled(number) => format!("{number} {kind}"),
        _ => kind,
    }
}

#[test]
fn elections_have_the_faults_that_the_page_finds_too() {
    let all = vectors("elections.json");
    let base = &all["base"];
    for case in all["cases"].as_array().unwrap() {
        let mut value = changed(base, &case["change"]);
        if let Some(contests) = case["contests"].as_array() {
            value["contests"] = contests
                .iter()
                .map(|contest| changed(&base["contests"][0], contest))
                .collect();
        }
        let mut found: Vec<_> = election(&value).faults().iter().map(kind).collect();
        found.sort();
        found.dedup();
        assert_eq!(Value::from(found), case["faults"], "{}", case["name"]);
    }
}

#[test]
fn shares_are_those_that_the_page_knows_too() {
    for vector in vectors("shares.json")["shares"].as_array().unwrap() {
        let share = share(&vector["share"]);
        let contest = Contest::listed(vec!["Ada".into(), "Grace".into()], Rule::Plurality, 1);
        let quorum = Election {
            voters: Voters::Roll,
            quorum: Some(share),
            ..Election::simple("Chair".into(), vec![contest], 0)
        };
        assert_eq!(
            quorum.check().is_ok(),
            vector["possible"] == true,
            "{vector}"
        );
        if let Some(words) = vector["words"].as_str() {
            assert_eq!(share.to_string(), words);
        }
        for reached in vector["reached"].as_array().unwrap() {
            let (part, whole) = (reached[0].as_u64().unwrap(), reached[1].as_u64().unwrap());
            assert_eq!(
                share.is_reached(part, whole),
                reached[2] == true,
                "{vector}: {reached}"
            );
        }
    }
}
