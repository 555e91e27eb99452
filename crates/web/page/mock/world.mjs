// A ledger in memory that believes everything: it decodes transactions, and checks neither signatures nor most rules. For looking at the page, and for its tests.

import { createHash } from "node:crypto";
import { decode } from "./cbor.mjs";
import { check, counted } from "./count.mjs";

const RULES = ["plurality", "approval", "score", "borda", "irv", "stv", "schulze", "yes-no", "meek"];
const hash = (...parts) => parts.reduce((hasher, part) => hasher.update(part), createHash("sha256")).digest("hex");
const fake = (text) => hash("mock", text);

export class Refusal extends Error {
  constructor(status, code, reason) {
    super(reason);
    Object.assign(this, { status, code });
  }
}

const share = (fields) => fields && { numerator: fields[0], denominator: fields[1], more: fields[2] };
const contest = ([title, choices, rule, seats, min, max, abstention, majority, shuffle]) => ({
  title, choices: Array.isArray(choices) ? choices[1] : null, rule: RULES[rule], seats, min, max, abstention,
  majority: majority && { ...share(majority[0]), base: majority[1] ? "roll" : "votes" }, shuffle,
});

export class World {
  chain = fake("chain");
  validators = ["n1", "n2", "n3", "n4"].map((name) => ({ name, key: fake(`validator ${name}`), power: 1 }));
  elections = new Map();
  ballots = new Map();
  blocks = [];
  listeners = new Set();
  pending = 0;

  time() {
    return Math.max(Date.now(), (this.blocks.at(-1)?.header.time ?? 0) + 1);
  }

  phase(e, now = Date.now()) {
    if (e.cancelled_at !== null) return "cancelled";
    if (e.closes_at !== null && e.closes_at <= now) return "closed";
    return e.opens_at === null || now < e.opens_at ? "draft" : "open";
  }

  /** Puts a transaction into a block of its own. */
  take(bytes) {
    const tag = Buffer.from("transaction");
    const id = hash(Buffer.of(tag.length), tag, bytes);
    const known = this.blocks.find((block) => block.transactions.some((one) => one.id === id));
    if (known) return { id, height: known.header.height };
    let content;
    try {
      [content] = decode(bytes);
    } catch (error) {
      throw new Refusal(422, "invalid", `this is no transaction: ${error.message}`);
    }
    const [chain, signer, [kind, what]] = content;
    if (chain !== this.chain) throw new Refusal(422, "invalid", "the transaction is of another chain");
    const [height, time] = [this.blocks.length + 1, this.time()];
    const done = [() => this.create(id, signer, what, time), () => this.cast(id, signer, what, height), () => this.organise(id, signer, what, height, time)][kind];
    if (!done) throw new Refusal(422, "invalid", "the mock does not know this kind of transaction");
    const row = { id, signer, ...done() };
    this.block(time, [row]);
    return { id, height };
  }

  block(time, transactions) {
    const height = this.blocks.length + 1;
    const parent = this.blocks.at(-1)?.hash ?? "0".repeat(64);
    const header = {
      version: 1, chain: this.chain, height, parent, time, proposer: this.validators[height % 4].key, transactions_root: fake(`transactions ${height}`),
      transactions_count: transactions.length, state_root: fake(`state ${height}`), next_validators: fake("validators"),
    };
    this.blocks.push({ hash: fake(`block ${height}`), header, round: 0, signed_by: this.validators.slice(0, 3).map(({ key }) => key), transactions });
    for (const listener of this.listeners) listener();
  }

  create(id, signer, f, time) {
    const voters = ["anyone", "roll", "weighted roll"][f[3]];
    this.elections.set(id, {
      election: id, title: f[0], description: f[1], organiser: signer, created_at: time, opens_at: f[4] ?? (voters === "anyone" ? time : null), closes_at: f[5], cancelled_at: null,
      voters, revotes: f[7], results: f[8] ? "at closing" : "live", tie_break: f[9], quorum: share(f[6]), contests: f[2].map(contest), roll: new Map(), cast: new Map(), log: [],
    });
    return { kind: "create election", what: f[0], election: id };
  }

  known(id) {
    const e = this.elections.get(id);
    if (!e) throw new Refusal(404, "not_found", "there is no such election");
    return e;
  }

  cast(id, signer, [election, counter, name, selections], height) {
    const e = this.known(election);
    if (this.phase(e) !== "open") throw new Refusal(409, "wrong_state", `the election is ${this.phase(e)}`);
    if (e.voters !== "anyone" && !e.roll.has(signer)) throw new Refusal(403, "not_eligible", "this credential is not on the roll");
    const before = e.cast.get(signer);
    if (counter !== (before ? before.counter + 1 : 0) || counter > e.revotes) throw new Refusal(409, "wrong_state", "this credential has voted, and the ballot cannot be replaced");
    if (selections.length !== e.contests.length) throw new Refusal(422, "invalid", "the ballot answers another number of contests");
    if (before) this.ballots.get(before.transaction).superseded_by = id;
    e.cast.set(signer, { transaction: id, height, counter, name, selections });
    this.ballots.set(id, { ballot: id, height, election, counter, superseded_by: null });
    return { kind: "ballot", what: `in ${election.slice(0, 16)} by ${name || "(no name)"}`, election };
  }

