//! docs/schemas is made of the views: `UPDATE_SCHEMAS=1 cargo test --workspace --test schemas`
//! writes it anew.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use vote_views::*;

/// What election files hold, which people write: no view, and kept by hand.
const BY_HAND: &str = "election-file.schema.json";

/// A view has the members that its struct has and no others.
fn close(schema: &mut Schema) {
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".into(), false.into());
    }
}

fn schema<T: JsonSchema>() -> String {
    let mut schema = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>();
    RecursiveTransform(close).transform(&mut schema);
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}

macro_rules! schemas {
    ($($name:literal: $view:ident,)*) => {
        BTreeMap::from([$((concat!($name, ".schema.json").to_owned(), schema::<$view>()),)*])
    };
}

/// What the page's API answers, by the paths that are asked for; an answer that is no success is
/// `fault`.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "it is here for its schema")]
struct Api {
    #[serde(rename = "GET /api/info")]
    info: Info,
    #[serde(rename = "GET /api/status, and events of /api/live")]
    status: Status,
    #[serde(rename = "GET /api/members")]
    members: Members,
    #[serde(rename = "GET /api/validators")]
    validators: Validators,
    #[serde(rename = "GET /api/evidence")]
    evidence: Evidence,
    #[serde(rename = "GET /api/elections")]
    elections: Elections,
    #[serde(rename = "GET /api/elections/{election}")]
    election: Election,
    #[serde(rename = "events of /api/elections/{election}/live")]
    result: ElectionResult,
    #[serde(rename = "GET /api/elections/{election}/log")]
    log: ElectionLog,
    #[serde(rename = "GET /api/elections/{election}/voters/{key}")]
    voting: Voting,
    #[serde(rename = "GET /api/blocks/{height}")]
    block: Block,
    #[serde(rename = "GET /api/ballots/{ballot}")]
    ballot: Trace,
    #[serde(rename = "GET /api/find")]
    findings: Findings,
    #[serde(rename = "POST /api/transactions")]
    submitted: Submitted,
    #[serde(rename = "POST /api/attacks/{attack}")]
    attack: AttackReport,
    fault: PageFault,
}

/// By the names of their files.
fn schemas() -> BTreeMap<String, String> {
    schemas! {
        "api": Api,
        "attack": AttackReport,
        "attacks": Attacks,
        "ballot": Trace,
        "block": Block,
        "bootstrap": TrackerReady,
        "bootstrap-event": TrackerEvent,
        "bootstrap-list": Registrations,
        "cast": Cast,
        "catchup": Catchup,
        "bench": Bench,
        "count": Count,
        "credential": Credential,
        "election": Election,
        "election-approve": ActsApproved,
        "election-cancel": Cancelled,
        "election-check": Described,
        "election-close": Closed,
        "election-create": Created,
        "election-log": ElectionLog,
        "election-open": Opened,
        "election-propose": Proposed,
        "election-proposed": ProposedAct,
        "election-replace-organiser": OrganiserReplaced,
        "election-times": TimesChanged,
        "election-withdraw": Withdrawn,
        "elections": Elections,
        "error": Error,
        "evidence": Evidence,
        "export": Exported,
        "gui": Gui,
        "load": Load,
        "members": Members,
        "node": NodeReady,
        "node-check": LedgerChecked,
        "node-genesis": GenesisMade,
        "node-key": NodeKey,
        "node-recover": Recovered,
        "approved": Approved,
        "protocol": Protocol,
        "organisers": Organisers,
        "pages": Pages,
        "receipt": Receipt,
        "result": ElectionResult,
        "roll": RollShown,
        "roll-bench": RollBench,
        "roll-change": RollChanged,
        "roll-check": RollCheck,
        "roll-import": RollImported,
        "roll-issue": Issued,
        "roll-preview": RollPreview,
        "status": NodeStatus,
        "up": Up,
        "validator-approve": ValidatorApproved,
        "validators": Validators,
        "verified-archive": VerifiedArchive,
    }
}

#[test]
fn schemas_are_those_of_the_views() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    let made = schemas();
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        for (name, text) in &made {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
    let files = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap());
    let kept: BTreeMap<_, _> = files
        .filter(|name| name != BY_HAND)
        .map(|name| {
            (
                name.clone(),
                std::fs::read_to_string(folder.join(name)).unwrap(),
            )
        })
        .collect();
    assert!(
        made.keys().eq(kept.keys()),
        "a file for each view: {:?}, {:?}",
        made.keys(),
        kept.keys()
    );
    for (name, text) in &made {
        assert!(
            kept[name] == *text,
            "{name} is not as the views are: UPDATE_SCHEMAS=1 writes it anew"
        );
    }
}
