//! What is asked for, and the answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use vote_api::{Answer, Attack, BlockAt, ElectionView, Outcome, Request, Trace};
use vote_chain::{
    ElectionId, Height, PublicKey, Receipt, TRANSACTION_BYTES_MAX, Transaction, TransactionId, decode, encode, parse,
};

use crate::fault::Fault;
use crate::guard::{Guard, guard};
use crate::json;
use crate::live::Live;
use crate::node::Node;
use crate::{assets, bundle_hash};

/// A receipt file is a few kilobytes.
const RECEIPT_BYTES_MAX: usize = 1 << 20;
/// How long a page waits for its ballot to be final before it is told to ask again.
const FINAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Words that are searched for are no longer, in bytes.
const QUERY_BYTES_MAX: usize = 200;
/// Finds in one answer.
const FOUND_MAX: usize = 20;

#[derive(Clone)]
struct App {
    guard: Arc<Guard>,
    node: Arc<Node>,
    live: Live,
}

type Answered = Result<Json<Value>, Fault>;

/// The page and its API.
pub(crate) fn app(guarding: Arc<Guard>, node: Arc<Node>) -> Router {
    let app = App { guard: guarding.clone(), node: node.clone(), live: Live::new(node) };
    let mut api = Router::new()
        .route("/session", post(session))
        .route("/info", get(info))
        .route("/status", get(status))
        .route("/members", get(members))
        .route("/validators", get(validators))
        .route("/evidence", get(evidence))
        .route("/elections", get(elections))
        .route("/elections/{id}", get(election))
        .route("/elections/{id}/live", get(follow))
        .route("/elections/{id}/log", get(log))
        .route("/elections/{id}/archive", get(archive))
        .route("/elections/{id}/voters/{key}", get(voter))
        .route("/blocks/{at}", get(block))
        .route("/live", get(follow_status))
        .route("/find", get(find))
        .route("/ballots/{id}", get(ballot))
        .route("/receipts/{id}", get(receipt))
        .route("/receipts/check", post(check_receipt).layer(DefaultBodyLimit::max(RECEIPT_BYTES_MAX)))
        .route("/transactions", post(submit).layer(DefaultBodyLimit::max(TRANSACTION_BYTES_MAX)));
    if !guarding.is_public() {
        api = api.route("/attacks/{name}", post(attack));
    }
    let api = api.fallback(|| async { Fault::not_found("there is nothing at this address") });
    let api = api.method_not_allowed_fallback(|| async {
        Fault::new(StatusCode::METHOD_NOT_ALLOWED, "invalid", "that cannot be done to this address")
    });
    let pages = Router::new().nest("/api", api).fallback(page);
    pages.layer(DefaultBodyLimit::max(1024)).layer(from_fn_with_state(guarding, guard)).with_state(app)
}

async fn page(uri: Uri) -> Response {
    assets::serve(uri.path())
}

/// What was said where something else was needed.
fn unexpected() -> Fault {
    vote_api::CallError::Unexpected.into()
}

fn parsed<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault::invalid(format!("{text:?} is no {what}")))
}

type Body = Result<Bytes, BytesRejection>;

/// A body that was read within its bounds.
fn whole(body: Body) -> Result<Bytes, Fault> {
    body.map_err(|fault| Fault::new(fault.status(), "too_large", fault.body_text()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    token: String,
}

async fn session(State(app): State<App>, body: Body) -> Result<Response, Fault> {
    let opening: Opening = serde_json::from_slice(&whole(body)?).map_err(|error| Fault::invalid(error.to_string()))?;
    let wrong = || Fault::new(StatusCode::UNAUTHORIZED, "unauthorised", "this is not the token that was printed");
    let cookie: HeaderValue = app.guard.session(&opening.token).ok_or_else(wrong)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

async fn info(State(app): State<App>) -> Answered {
    let Answer::Status(status) = app.node.ask(Request::Status).await? else { return Err(unexpected()) };
    let public = app.guard.is_public();
    let attacks = Attack::ALL.iter().map(|a| json!({ "name": a.name(), "description": a.description() }));
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"), "bundle": bundle_hash(), "chain": status.genesis.chain(),
        "chain_name": status.genesis.name, "public": public, "node": status.node,
        "allow_attacks": status.allow_attacks && !public, "attacks": attacks.collect::<Vec<_>>(),
    })))
}

