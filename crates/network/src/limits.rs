//! Every bound on what the network can make this process hold or do.

use std::time::Duration;

/// A question of a peer, in bytes: the largest is a forged block with a certificate, of a staged
/// attack.
pub(crate) const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// An answer, in bytes: the largest are blocks.
pub(crate) const ANSWER_BYTES_MAX: usize = 1_310_720;
/// Questions and answers up to this are not counted in bytes, only in number.
pub(crate) const SMALL_BYTES: usize = 4 * 1024;
/// Questions of all peers that are being read or wait for the node, in bytes.
pub(crate) const REQUESTS_BYTES: usize = 16 << 20;
/// Answers of all peers that are being read, in bytes.
pub(crate) const ANSWERS_IN_BYTES: usize = 32 << 20;
/// Answers to all peers that they have not taken yet, in bytes.
pub(crate) const ANSWERS_OUT_BYTES: usize = 32 << 20;
/// Answers to one peer, those above [`SMALL_BYTES`], that it has not taken yet.
pub(crate) const ANSWERS_TO_ONE: usize = 2;
/// A consensus message, in bytes.
pub(crate) const CONSENSUS_BYTES_MAX: usize = 64 * 1024;
/// A batch of transactions, in bytes.
pub(crate) const TRANSACTIONS_BYTES_MAX: usize = 256 * 1024;
/// A proposal with the header and the short ids of its block, in bytes: 8 for each of 16384
/// transactions, and the rest.
pub(crate) const BLOCK_BYTES_MAX: usize = 132 * 1024;
/// A vote or a proposal that has waited for so long to be sent to a peer is dropped: a voter says
/// its vote again every second, and a round whose proposal comes so late is over.
pub(crate) const CONSENSUS_WAITS_MAX: Duration = Duration::from_secs(4);
/// The same for transactions: the node where they came from passes them on again after ten seconds,
/// and who lacks them for a block asks.
pub(crate) const TRANSACTIONS_WAIT_MAX: Duration = Duration::from_secs(3);
/// Time for a request, its answer included.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests in progress with one peer, each way.
pub(crate) const REQUEST_STREAMS_MAX: usize = 64;
/// Requests of one peer: so many a second, in bursts of as many.
pub(crate) const REQUESTS_PER_SECOND: u32 = 200;
/// The same of all peers of one prefix that have not proven the key of a validator, loopback apart.
pub(crate) const REQUESTS_PER_PREFIX_PER_SECOND: u32 = 400;
/// Connections that this node is making.
pub(crate) const PENDING_CONNECTIONS_MAX: usize = 32;
/// Connections that are coming in and have not yet shown who they are.
pub(crate) const HALF_OPEN_MAX: usize = 256;
/// A connection that TCP cannot open in so long is tried again later: TCP itself would wait twice
/// as long after each try.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Data that a peer's machine does not acknowledge for so long ends the connection, where the
/// system can tell (Linux).
pub(crate) const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(4);
/// Data that a peer does not take for so long ends the connection.
pub(crate) const STALLED_MAX: Duration = Duration::from_secs(8);
/// Connections, all together.
pub(crate) const CONNECTIONS_MAX: usize = 200;
/// Connections to one peer: two sides may dial at once.
pub(crate) const CONNECTIONS_PER_PEER_MAX: usize = 3;
/// Connections with one prefix (an IPv4 address, or 48 bits of an IPv6 address), loopback apart:
/// who comes then makes the oldest one of the prefix go that has proven nothing.
pub(crate) const CONNECTIONS_PER_PREFIX_MAX: usize = 32;
/// So many connections are kept free: who comes then makes the oldest one go that has proven
/// nothing, of the prefix that has the most.
pub(crate) const CONNECTIONS_FREE: usize = 8;
/// Peers that are shut out at one time; beyond it, whose time is over first may come back sooner.
pub(crate) const BLOCKED_MAX: usize = 4096;
/// What gossip holds against a peer is kept so long after it has gone: far more than it takes to
/// make good for it while connected.
pub(crate) const SCORE_KEPT: Duration = Duration::from_secs(60);
/// Peers that a node looks for.
pub(crate) const PEERS_WANTED: usize = 16;
/// Peers whose addresses are kept.
pub(crate) const BOOK_PEERS_MAX: usize = 500;
/// Of these, so many that have proven the key of a validator.
pub(crate) const BOOK_PROVEN_MAX: usize = 200;
/// And so many that were connected and have proven nothing; the others were only heard of.
pub(crate) const BOOK_REACHED_MAX: usize = 200;
/// Addresses kept of one peer.
pub(crate) const BOOK_ADDRESSES_MAX: usize = 8;
/// Signed records in one answer of peer exchange.
pub(crate) const RECORDS_MAX: usize = 100;
/// Messages that wait for somebody to send them to, on one topic.
pub(crate) const OUTBOX_MAX: usize = 256;
/// Commands that wait for the swarm.
pub(crate) const COMMANDS_MAX: usize = 4096;
/// Gossip that waits for the node, consensus and blocks.
pub(crate) const CONSENSUS_EVENTS_MAX: usize = 2048;
/// The same in bytes, and with what the node is checking.
pub(crate) const CONSENSUS_EVENTS_BYTES: usize = 64 << 20;
/// Gossip that waits for the node, transactions.
pub(crate) const TRANSACTION_EVENTS_MAX: usize = 512;
/// The same in bytes, and with what the node is checking.
pub(crate) const TRANSACTION_EVENTS_BYTES: usize = 32 << 20;
/// Requests that wait for the node.
pub(crate) const REQUEST_EVENTS_MAX: usize = 512;
/// News of peers that wait for the node: far more than connections that come and go while it writes
/// to its disk.
pub(crate) const PEER_EVENTS_MAX: usize = 4096;

