// One election: its rules, whether one may vote, the ballot, the receipt, the result, and how to
// check it all.

import { useEffect, useState } from "preact/hooks";
import {
  type Detail,
  type LogEntry,
  type Phase as PhaseName,
  type Result,
  type Voting,
  follow,
} from "../api";
import { type Ballot, ballots, begin, cast, change, making, pending, place } from "../booth";
import { labelFault } from "../encoding/ledger";
import type { SignedElection } from "../encoding/signed";
import type { Value } from "../encoding/cbor";
import { approveAct, organise, sign } from "../encoding/ledger";
import { type Key, organiser, organises } from "../keys";
import {
  type Difference,
  type Proof,
  type Proven,
  actOf,
  prove,
  provenOf,
  resultDiffers,
  submit,
} from "../proof";
import { wrong } from "../selection";
import { t } from "../texts";
import {
  Arrival,
  Command,
  Heading,
  Id,
  Phase,
  Problem,
  Raw,
  Text,
  Time,
  reason,
  useAsked,
  useGet,
} from "../ui";
import { ContestField } from "./ballot";
import { Manage, lacksVoters } from "./manage";
import { ReceiptCard, Says } from "./receipt";
import { Results } from "./results";
import { Rules } from "./rules";

/** An election as it was signed, with what else the node says of it. */
export type Shown = Omit<Detail, keyof SignedElection> & SignedElection;

interface May {
  may: boolean;
  why: string;
}

/** `cast`: whether this voter has a ballot, and once it was checked, how many it replaced. */
function mayVote(
  e: Shown,
  voter: Key | null,
  voting: Voting | null,
  cast: { counter: number | null } | null,
): May {
  if (e.phase === "cancelled") return { may: false, why: t("may_cancelled") };
  if (e.phase === "closed") return { may: false, why: t("may_over") };
  if (!voter)
    return { may: false, why: t(e.voters === "anyone" ? "may_sign_in" : "may_sign_in_roll") };
  if (!voting) return { may: false, why: t("loading") };
  if (voting.votes === null) return { may: false, why: t("may_not_roll") };
  if (e.phase === "draft") return { may: false, why: t("may_draft") };
  if (!cast) return { may: true, why: t("may_yes", { n: voting.votes }) };
  if (cast.counter === null) return { may: false, why: t("has_voted") };
  const left = e.revotes - cast.counter;
  return left > 0
    ? { may: true, why: t("may_replace", { n: left }) }
    : { may: false, why: t("may_done") };
}

