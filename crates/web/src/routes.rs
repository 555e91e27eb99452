//! What is asked for, and the answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{
    DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request as HttpRequest, State,
};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderValue, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use vote_api::{
    Attack, BlockAt, ELECTIONS_PAGE_MAX, ElectionQuery, FinalBlock, OrganisersView, QUERY_BYTES_MAX,
};
use vote_chain::{
    ElectionId, ElectionPhase, Height, Payload, PublicKey, TRANSACTION_BYTES_MAX, Transaction,
    TransactionId, parse,
};
use vote_views as views;

use crate::archive::Archives;
use crate::clients::{Clients, Prefix, bound};
use crate::fault::Fault;
use crate::find::{Finder, refuse_voter_code, trace};
use crate::guard::{Guard, guard};
use crate::live::Live;
use crate::node::Node;
use crate::shared::{Shared, share};
use crate::submit::Submissions;
use crate::{assets, bundle_hash};

/// A body that is no transaction.
const BODY_BYTES_MAX: usize = 1024;

#[derive(Clone)]
struct App {
    guard: Arc<Guard>,
    node: Arc<Node>,
    live: Live,
    submissions: Submissions,
    archives: Archives,
    finder: Finder,
    takes_elections: bool,
    patience: Duration,
    finality: Duration,
}

type Answered<T> = Result<Json<T>, Fault>;

/// How the page is served.
pub(crate) struct Serving {
    /// Pages that follow something at one time.
    pub(crate) followers: usize,
    /// Whether a public page takes elections and acts of organisers.
    pub(crate) takes_elections: bool,
    pub(crate) patience: Duration,
    pub(crate) finality: Duration,
}

/// The page and its API.
pub(crate) fn app(
    guarding: Arc<Guard>,
    clients: Option<Arc<Clients>>,
    node: Arc<Node>,
    serving: Serving,
) -> Router {
    let Serving {
        followers,
        takes_elections,
        patience,
        finality,
    } = serving;
    let app = App {
        live: Live::new(node.clone(), guarding.is_public(), followers),
        submissions: Submissions::new(node.clone()),
        archives: Archives::new(node.clone()),
        finder: Finder::new(node.clone()),
        guard: guarding.clone(),
        node,
        takes_elections: takes_elections || !guarding.is_public(),
        patience,
        finality,
    };
    let questions = Router::new()
        .route("/info", get(info))
        .route("/status", get(status))
        .route("/members", get(members))
        .route("/validators", get(validators))
        .route("/evidence", get(evidence))
        .route("/elections", get(elections))
        .route("/elections/{id}", get(election))
        .route("/elections/{id}/log", get(log))
        .route("/elections/{id}/voters/{key}", get(voter))
        .route("/blocks/{at}", get(block))
        .route("/find", get(find))
        .route("/ballots/{id}", get(ballot))
        .route("/receipts/{id}", get(receipt))
        .route("/transactions/{id}", get(transaction))
        .layer(from_fn_with_state(Shared::default(), share));
    let mut api = questions
        .route("/elections/{id}/live", get(follow))
        .route("/elections/{id}/archive", get(archive))
        .route("/live", get(follow_status))
        .route(
            "/transactions",
            post(submit).layer(DefaultBodyLimit::max(TRANSACTION_BYTES_MAX)),
        );
    if !guarding.is_public() {
        api = api
            .route("/session", post(session))
            .route("/attacks/{name}", post(attack));
    }
    let api = api.fallback(|| async { Fault::not_found("there is nothing at this address") });
    let api = api.method_not_allowed_fallback(|| async { not_allowed() });
    let pages = Router::new()
        .nest("/api", api)
        .fallback_service(get(page).fallback(|| async { not_allowed() }));
    let pages = match clients {
        Some(clients) => pages.layer(from_fn_with_state(clients, bound)),
        None => pages,
    };
    pages
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(guarding, guard))
        .with_state(app)
}

fn not_allowed() -> Fault {
    Fault::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "invalid",
        "that cannot be done to this address",
    )
}

async fn page(uri: Uri) -> Result<Response, Fault> {
    assets::serve(uri.path())
}

