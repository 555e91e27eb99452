// What the server answers; made by types.mjs.

export type Phase = "draft" | "open" | "closed" | "cancelled";
export type MajorityOf = "votes" | "roll";
export type Votes = number | string;
export type TiedFor = "seats" | "surplus" | "exclusion" | "runoff" | "seat" | "pairs" | "next seat";
export type Results = "live" | "at closing";
export type Voters = "anyone" | "roll" | "weighted roll";
export type FoundKind = "ballot" | "transaction" | "block" | "election";
export type Signing = "follower" | "signs" | "waits";

export interface Api {
  "GET /api/ballots/{ballot}": Trace;
  "GET /api/blocks/{height}": Block;
  "GET /api/elections": Elections;
  "GET /api/elections/{election}": Election;
  "GET /api/elections/{election}/log": ElectionLog;
  "GET /api/elections/{election}/voters/{key}": Voting;
  "GET /api/evidence": Evidence;
  "GET /api/find": Findings;
  "GET /api/info": Info;
  "GET /api/members": Members;
  "GET /api/status, and events of /api/live": Status;
  "GET /api/validators": Validators;
  "POST /api/attacks/{attack}": AttackReport;
  "POST /api/transactions": Submitted;
  "events of /api/elections/{election}/live": ElectionResult;
  fault: PageFault;
}
export interface Trace {
  ballot: string;
  counter: number;
  counts: boolean;
  election: string;
  height: number;
  phase: Phase;
  superseded_by: string | null;
}
export interface Block {
  hash: string;
  header: Header;
  round: number;
  signed_by: string[];
  transactions: BlockTransaction[];
}
export interface Header {
  chain: string;
  height: number;
  next_validators: string;
  parent: string;
  proposer: string;
  state_root: string;
  time: number;
  transactions_count: number;
  transactions_root: string;
  validators: string;
  version: number;
}
export interface BlockTransaction {
  election: string | null;
  id: string;
  kind: string;
  says?: Statement | null;
  signer: string;
  what: string;
  withheld?: boolean;
}
export interface Statement {
  contests: ContestWords[];
  counter: number;
  credential: string;
  election: string;
  name: string;
  organiser: string;
  title: string;
}
export interface ContestWords {
  says: string;
  title: string;
}
export interface Elections {
  elections: Summary[];
  more: boolean;
}
export interface Summary {
  ballots: number;
  cancelled_at: number | null;
  closes_at: number | null;
  contests: number;
  created_at: number;
  election: string;
  opens_at: number | null;
  phase: Phase;
  title: string;
  voters: number | null;
}
export interface Election {
  board: Size;
  cancelled_at: number | null;
  chain: string;
  closes_at: number | null;
  committee: Committee | null;
  /**
   * @minItems 1
   * @maxItems 20
   */
  contests: Contest[];
  created_at: number;
  description: string;
  election: string;
  log: Size;
  names: boolean;
  opens_at: number | null;
  organiser: string;
  phase: Phase;
  quorum: Share | null;
  result: ElectionResult;
  results: Results;
  revotes: number;
  roll: Roll;
  tie_break: string;
  title: string;
  voters: Voters;
}
export interface Size {
  root: string;
  size: number;
}
export interface Committee {
  needed: number;
  /**
   * @minItems 2
   * @maxItems 16
   */
  organisers: string[];
  waiting: Waiting[];
}
export interface Waiting {
  act: "open" | "close" | "add-voters" | "change-roll" | "change-times" | "cancel" | "propose" | "approve-act" | "withdraw" | "replace-organiser";
  approvals: string[];
  lacking: number;
  lapses_at: number;
  proposal: string;
  what: string;
}
export interface Contest {
  abstention: boolean;
  /**
   * @minItems 2
   * @maxItems 500
   */
  choices: string[] | null;
  majority: Majority | null;
  max: number;
  min: number;
  overvotes: "wait" | "exhaust" | "skip";
  rule:
    | "plurality"
    | "approval"
    | "score"
    | "borda"
    | "irv"
    | "stv"
    | "schulze"
    | "yes-no"
    | "meek"
    | "minimax"
    | "star"
    | "majority-judgment"
    | "limited"
    | "cumulative"
    | "ranked-pairs"
    | "benham"
    | "sequential-pav"
    | "phragmen"
    | "dhondt"
    | "sainte-lague";
  seats: number;
  shuffle: boolean;
  title: string;
}
export interface Majority {
  base: MajorityOf;
  denominator: number;
  more: boolean;
  numerator: number;
}
export interface Share {
  denominator: number;
  more: boolean;
  numerator: number;
}
export interface ElectionResult {
  ballots: number;
  contests: ContestResult[];
  election: string;
  height: number;
  phase: Phase;
  quorum: Check | null;
  title: string;
  voters: number | null;
  votes: number;
  votes_of_roll: number | null;
  withheld: boolean;
}
export interface ContestResult {
  abstentions: number;
  blank: number;
  complete: boolean;
  counts: Choice[];
  decided: boolean;
  leader_seats?: number[];
  leaders: string[];
  majority: Check | null;
  other_choices: number;
  other_votes: number;
  outcome_cut: boolean;
  pairwise?: number[][] | null;
  quota?: Votes | null;
  rounds?: Round[];
  rule:
    | "plurality"
    | "approval"
    | "score"
    | "borda"
    | "irv"
    | "stv"
    | "schulze"
    | "yes-no"
    | "meek"
    | "minimax"
    | "star"
    | "majority-judgment"
    | "limited"
    | "cumulative"
    | "ranked-pairs"
    | "benham"
    | "sequential-pav"
    | "phragmen"
    | "dhondt"
    | "sainte-lague";
  seats: number;
  tie: boolean;
  ties?: Tie[];
  title: string;
  votes: number;
}
export interface Choice {
  choice: string;
  votes: number;
}
export interface Check {
  of: number;
  reached: boolean;
  share: string;
  votes: number;
}
export interface Round {
  actions: string[];
  exhausted: Votes;
  votes: {
    [k: string]: Votes;
  };
}
export interface Tie {
  drawn_among: string[];
  earlier_round: number | null;
  for: TiedFor;
  picked: string;
  round: number | null;
  says: string;
  seats_left: number | null;
  tied: string[];
}
export interface Roll {
  root: string;
  size: number;
  voters: number;
  votes: number;
}
export interface ElectionLog {
  created_at: number;
  election: string;
  log: LogEntry[];
  organiser: string;
  phase: Phase;
  root: string;
}
export interface LogEntry {
  act: "open" | "close" | "add-voters" | "change-roll" | "change-times" | "cancel" | "propose" | "approve-act" | "withdraw" | "replace-organiser";
  by: string | null;
  done: boolean | null;
  height: number;
  proposal: string | null;
  proposes: "open" | "close" | "add-voters" | "change-roll" | "change-times" | "cancel" | "propose" | "approve-act" | "withdraw" | "replace-organiser" | null;
  time: number;
  transaction: string;
  what: string;
}
export interface Voting {
  ballot: BallotCast | null;
  votes: number | null;
}
export interface BallotCast {
  counter: number;
  height: number;
  transaction: string;
}
export interface Evidence {
  evidence: Offence[];
}
export interface Offence {
  height: number;
  validator: string;
  what: string;
}
export interface Findings {
  found: Found[];
}
export interface Found {
  height: number;
  id: string;
  kind: FoundKind;
  title?: string | null;
}
export interface Info {
  allow_attacks: boolean;
  attacks: Attack[];
  bundle: string;
  chain: string;
  chain_name: string;
  node: string;
  organisers: string[] | null;
  public: boolean;
  takes_elections: boolean;
  version: string;
}
export interface Attack {
  description: string;
  name:
    | "forged-parent"
    | "double-vote"
    | "bad-signature"
    | "wrong-chain"
    | "forged-certificate"
    | "replayed-ballot"
    | "stranger"
    | "early-ballot"
    | "late-ballot"
    | "wrong-contest"
    | "too-many-choices"
    | "foreign-ballot"
    | "forged-weight";
}
export interface Members {
  members: Member[];
}
export interface Member {
  addresses: string[];
  height: number | null;
  key: string | null;
  name: string;
  peer: string;
  power: number | null;
  this: boolean;
}
export interface Status {
  allow_attacks: boolean;
  chain: string;
  chain_name: string;
  clock_ahead_ms: number | null;
  deciding_ms: number | null;
  evidence: number;
  hash: string;
  height: number;
  key: string;
  listen: string[];
  node: string;
  peer: string;
  peers: number;
  pending: number;
  power_connected: number;
  power_total: number;
  protocol: ProtocolVersions;
  quorum: boolean;
  round: number;
  signing: Signing;
  signing_waits_for: string | null;
  stalled: boolean;
  state_root: string;
  time: number;
  tracker: boolean;
  tracker_problem: string | null;
  unreachable: string[];
  validator: boolean;
  validators: number;
  version: string;
}
export interface ProtocolVersions {
  newest: number;
  planned: PlannedMove | null;
  version: number;
}
export interface PlannedMove {
  from: number;
  version: number;
}
export interface Validators {
  after: Validator[] | null;
  faults_tolerated: number;
  pending: Pending[];
  validators: Validator[];
}
export interface Validator {
  key: string;
  name: string;
  power: number;
}
export interface Pending {
  approved_by: string[];
  change: string;
}
export interface AttackReport {
  attack:
    | "forged-parent"
    | "double-vote"
    | "bad-signature"
    | "wrong-chain"
    | "forged-certificate"
    | "replayed-ballot"
    | "stranger"
    | "early-ballot"
    | "late-ballot"
    | "wrong-contest"
    | "too-many-choices"
    | "foreign-ballot"
    | "forged-weight";
  height: number;
  verdicts: Verdict[];
}
export interface Verdict {
  name: string;
  peer: string;
  reason: string;
  verdict: "ACCEPTED" | "refused" | "no answer";
}
export interface Submitted {
  final: boolean;
  height?: number | null;
  id: string;
}
export interface PageFault {
  code: string;
  reason: string;
}