async fn status(State(app): State<App>) -> Answered {
    let Answer::Status(status) = app.node.ask(Request::Status).await? else { return Err(unexpected()) };
    Ok(Json(json::status(&status)))
}

async fn members(State(app): State<App>) -> Answered {
    let Answer::Members(members) = app.node.ask(Request::Members).await? else { return Err(unexpected()) };
    Ok(Json(json::members(&members)))
}

async fn validators(State(app): State<App>) -> Answered {
    let Answer::Validators { set, after, pending } = app.node.ask(Request::Validators).await? else {
        return Err(unexpected());
    };
    Ok(Json(json::validators(&set, after.as_ref(), &pending)))
}

async fn evidence(State(app): State<App>) -> Answered {
    let Answer::Evidence(rows) = app.node.ask(Request::Evidence).await? else { return Err(unexpected()) };
    Ok(Json(json::evidence(&rows)))
}

async fn elections(State(app): State<App>) -> Answered {
    let views = app.node.client().await?.elections().await?;
    Ok(Json(json!({ "elections": views.iter().map(json::summary).collect::<Vec<_>>() })))
}

async fn view(app: &App, id: &str) -> Result<ElectionView, Fault> {
    match app.node.ask(Request::Election(parsed(id, "election's id")?)).await? {
        Answer::Election(view) => Ok(*view),
        _ => Err(unexpected()),
    }
}

async fn election(State(app): State<App>, Path(id): Path<String>) -> Answered {
    let view = view(&app, &id).await?;
    let Answer::Genesis(genesis) = app.node.ask(Request::Genesis).await? else { return Err(unexpected()) };
    Ok(Json(json::election(&view, genesis.chain())))
}

async fn follow(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    Ok(app.live.election(parsed(&id, "election's id")?).await?.into_response())
}

async fn follow_status(State(app): State<App>) -> Response {
    app.live.status().into_response()
}

async fn log(State(app): State<App>, Path(id): Path<String>) -> Answered {
    let view = view(&app, &id).await?;
    let entries = app.node.client().await?.log(view.record.id).await?;
    Ok(Json(json::log(&view, &entries)))
}

fn file(name: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes)
        .into_response()
}

async fn archive(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    let id: ElectionId = parsed(&id, "election's id")?;
    let archive = app.node.client().await?.archive(id).await?;
    Ok(file(&format!("{id:.16}.archive"), encode(&archive)))
}

async fn voter(State(app): State<App>, Path((id, key)): Path<(String, String)>) -> Answered {
    let (id, key): (ElectionId, PublicKey) = (parsed(&id, "election's id")?, parsed(&key, "key")?);
    let Answer::Voter { weight, ballot } = app.node.ask(Request::Voter(id, key)).await? else {
        return Err(unexpected());
    };
    let ballot = ballot
        .map(|ballot| json!({ "transaction": ballot.transaction, "height": ballot.height, "counter": ballot.counter }));
    Ok(Json(json!({ "votes": weight, "ballot": ballot })))
}

async fn block(State(app): State<App>, Path(at): Path<String>) -> Answered {
    let at = if at == "latest" { BlockAt::Latest } else { BlockAt::Height(Height::new(parsed(&at, "height")?)) };
    let Answer::Block { block, certificate } = app.node.ask(Request::Block(at)).await? else {
        return Err(unexpected());
    };
    let transactions: Vec<Transaction> = block.transactions.iter().filter_map(|bytes| parse(bytes).ok()).collect();
    Ok(Json(json::block(&block, &certificate, &transactions)))
}

async fn trace(app: &App, prefix: Vec<u8>) -> Result<Trace, Fault> {
    match app.node.ask(Request::Trace(prefix.into())).await? {
        Answer::Trace(trace) => Ok(*trace),
        _ => Err(unexpected()),
    }
}