/** That the node says something else than what was signed, and what. */
function Alarm({ differs }: { differs: Difference[] }) {
  const named = ({ what, contest }: Difference) =>
    contest === undefined ? t(what) : `${t("e_contest", { n: contest + 1 })}: ${t(what)}`;
  return (
    <div role="alert">
      {differs.length > 0 && (
        <div class="problem">
          <p>{t("differs")}</p>
          <ul>
            {[...new Set(differs.map(named))].map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
          <p>{t("differs_do")}</p>
        </div>
      )}
    </div>
  );
}

export function ElectionScreen({
  id,
  chain,
  voter,
  manages,
}: {
  id: string;
  chain: string;
  voter: Key | null;
  manages: boolean;
}) {
  const [asked, again] = useState(0);
  const { value: said, fault } = useGet<Detail>(`/elections/${id}`, asked);
  const { value: proof, fault: unproven } = useAsked<Proof>(
    said && (() => prove(id, chain, said)),
    said,
  );
  const [result, setResult] = useState<Result | null>(null);
  const phase = result?.phase ?? said?.phase;
  const { value: voting } = useGet<Voting>(
    voter && `/elections/${id}/voters/${voter.key}`,
    `${asked} ${phase}`,
  );
  useEffect(() => {
    const stop = follow<Result>(`/elections/${id}/live`, "result", (said) => {
      setResult(said);
      if (said.phase === "closed" || said.phase === "cancelled") stop();
    });
    return stop;
  }, [id]);
  // What an organiser does shows in the election itself.
  useEffect(() => again((n) => n + 1), [result?.phase, result?.voters]);
  const why = fault ?? unproven;
  if (why)
    return (
      <>
        <Heading>{t("election")}</Heading>
        <Problem why={why} />
      </>
    );
  if (!said || !proof || !phase) return <p>{t("loading")}</p>;
  return (
    <Election
      proof={proof}
      said={said}
      phase={phase}
      result={result ?? said.result}
      voter={voter}
      voting={voting}
      manages={manages}
      again={() => again((n) => n + 1)}
      asked={asked}
    />
  );
}

interface ElectionProps {
  proof: Proof;
  said: Detail;
  phase: PhaseName;
  result: Result;
  voter: Key | null;
  voting: Voting | null;
  manages: boolean;
  again: () => void;
  asked: number;
}

function Election({
  proof,
  said,
  phase,
  result,
  voter,
  voting,
  manages,
  again,
  asked,
}: ElectionProps) {
  const e: Shown = { ...said, ...proof.election, ...proof.times, phase };
  const differs = [...proof.differs, ...resultDiffers(result, proof.election)];
  // What it has come to is the first that is asked of what is over.
  const over = phase === "closed" || phase === "cancelled";
  const withheld = e.results === "at closing" && phase !== "closed";
  const results = <Results result={result} contests={e.contests} quorum={e.quorum} />;
  return (
    <>
      <Heading>{e.title}</Heading>
      <p class="facts">
        <Phase phase={phase} />{" "}
        {phase === "open" && (
          <>
            {t("closes")}: {e.closes_at === null ? t("by_hand") : <Time ms={e.closes_at} from />}
          </>
        )}
        {phase === "draft" && (
          <>
            {t("opens")}: {e.opens_at === null ? t("by_hand") : <Time ms={e.opens_at} from />}
            {e.opens_at !== null && lacksVoters(said) && `, ${t("opens_with_voter")}`}
          </>
        )}
        {phase === "closed" && e.closes_at !== null && (
          <>
            {t("closed_at")}: <Time ms={e.closes_at} />
          </>
        )}
        {phase === "cancelled" && e.cancelled_at !== null && (
          <>
            {t("cancelled_at")}: <Time ms={e.cancelled_at} />
          </>
        )}
      </p>
      <Alarm differs={differs} />
      {e.description && <p class="description">{e.description}</p>}
      <div class={`vote ${over ? "over" : ""}`}>
        <section class="may" aria-labelledby="may">
          <h2 id="may">{t("may_i")}</h2>
          <Voter
            e={e}
            signed={proof.election}
            trusted={differs.length === 0}
            voter={voter}
            voting={voting}
          />
        </section>
        {over && results}
        <section class="beside" aria-labelledby="rules">
          <h2 id="rules">{t("rules")}</h2>
          <p class="soft">{t("rules_checked")}</p>
          <Rules e={e} />
        </section>
        {said.committee && (
          <Committee
            of={proof.election}
            committee={said.committee}
            ever={proof.ever}
            over={over}
            may={manages}
            done={again}
          />
        )}
        {manages && proof.organisers.some((key) => organises(e.chain, key)) && (
          <Manage e={e} needed={proof.election.committee?.needed ?? 1} done={again} />
        )}
        {!over && results}
      </div>
      <Log of={proof.election} ever={proof.ever} again={`${asked} ${phase} ${result.voters}`} />
      <section aria-labelledby="verify">
        <h2 id="verify">{t("verify")}</h2>
        <p>{t("verify_hint")}</p>
        <Command
          lines={[
            `vote-cli export ${e.election} -o election.archive`,
            `vote-cli verify archive election.archive --chain ${e.chain}`,
          ]}
        />
        <p>{t("verify_chain")}</p>
        {withheld ? (
          <p>{t("withheld_archive")}</p>
        ) : (
          <p class="buttons">
            <a class="button quiet" href={`/api/elections/${e.election}/archive`} download>
              {t("archive")}
            </a>
          </p>
        )}
        <dl class="rules">
          <dt>{t("election")}</dt>
          <dd>
            <Id id={e.election} />
          </dd>
          <dt>{t("organiser")}</dt>
          <dd>
            <Id id={e.organiser} />
          </dd>
          <dt>{t("board")}</dt>
          <dd>
            {t("ballots_n", { n: e.board.size })} <Id id={e.board.root} />
          </dd>
          {e.voters !== "anyone" && (
            <>
              <dt>{t("roll_root")}</dt>
              <dd>
                {t("voters_n", { n: e.roll.voters })} <Id id={e.roll.root} />
              </dd>
            </>
          )}
        </dl>
        <Raw value={{ ...said, phase, result }} />
      </section>
    </>
  );
}

/**
 * The counter of a voter's ballot in an election, if it is that, and what the node says of it. Of a ballot that was signed elsewhere, and is
 * withheld, the server of the page gives no bytes: its counter is the server's word then.
 */
function counterOf(
  voter: Key,
  of: SignedElection,
  { ballot, receipt, withheld }: Proven,
  said: Voting["ballot"],
): number | null {
  if (withheld) return said?.height === receipt.height ? said.counter : null;
  if (ballot?.voter !== voter.key || ballot.election !== of.election) return null;
  return !said || (said.counter === ballot.counter && said.height === receipt.height)
    ? ballot.counter
    : null;
}

const ended = (phase: PhaseName) => (phase === "closed" || phase === "cancelled" ? phase : null);

interface VoterProps {
  e: Shown;
  signed: SignedElection;
  trusted: boolean;
  voter: Key | null;
  voting: Voting | null;
}

/** The answer to "May I vote?", and what follows from it. */
function Voter({ e, signed, trusted, voter, voting }: VoterProps) {
  const all = ballots.use();
  const ballot = voter ? all[place(e.election, voter)] : undefined;
  const [replacing, replace] = useState(
    ballot !== undefined && making(ballot) && ballot.counter > 0,
  );
  // What is final is shown at once, before the node is asked again.
  const latest =
    ballot?.step === "cast" && ballot.counter >= (voting?.ballot?.counter ?? 0) ? ballot.id : null;
  const id = latest ?? voting?.ballot?.transaction ?? null;
  const { value, fault } = useAsked(
    id && voter ? () => provenOf(id, signed.chain) : null,
    `${id} ${e.phase}`,
  );
  const proven = value?.receipt.transaction === id ? value : null;
  const own =
    proven && voter
      ? counterOf(voter, signed, proven, voting?.ballot?.transaction === id ? voting.ballot : null)
      : null;
  const { may, why } = mayVote(e, voter, voting, id === null ? null : { counter: own });
  const counter = own === null ? 0 : own + 1;
  const fits = trusted && may && (id === null || replacing);
  const known = voting !== null && (id === null || own !== null);
  useEffect(() => {
    if (voter && fits) begin(signed, voter, counter);
    // It is over, or this voter has voted elsewhere. Without an answer nothing is known.
    else if (ballot && known && making(ballot) && !pending(ballot))
      change(ballot, {
        step: "void",
        lost: ballot.touched || ballot.step === "review" ? ended(e.phase) : null,
      });
  }, [voter, fits, counter, known]);
  const now =
    ballot && making(ballot) && (pending(ballot) || (fits && ballot.counter === counter))
      ? ballot
      : null;
  useEffect(() => {
    if (ballot?.step === "cast") replace(false);
  }, [ballot?.step]);
  return (
    <>
      <p class="verdict">{trusted ? why : t("may_not_here")}</p>
      {!voter && e.phase !== "closed" && e.phase !== "cancelled" && (
        <p>
          <a class="button" href="#/sign-in">
            {t("sign_in")}
          </a>
        </p>
      )}
      {now && <Booth ballot={now} />}
      {!now && ballot?.lost && <Problem why={t(`lost_${ballot.lost}`)} />}
      {!now && ballot?.fault && <Problem why={t("not_taken", { reason: ballot.fault })} />}
      {!now && <Problem why={fault ?? (proven && own === null ? t("unsound_other") : null)} />}
      {!now && proven && own !== null && (
        <>
          <ReceiptCard proven={proven} fresh={ballot?.step === "cast"} />
          {trusted && may && (
            <p>
              <button type="button" class="quiet" onClick={() => replace(true)}>
                {t("replace")}
              </button>
            </p>
          )}
        </>
      )}
    </>
  );
}

/** From the first choice to the final block; nothing is asked of the network in between. */
function Booth({ ballot }: { ballot: Ballot }) {
  const { election: e, voter, says, step } = ballot;
  const [checked, check] = useState(false);
  const faults = e.contests.map((contest, at) => wrong(contest, says[at] ?? null));
  const nameless = e.names && labelFault(ballot.name.trim());
  const review = (event: Event) => {
    event.preventDefault();
    check(true);
    const at = faults.findIndex((why) => why !== null);
    if (at < 0 && !nameless) return change(ballot, { step: "review", fault: null });
    document
      .querySelector<HTMLElement>(
        nameless ? ".by-name input" : `#contest-${at} :is(input, select, button):not(:disabled)`,
      )
      ?.focus();
  };
  if (step === "choose") {
    return (
      <form class="booth" onSubmit={review} noValidate>
        {e.names && (
          <div class="card by-name">
            <Text
              label={t("your_name")}
              hint={t("name_for_ever")}
              value={ballot.name}
              say={(name) => change(ballot, { touched: true, fault: null, name })}
              autocomplete="name"
            />
            <Problem why={checked && nameless ? t("bad_label") : null} />
          </div>
        )}
        {e.contests.map((contest, at) => (
          <ContestField
            key={at}
            contest={contest}
            number={at}
            voter={voter.key}
            says={says[at] ?? null}
            fault={checked ? faults[at]! : null}
            say={(to) =>
              change(ballot, {
                touched: true,
                fault: null,
                says: says.map((old, n) => (n === at ? to : old)),
              })
            }
          />
        ))}
        <div role="alert">
          {checked && faults.some(Boolean) && (
            <p class="problem">{t("faults_n", { n: faults.filter(Boolean).length })}</p>
          )}
        </div>
        <button type="submit">{t("to_review")}</button>
      </form>
    );
  }
  return (
    <section class="card" aria-label={t("review")}>
      <Arrival>{t("review")}</Arrival>
      <Says contests={e.contests} selections={says} />
      <p>
        {t("open_ballots")} {e.names ? t("open_name", { name: ballot.name.trim() }) : t("open_key")}{" "}
        {!e.names && voter.name && t("name_stays")}
      </p>
      <p>
        {e.revotes > ballot.counter
          ? t("r_revotes", { n: e.revotes - ballot.counter })
          : t("r_once")}
      </p>
      <Problem why={ballot.fault && t("not_taken", { reason: ballot.fault })} />
      {(step === "unknown" || step === "unproven") && (
        <p class="problem" role="alert">
          {t(step)}
        </p>
      )}
      <p class="buttons">
        <button
          type="button"
          class="quiet"
          disabled={pending(ballot)}
          onClick={() => change(ballot, { step: "choose", fault: null })}
        >
          {t("change")}
        </button>
        <button
          type="button"
          class="cast"
          disabled={pending(ballot)}
          onClick={() => void cast(ballot)}
        >
          {t("cast")}
        </button>
      </p>
    </section>
  );
}

/** Acts whose bytes are asked for, the latest; others are shown as the node says. */
const ACTS_SHOWN_MAX = 20;

/** Who organises an election together, and what waits for their approvals. */
export function Committee({
  of,
  committee,
  ever,
  over,
  may,
  done,
}: {
  of: SignedElection;
  committee: NonNullable<Detail["committee"]>;
  ever: string[];
  over: boolean;
  may: boolean;
  done: () => void;
}) {
  const [fault, setFault] = useState<string | null>(null);
  const { organisers, needed } = committee;
  const waiting = over ? [] : committee.waiting.filter((one) => one.lapses_at > Date.now());
  const own = may ? organisers.find((key) => organises(of.chain, key)) : undefined;
  const send = async (payload: Value) => {
    setFault(null);
    await submit(sign(of.chain, organiser(of.chain).seed, payload), of.chain).catch((error) =>
      setFault(reason(error)),
    );
    done();
  };
  return (
    <section aria-labelledby="organisers">
      <h2 id="organisers">{t("organisers")}</h2>
      <p>{t("organisers_needed", { needed, n: organisers.length })}</p>
      <ul>
        {organisers.map((key) => (
          <li key={key}>
            <Id id={key} />
          </li>
        ))}
      </ul>
      {waiting.length > 0 && (
        <>
          <h3>{t("waits_title")}</h3>
          <p>{t("waits_hint")}</p>
          <ul class="list">
            {waiting.map((one, at) => (
              <li key={one.proposal}>
                <Said
                  of={of}
                  ever={ever}
                  id={one.proposal}
                  what={one.what}
                  ask={at < ACTS_SHOWN_MAX}
                  will
                />
                : {t("waits_by")}{" "}
                {one.approvals.map((key) => (
                  <Id key={key} id={key} />
                ))}
                ; {t("waits_lacks", { n: one.lacking })}; {t("waits_lapses")}{" "}
                <Time ms={one.lapses_at} />{" "}
                {own && at < ACTS_SHOWN_MAX && !one.approvals.includes(own) && (
                  <button type="button" onClick={() => send(approveAct(of.election, one.proposal))}>
                    {t("approve")}
                  </button>
                )}
                {own && one.approvals[0] === own && (
                  <button
                    type="button"
                    class="quiet"
                    onClick={() => send(organise(of.election, { withdraw: one.proposal }))}
                  >
                    {t("take_back")}
                  </button>
                )}
              </li>
            ))}
          </ul>
          {own && <p class="soft">{t("approve_hint")}</p>}
        </>
      )}
      <Problem why={fault} />
    </section>
  );
}

function Log({ of, ever, again }: { of: SignedElection; ever: string[]; again: string }) {
  const { value } = useGet<{ created_at: number; log: LogEntry[] }>(
    `/elections/${of.election}/log`,
    again,
  );
  if (!value) return null;
  const first = value.log.length - ACTS_SHOWN_MAX;
  return (
    <section aria-labelledby="log">
      <h2 id="log">{t("log")}</h2>
      <p class="soft">{t("log_checked")}</p>
      <ol class="list">
        <li>
          <Time ms={value.created_at} />: {t("created")}
        </li>
        {value.log.map((entry, at) => (
          <li key={entry.transaction}>
            <Time ms={entry.time} />:{" "}
            <Entry of={of} ever={ever} entry={entry} log={value.log} ask={at >= first} /> (
            <a href={`#/block/${entry.height}`}>{t("block_n", { n: entry.height })}</a>)
          </li>
        ))}
      </ol>
    </section>
  );
}

const clock = (ms: number | null) => (ms === null ? t("by_hand") : <Time ms={ms} />);

/** What an entry of the log says; where several organise, who has signed it. The lists of voters are long, and shown as the node says. */
function Entry({
  of,
  ever,
  entry,
  log,
  ask,
}: {
  of: SignedElection;
  ever: string[];
  entry: LogEntry;
  log: LogEntry[];
  ask: boolean;
}) {
  const proposed = log.find((one) => one.transaction === entry.proposal);
  const kind = entry.act === "propose" ? entry.proposes : (proposed?.proposes ?? entry.act);
  const step =
    entry.act === "propose"
      ? t("log_proposed")
      : entry.act === "withdraw"
        ? t("log_withdrew")
        : entry.act === "approve-act"
          ? t(entry.done ? "log_done" : "log_approved")
          : null;
  return (
    <>
      {entry.by && (
        <>
          <Id id={entry.by} />:{" "}
        </>
      )}
      {step && `${step}: `}
      <Said
        of={of}
        ever={ever}
        id={entry.proposal ?? entry.transaction}
        what={entry.what}
        ask={ask && kind !== "add-voters"}
        will={step !== null}
      />
    </>
  );
}

/** What was done, or would be, from what an organiser has signed. */
function Said({
  of,
  ever,
  id,
  what,
  ask: asked,
  will,
}: {
  of: SignedElection;
  ever: string[];
  id: string;
  what: string;
  ask: boolean;
  will: boolean;
}) {
  const { value: act, fault } = useAsked(asked ? () => actOf(id, of, ever) : null, id);
  if (fault) return <span class="problem">{fault}</span>;
  if (!act)
    return (
      <span>
        {asked ? (
          t("loading")
        ) : (
          <>
            <span lang="en">{what}</span> {t("as_said")}
          </>
        )}
      </span>
    );
  if ("open" in act) return <>{t(will ? "open_now" : "kind_open")}</>;
  if ("close" in act) return <>{t(will ? "close_now" : "kind_close")}</>;
  if ("withdraw" in act) return <>{t("log_withdrew")}</>;
  if ("replace" in act)
    return (
      <>
        {t(will ? "replace_organiser" : "kind_replace_organiser")}: <Id id={act.replace.old} /> →{" "}
        <Id id={act.replace.new} />: {act.replace.reason}
      </>
    );
  if ("cancel" in act)
    return (
      <>
        {t(will ? "cancel_now" : "kind_cancel")}: {act.cancel}
      </>
    );
  if ("times" in act)
    return (
      <>
        {t(will ? "change_times" : "kind_change_times")}: {t("opens")}: {clock(act.times.opens_at)},{" "}
        {t("closes")}: {clock(act.times.closes_at)}: {act.times.reason}
      </>
    );
  if ("add" in act)
    return (
      <>
        {t(will ? "add_voters" : "kind_add_voters")}: {t("voters_n", { n: act.add.length })}
      </>
    );
  const { remove, add, reason: why } = act.change;
  return (
    <>
      {t(will ? "change_roll" : "kind_change_roll")}: {why}
      <ul>
        {remove.map((key) => (
          <li key={`-${key}`}>
            − <Id id={key} />
          </li>
        ))}
        {add.map(([key, votes]) => (
          <li key={`+${key}`}>
            + <Id id={key} /> {votes > 1 && t("votes_n", { n: votes })}
          </li>
        ))}
      </ul>
    </>
  );
}
