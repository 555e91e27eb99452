//! How the node is doing, for apps.

use std::collections::{BTreeMap, BTreeSet};

use vote_api::{Answer, Member, RefusalCode, Signing, Status};
use vote_chain::PublicKey;

use super::Core;
use crate::clock::steady;
use crate::ledger::refusal;
use crate::socket::AppCall;

impl Core {
    /// Status and members need the network's word, or the disk's, which takes a moment.
    pub(super) fn ask_about_peers(&self, call: AppCall, members: bool) {
        let network = self.network.clone();
        if members {
            let mut members = self.members();
            tokio::spawn(async move {
                let infos = network.peers().await;
                let addresses: BTreeMap<_, _> = infos
                    .into_iter()
                    .map(|info| (info.peer.to_string(), info.addresses))
                    .collect();
                for member in members.iter_mut().filter(|member| !member.this) {
                    let known = addresses
                        .get(&member.peer)
                        .map(|list| list.iter().map(ToString::to_string).collect());
                    member.addresses = known.unwrap_or_default();
                }
                call.send(&Answer::Members(members), true);
            });
            return;
        }
        let mut status = self.status();
        let (ledger, pool) = (self.ledger.borrow().clone(), self.pool.clone());
        tokio::spawn(async move {
            let answer = match pool.read_for_app(move || ledger.evidence_count()).await {
                Ok(evidence) => {
                    status.evidence = u32::try_from(evidence).unwrap_or(u32::MAX);
                    Answer::Status(Box::new(status))
                }
                Err(error) => Answer::Failed(refusal(RefusalCode::Damaged, error.reason)),
            };
            call.send(&answer, true);
        });
    }

    /// All but the number of proofs, which are on the disk.
    fn status(&self) -> Status {
        let ledger = self.ledger.borrow();
        let state = &ledger.state;
        let tip = state.tip();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Status {
            node: self.name.clone(),
            version: crate::VERSION.to_owned(),
            peer: self.local.to_string(),
            key: self.key.public(),
            genesis: Box::new(state.genesis().as_ref().clone()),
            height: tip.height,
            hash: tip.hash,
            time: tip.time,
            state_root: tip.state_root,
            validator: state.validators().contains(&self.key.public()),
            validators: count(state.validators().count()),
            peers: count(self.peers.count()),
            power_connected: self.power_connected(),
            tracker: self.trackers.values().any(Option::is_none),
            tracker_problem: self.trackers.values().flatten().next().cloned(),
            round: self.engine.round(),
            pending: count(self.engine.pending()),
            listen: self.listen.clone(),
            allow_attacks: self.allow_attacks,
            wire_bytes: self.bytes,
            signing: match self.engine.signing() {
                vote_consensus::Signing::Follower => Signing::Follower,
                vote_consensus::Signing::Signs => Signing::Signs,
                vote_consensus::Signing::Waits(wait) => Signing::Waits(wait.to_string()),
            },
            unreachable: self.unreachable(),
            deciding_ms: self
                .engine
                .deciding_since()
                .map(|since| steady().ms_since(since)),
            clock_ahead_ms: self.clocks.ahead_of_middle,
            evidence: 0,
            protocol: ledger.versions(),
        }
    }

    /// This node and its peers; the peers' addresses are the network's to add.
    fn members(&self) -> Vec<Member> {
        let ledger = self.ledger.borrow();
        let set = ledger.state.validators();
        let power = |key: &PublicKey| set.get(key).map(|validator| validator.power);
        let key = self.key.public();
        let this = Member {
            name: self.name.clone(),
            peer: self.local.to_string(),
            key: Some(key),
            power: power(&key),
            height: Some(ledger.state.tip().height),
            addresses: self.listen.clone(),
            this: true,
        };
        let mut members = vec![this];
        members.extend(self.peers.members(power));
        members
    }

    /// The power of the validators that are connected, this node among them, and the power of all.
    fn power_connected(&self) -> (u64, u64) {
        let keys: BTreeSet<_> = self.peers.keys().chain([self.key.public()]).collect();
        let set = self.engine.state().validators();
        let connected = set.iter().filter(|validator| keys.contains(&validator.key));
        (
            connected.map(|validator| validator.power).sum(),
            set.power_total(),
        )
    }

    /// Says when a quorum of validators is connected, and when it is not.
    pub(super) fn tell_of_power(&mut self) {
        let (connected, all) = self.power_connected();
        match self.news.power(connected, all) {
            Some(true) => {
                tracing::info!(
                    connected,
                    all,
                    "validators with more than two thirds of the power are connected"
                )
            }
            Some(false) => {
                let missing = self.unreachable().join(", ");
                tracing::warn!(
                    connected,
                    all,
                    missing,
                    "no quorum: nothing is decided until more validators are connected"
                );
            }
            None => {}
        }
    }

    /// The names of the validators that are neither connected nor this node.
    fn unreachable(&self) -> Vec<String> {
        let keys: BTreeSet<_> = self.peers.keys().chain([self.key.public()]).collect();
        let set = self.engine.state().validators();
        set.iter()
            .filter(|validator| !keys.contains(&validator.key))
            .map(|validator| validator.name.clone())
            .collect()
    }
}