async fn ballot(State(app): State<App>, Path(id): Path<String>) -> Answered {
    let prefix = hex::decode(&id).map_err(|_| Fault::invalid("a ballot is named by 32 to 64 hexadecimal digits"))?;
    Ok(Json(json::trace(&trace(&app, prefix).await?)))
}

async fn receipt(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    let id: TransactionId = parsed(&id, "ballot's id")?;
    let Answer::Receipt(receipt) = app.node.ask(Request::Receipt(id)).await? else { return Err(unexpected()) };
    Ok(file(&format!("{id:.16}.receipt"), encode(receipt.as_ref())))
}

async fn check_receipt(State(app): State<App>, body: Body) -> Answered {
    let body = whole(body)?;
    let receipt: Receipt =
        decode(&body).map_err(|error| Fault::invalid(format!("this is no receipt file: {error}")))?;
    receipt.check(None).map_err(|fault| Fault::invalid(format!("the receipt does not hold: {fault}")))?;
    let node = trace(&app, receipt.transaction.as_bytes().to_vec()).await.ok();
    Ok(Json(json::receipt(&receipt, false, node.as_ref())))
}

async fn submit(State(app): State<App>, body: Body) -> Result<Response, Fault> {
    let body = whole(body)?;
    let id = TransactionId::of(&body);
    let (results, mut outcomes) = app.node.client().await?.submit(vec![body.to_vec()]).await?;
    if let Some(Err(refusal)) = results.into_iter().next() {
        return Err(refusal.into());
    }
    let pending = || (StatusCode::ACCEPTED, Json(json!({ "id": id, "final": false }))).into_response();
    match tokio::time::timeout(FINAL_TIMEOUT, outcomes.next()).await {
        Err(_) => Ok(pending()),
        Ok(outcome) => match outcome?.and_then(|outcomes| outcomes.into_iter().next()) {
            Some(Outcome::Final(inclusion)) => {
                let height = inclusion.block.0.height;
                Ok(Json(json!({ "id": id, "height": height, "final": true })).into_response())
            }
            Some(Outcome::Refused(_, refusal)) => Err(refusal.into()),
            None => Ok(pending()),
        },
    }
}

async fn attack(State(app): State<App>, Path(name): Path<String>) -> Answered {
    let attack = Attack::ALL.into_iter().find(|attack| attack.name() == name);
    let attack = attack.ok_or_else(|| Fault::not_found(format!("there is no attack {name:?}")))?;
    let Answer::Attack(report) = app.node.ask(Request::Attack(attack)).await? else { return Err(unexpected()) };
    Ok(Json(json::attack(&report)))
}

#[derive(Deserialize)]
struct Search {
    q: String,
}

/// Blocks by height, ballots by the beginning of their id, elections by the beginning of theirs or by words of their title.
async fn find(State(app): State<App>, Query(Search { q }): Query<Search>) -> Answered {
    let words = q.trim().to_lowercase();
    if words.is_empty() || words.len() > QUERY_BYTES_MAX {
        return Err(Fault::invalid(format!("search for 1 to {QUERY_BYTES_MAX} characters")));
    }
    let mut found = Vec::new();
    if let Ok(height) = words.parse::<u64>()
        && app.node.ask(Request::Block(BlockAt::Height(Height::new(height)))).await.is_ok()
    {
        found.push(json!({ "kind": "block", "id": height.to_string(), "height": height }));
    }
    if let Ok(prefix) = hex::decode(&words)
        && let Ok(trace) = trace(&app, prefix).await
    {
        found.push(json!({ "kind": "ballot", "id": trace.transaction, "height": trace.height }));
    }
    for view in app.node.client().await?.elections().await? {
        let (id, title) = (view.record.id.to_string(), &view.record.election.title);
        if id.starts_with(&words) || title.to_lowercase().contains(&words) {
            found.push(json!({ "kind": "election", "id": id, "height": view.height, "title": title }));
        }
    }
    found.truncate(FOUND_MAX);
    Ok(Json(json!({ "found": found })))
}