  organise(id, signer, [election, act], height, time) {
    const e = this.known(election);
    if (e.organiser !== signer) throw new Refusal(403, "not_eligible", "only who created the election can do this");
    const phase = this.phase(e);
    if (phase === "closed" || phase === "cancelled") throw new Refusal(409, "wrong_state", `the election is ${phase}`);
    const [kind, what] = Array.isArray(act) ? act : [act];
    const put = (voters) => voters.forEach(([key, weight]) => e.roll.set(key, weight));
    const names = ["open", "close", "add-voters", "change-roll", "change-times", "cancel"];
    const said = [
      () => { if (phase !== "draft") throw new Refusal(409, "wrong_state", "the election has opened already"); e.opens_at = time; return "opened"; },
      () => { if (phase !== "open") throw new Refusal(409, "wrong_state", "the election is not open"); e.closes_at = time; return "closed"; },
      () => {
        if (what.some(([key]) => e.roll.has(key))) throw new Refusal(409, "wrong_state", "a voter is on the roll already");
        put(what);
        return `${what.length} voters with ${what.reduce((sum, [, weight]) => sum + weight, 0)} votes added to the roll`;
      },
      () => { what[0].forEach((key) => e.roll.delete(key)); put(what[1]); return `roll changed: ${[...what[0].map((key) => `-${key.slice(0, 16)}`), ...what[1].map(([key, weight]) => `+${key.slice(0, 16)} (${weight})`)].join(" ")}: ${what[2]}`; },
      () => { [e.opens_at, e.closes_at] = what; return `opens ${what[0] ? new Date(what[0]).toISOString() : "by hand"}, closes ${what[1] ? new Date(what[1]).toISOString() : "by hand"}: ${what[2]}`; },
      () => { e.cancelled_at = time; return `cancelled: ${what}`; },
    ][kind]();
    e.log.push({ height, time, transaction: id, act: names[kind], what: said });
    return { kind: names[kind], what: `in ${election.slice(0, 16)}: ${said}`, election };
  }

  rollVotes(e) {
    return [...e.roll.values()].reduce((sum, weight) => sum + weight, 0);
  }

  result(e) {
    const phase = this.phase(e);
    const rows = [...e.cast].map(([key, ballot]) => ({ ...ballot, weight: e.voters === "anyone" ? 1 : e.roll.get(key) ?? 0 }));
    const votes = rows.reduce((sum, { weight }) => sum + weight, 0);
    const [roll, of] = [e.voters !== "anyone", this.rollVotes(e)];
    const withheld = e.results === "at closing" && phase !== "closed";
    return {
      election: e.election, title: e.title, phase, height: this.blocks.length, voters: roll ? e.roll.size : null, votes_of_roll: roll ? of : null, ballots: rows.length, votes,
      quorum: check(e.quorum, votes, of), withheld,
      contests: withheld ? [] : e.contests.map((one, at) => counted(one, rows.map((row) => ({ selection: row.selections[at], weight: row.weight })), of, phase === "closed")),
    };
  }

  summary(e) {
    const { election, title, opens_at, closes_at, cancelled_at, created_at } = e;
    return { election, title, phase: this.phase(e), opens_at, closes_at, cancelled_at, created_at, ballots: e.cast.size, voters: e.voters === "anyone" ? null : e.roll.size, contests: e.contests.length };
  }

  detail(e) {
    const { roll, cast, log, ...rest } = e;
    return {
      ...rest, phase: this.phase(e), roll: { voters: roll.size, votes: this.rollVotes(e), size: roll.size, root: fake("roll") },
      board: { size: cast.size, root: fake(`board ${cast.size}`) }, result: this.result(e), chain: this.chain,
    };
  }

  log(e) {
    return { election: e.election, created_at: e.created_at, organiser: e.organiser, phase: this.phase(e), log: e.log, root: fake("log") };
  }

  voter(e, key) {
    const ballot = e.cast.get(key);
    return { votes: e.voters === "anyone" ? 1 : e.roll.get(key) ?? null, ballot: ballot ? { transaction: ballot.transaction, height: ballot.height, counter: ballot.counter } : null };
  }

  trace(prefix) {
    const found = [...this.ballots.values()].find(({ ballot }) => ballot.startsWith(prefix));
    if (!found) throw new Refusal(404, "not_found", "no ballot on the ledger has this tracker");
    return { ...found, phase: this.phase(this.elections.get(found.election)), counts: found.superseded_by === null };
  }

  status() {
    const last = this.blocks.at(-1);
    return {
      node: "n1", version: "0.1.0", peer: "12D3KooWMock", key: this.validators[0].key, chain: this.chain, chain_name: "Mock co-op", height: this.blocks.length, hash: last?.hash ?? "0".repeat(64),
      time: last?.header.time ?? 0, state_root: fake(`state ${this.blocks.length}`), validator: true, validators: 4, peers: 3, power_connected: 4, power_total: 4, quorum: true,
      tracker: true, round: 0, pending: this.pending, listen: [], allow_attacks: true,
    };
  }
}