fn parsed<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, Fault> {
    text.parse()
        .map_err(|_| Fault::invalid(format!("{text:?} is no {what}")))
}

/// The parts of an address that are names.
struct Named<T>(T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(names)| Self(names))
            .map_err(|fault| Fault::invalid(fault.body_text()))
    }
}

/// A body that was read within its bounds, and in time.
struct Whole(Bytes);

impl FromRequest<App> for Whole {
    type Rejection = Fault;

    async fn from_request(request: HttpRequest, app: &App) -> Result<Self, Fault> {
        let slow = |_| {
            Fault::new(
                StatusCode::REQUEST_TIMEOUT,
                "invalid",
                "the request did not come to its end in time",
            )
        };
        let read = timeout(app.patience, Bytes::from_request(request, app))
            .await
            .map_err(slow)?;
        read.map(Self).map_err(|fault| match fault.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Fault::too_large("more was sent than is read here"),
            status => Fault::new(status, "invalid", fault.body_text()),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    token: String,
}

async fn session(State(app): State<App>, Whole(body): Whole) -> Result<Response, Fault> {
    let opening: Opening =
        serde_json::from_slice(&body).map_err(|error| Fault::invalid(error.to_string()))?;
    let wrong = || {
        Fault::new(
            StatusCode::UNAUTHORIZED,
            "unauthorised",
            "this is not the token that was printed",
        )
    };
    let cookie: HeaderValue = app.guard.session(&opening.token).ok_or_else(wrong)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

async fn info(State(app): State<App>) -> Answered<views::Info> {
    let asked = app
        .node
        .ask(|client| async move { Ok((client.status().await?, client.organisers().await?)) });
    let (status, OrganisersView { organisers, .. }) = asked.await?;
    let public = app.guard.is_public();
    Ok(Json(views::Info {
        version: env!("CARGO_PKG_VERSION"),
        bundle: bundle_hash(),
        chain: status.genesis.chain().into(),
        chain_name: status.genesis.name.clone(),
        public,
        node: status.node,
        organisers: views::Organisers::keys(&organisers),
        takes_elections: app.takes_elections,
        allow_attacks: status.allow_attacks && !public,
        attacks: views::Attacks::all(),
    }))
}

async fn status(State(app): State<App>) -> Answered<views::Status> {
    let status = app
        .node
        .ask(|client| async move { client.status().await })
        .await?;
    Ok(Json(if app.guard.is_public() {
        views::Status::public(&status)
    } else {
        views::Status::of(&status)
    }))
}

async fn members(State(app): State<App>) -> Answered<views::Members> {
    let members = app
        .node
        .ask(|client| async move { client.members().await })
        .await?;
    Ok(Json(if app.guard.is_public() {
        views::Members::public(&members)
    } else {
        views::Members::of(&members)
    }))
}

async fn validators(State(app): State<App>) -> Answered<views::Validators> {
    let validators = app
        .node
        .ask(|client| async move { client.validators().await })
        .await?;
    Ok(Json(views::Validators::of(&validators)))
}

async fn evidence(State(app): State<App>) -> Answered<views::Evidence> {
    let rows = app
        .node
        .ask(|client| async move { client.evidence().await })
        .await?;
    Ok(Json(views::Evidence::of(&rows)))
}

/// Which elections to list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// Goes on after this one, the last of the page before.
    after: Option<String>,
    limit: Option<u16>,
    /// Phases, with commas between them.
    phase: Option<String>,
    /// Words that the title has in it.
    title: Option<String>,
}

impl Listing {
    fn query(self) -> Result<ElectionQuery, Fault> {
        let limit = self.limit.unwrap_or(ELECTIONS_PAGE_MAX);
        if !(1..=ELECTIONS_PAGE_MAX).contains(&limit) {
            return Err(Fault::invalid(format!(
                "a page has 1 to {ELECTIONS_PAGE_MAX} elections, not {limit}"
            )));
        }
        let title = self.title.unwrap_or_default().trim().to_owned();
        if title.len() > QUERY_BYTES_MAX {
            return Err(Fault::invalid(format!(
                "search for at most {QUERY_BYTES_MAX} bytes of text"
            )));
        }
        refuse_voter_code(&title)?;
        Ok(ElectionQuery {
            id: String::new(),
            title,
            phases: self
                .phase
                .iter()
                .flat_map(|phases| phases.split(','))
                .map(phase)
                .collect::<Result<_, _>>()?,
            after: self
                .after
                .map(|after| parsed(&after, "election's id"))
                .transpose()?,
            limit,
        })
    }
}

fn phase(name: &str) -> Result<ElectionPhase, Fault> {
    const ALL: [ElectionPhase; 4] = [
        ElectionPhase::Draft,
        ElectionPhase::Open,
        ElectionPhase::Closed,
        ElectionPhase::Cancelled,
    ];
    let found = ALL.into_iter().find(|phase| phase.to_string() == name);
    found.ok_or_else(|| {
        Fault::invalid(format!(
            "{name:?} is no phase; draft, open, closed and cancelled are"
        ))
    })
}

async fn elections(
    State(app): State<App>,
    query: Result<Query<Listing>, QueryRejection>,
) -> Answered<views::Elections> {
    let Query(listing) = query.map_err(|fault| Fault::invalid(fault.body_text()))?;
    let query = listing.query()?;
    let (elections, more) = app
        .node
        .ask(|client| async move { client.elections_page(query).await })
        .await?;
    Ok(Json(views::Elections::of(&elections, more)))
}

async fn election(State(app): State<App>, Named(id): Named<String>) -> Answered<views::Election> {
    let id: ElectionId = parsed(&id, "election's id")?;
    let asked = app
        .node
        .ask(|client| async move { Ok((client.election(id).await?, client.genesis().await?)) });
    let (election, genesis) = asked.await.map_err(Fault::of_named)?;
    Ok(Json(views::Election::of(&election, genesis.chain())))
}

async fn follow(
    State(app): State<App>,
    Named(id): Named<String>,
    about: Extensions,
) -> Result<Response, Fault> {
    let client = about.get::<Prefix>().copied();
    Ok(app
        .live
        .election(parsed(&id, "election's id")?, client)
        .await?
        .into_response())
}

async fn follow_status(State(app): State<App>) -> Result<Response, Fault> {
    Ok(app.live.status()?.into_response())
}

async fn log(State(app): State<App>, Named(id): Named<String>) -> Answered<views::ElectionLog> {
    let id: ElectionId = parsed(&id, "election's id")?;
    let asked = app
        .node
        .ask(|client| async move { Ok((client.election(id).await?, client.log(id).await?)) });
    let (election, entries) = asked.await.map_err(Fault::of_named)?;
    Ok(Json(views::ElectionLog::of(&election, &entries)))
}

fn file(name: &str, content: impl IntoResponse) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, content).into_response()
}