/// A second connection of a peer whose first is older than this means that the first is dead.
pub(crate) const GHOST_AGE: Duration = Duration::from_secs(2);
/// A peer that has not said what it listens to for so long has not heard us either.
pub(crate) const SUBSCRIBE_GRACE: Duration = Duration::from_secs(5);
/// A peer that has not said for so long what it is has to go.
pub(crate) const IDENTIFY_GRACE: Duration = Duration::from_secs(10);
/// Between looks at connections, trackers and peers.
pub(crate) const TICK: Duration = Duration::from_secs(1);
/// Connections of a tracker, all together.
pub(crate) const TRACKER_CONNECTIONS_MAX: usize = 600;
/// Questions of one node to a tracker: so many a second, in bursts of as many.
pub(crate) const TRACKER_QUESTIONS_PER_SECOND: u32 = 10;
/// Registrations at a tracker.
pub(crate) const REGISTRATIONS_MAX: usize = 2000;
/// Of one node.
pub(crate) const REGISTRATIONS_PER_PEER_MAX: usize = 4;
/// Of nodes that come from one prefix, loopback apart.
pub(crate) const REGISTRATIONS_PER_PREFIX_MAX: usize = 32;
/// A chain's id as text.
pub(crate) const CHAIN_NAME_BYTES_MAX: usize = 64;
/// What a node says of its addresses, signed by itself.
pub(crate) const RECORD_BYTES_MAX: usize = 1024;
/// What proves to a tracker that a node is a member of its chain.
pub(crate) const PROOF_BYTES_MAX: usize = 64 * 1024;
/// Such proofs that are checked for one prefix: one a second, in bursts of so many; loopback apart.
pub(crate) const PROOFS_BURST: u32 = 16;
/// Chains in one answer of a tracker, and nodes of each.
pub(crate) const CHAINS_SHOWN_MAX: usize = 100;
/// See [`CHAINS_SHOWN_MAX`].
pub(crate) const NODES_SHOWN_MAX: usize = 8;
/// How long a tracker keeps a registration unless it is renewed.
pub(crate) const REGISTRATION_TTL: Duration = Duration::from_secs(180);
/// The longest time that may be asked for, as a multiple of that: what strangers have registered is
/// gone so soon.
pub(crate) const REGISTRATION_TTLS_MAX: u64 = 3;
/// Between questions to a tracker while more peers are wanted, and when there are enough.
pub(crate) const DISCOVER_SOON: Duration = Duration::from_secs(2);
/// See [`DISCOVER_SOON`].
pub(crate) const DISCOVER_LATER: Duration = Duration::from_secs(30);
/// Longest wait before a tracker or a peer that could not be reached is tried again.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The same for a validator to which this node was connected.
pub(crate) const VALIDATOR_BACKOFF_MAX: Duration = Duration::from_secs(2);