async fn archive(State(app): State<App>, Named(id): Named<String>) -> Result<Response, Fault> {
    let id: ElectionId = parsed(&id, "election's id")?;
    if app
        .node
        .ask(|client| async move { client.withholds(id).await })
        .await
        .map_err(Fault::of_named)?
    {
        return Err(Fault::withheld("an archive, which holds all ballots,"));
    }
    let (length, content) = app.archives.gather(id).await?;
    Ok(file(
        &format!("{id:.16}.archive"),
        ([(header::CONTENT_LENGTH, length)], content),
    ))
}

async fn voter(
    State(app): State<App>,
    Named((id, key)): Named<(String, String)>,
) -> Answered<views::Voting> {
    let (id, key): (ElectionId, PublicKey) = (parsed(&id, "election's id")?, parsed(&key, "key")?);
    let asked = app
        .node
        .ask(|client| async move { client.voter(id, key).await });
    Ok(Json(views::Voting::of(
        &asked.await.map_err(Fault::of_named)?,
    )))
}

async fn block(State(app): State<App>, Named(at): Named<String>) -> Answered<views::Block> {
    let at = if at == "latest" {
        BlockAt::Latest
    } else {
        BlockAt::Height(Height::new(parsed(&at, "height")?))
    };
    let asked = app.node.ask(|client| async move { client.block(at).await });
    let FinalBlock { block, certificate } = asked.await.map_err(Fault::of_named)?;
    let transactions: Vec<Transaction> = block
        .transactions
        .iter()
        .filter_map(|bytes| parse(bytes).ok())
        .collect();
    Ok(Json(views::Block::of(&block, &certificate, &transactions)))
}

async fn ballot(State(app): State<App>, Named(id): Named<String>) -> Answered<views::Trace> {
    let prefix = hex::decode(&id)
        .map_err(|_| Fault::invalid("a ballot is named by 32 to 64 hexadecimal digits"))?;
    Ok(Json(views::Trace::of(
        &trace(&app.node, &prefix).await.map_err(Fault::of_named)?,
    )))
}

async fn receipt(State(app): State<App>, Named(id): Named<String>) -> Result<Response, Fault> {
    let id: TransactionId = parsed(&id, "ballot's id")?;
    let asked = app
        .node
        .ask(|client| async move { client.receipt_file(id).await });
    let receipt = asked.await.map_err(Fault::of_named)?;
    Ok(file(&format!("{id:.16}.receipt"), receipt.to_bytes()))
}

/// What was signed, byte for byte: what the page believes of an election, an act or a ballot it
/// reads there itself. Not of ballots while the rules of their election withhold the count.
async fn transaction(State(app): State<App>, Named(id): Named<String>) -> Result<Response, Fault> {
    let id: TransactionId = parsed(&id, "transaction's id")?;
    let asked = app.node.ask(|client| async move {
        let proven = client.proven(id).await?;
        let is_withheld = client.is_withheld(&proven.transaction).await?;
        Ok((proven, is_withheld))
    });
    let (proven, is_withheld) = asked.await.map_err(Fault::of_named)?;
    if is_withheld {
        return Err(Fault::withheld("what this ballot says"));
    }
    Ok(file(
        &format!("{id:.16}.transaction"),
        proven.transaction.bytes().to_vec(),
    ))
}

async fn submit(State(app): State<App>, Whole(body): Whole) -> Result<Response, Fault> {
    if !app.takes_elections {
        check_ballot(&body)?;
    }
    let id = TransactionId::of(&body);
    let (status, height) =
        match timeout(app.finality, app.submissions.submit(id, body.to_vec())).await {
            Err(_) => (StatusCode::ACCEPTED, None),
            Ok(height) => (StatusCode::OK, Some(height?.get())),
        };
    Ok((
        status,
        Json(views::Submitted {
            id: id.into(),
            is_final: height.is_some(),
            height,
        }),
    )
        .into_response())
}

/// A public page takes ballots alone, unless its operator wants more.
fn check_ballot(body: &[u8]) -> Result<(), Fault> {
    let parsed = parse(body).map_err(|fault| Fault::invalid(fault.to_string()))?;
    match parsed.content.payload {
        Payload::CastBallot(_) => Ok(()),
        Payload::CreateElection(_)
        | Payload::Organise(_)
        | Payload::ApproveAct { .. }
        | Payload::ApproveChange { .. } => Err(Fault::new(
            StatusCode::FORBIDDEN,
            "not_eligible",
            "this page takes ballots alone: create and manage elections with vote-cli at a node, or with a page of your own",
        )),
    }
}

async fn attack(
    State(app): State<App>,
    Named(name): Named<String>,
) -> Answered<views::AttackReport> {
    let attack = Attack::ALL.into_iter().find(|attack| attack.name() == name);
    let attack = attack.ok_or_else(|| Fault::not_found(format!("there is no attack {name:?}")))?;
    Ok(Json(views::AttackReport::of(
        &app.node.attack(attack).await?,
    )))
}

#[derive(Deserialize)]
struct Search {
    q: String,
}

async fn find(
    State(app): State<App>,
    query: Result<Query<Search>, QueryRejection>,
) -> Answered<views::Findings> {
    let Query(Search { q }) = query.map_err(|fault| Fault::invalid(fault.body_text()))?;
    Ok(Json(views::Findings {
        found: app.finder.find(&q).await?,
    }))
}
