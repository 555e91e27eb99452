// One election: its rules, whether one may vote, the ballot, the receipt, the result, and how to check it all.

import { useEffect, useState } from "preact/hooks";
import { type Detail, type Phase as PhaseName, type Result, type Voting, follow } from "../api";
import { type Ballot, ballots, begin, cast, change, making, pending, place } from "../booth";
import { type Key, organises } from "../keys";
import { words, wrong } from "../selection";
import { t } from "../texts";
import { Arrival, Command, Heading, Id, Phase, Problem, Raw, Time, useGet } from "../ui";
import { ContestField } from "./ballot";
import { Manage } from "./manage";
import { ReceiptCard } from "./receipt";
import { Results } from "./results";
import { Rules } from "./rules";

function mayVote(e: Detail, phase: PhaseName, voter: Key | null, voting: Voting | null): { may: boolean; why: string } {
  if (phase === "cancelled") return { may: false, why: t("may_cancelled") };
  if (phase === "closed") return { may: false, why: t("may_over") };
  if (!voter) return { may: false, why: t(e.voters === "anyone" ? "may_sign_in" : "may_sign_in_roll") };
  if (!voting) return { may: false, why: t("loading") };
  if (voting.votes === null) return { may: false, why: t("may_not_roll") };
  if (phase === "draft") return { may: false, why: t("may_draft") };
  if (!voting.ballot) return { may: true, why: t("may_yes", { n: voting.votes }) };
  const left = e.revotes - voting.ballot.counter;
  return left > 0 ? { may: true, why: t("may_replace", { n: left }) } : { may: false, why: t("may_done") };
}

export function ElectionScreen({ id, voter }: { id: string; voter: Key | null }) {
  const [asked, again] = useState(0);
  const { value: e, fault } = useGet<Detail>(`/elections/${id}`, asked);
  const [result, setResult] = useState<Result | null>(null);
  const phase = result?.phase ?? e?.phase;
  const { value: voting } = useGet<Voting>(voter && `/elections/${id}/voters/${voter.key}`, `${asked} ${phase}`);
  useEffect(() => {
    const stop = follow<Result>(`/elections/${id}/live`, "result", (said) => {
      setResult(said);
      if (said.phase === "closed" || said.phase === "cancelled") stop();
    });
    return stop;
  }, [id]);
  // What an organiser does shows in the election itself.
  useEffect(() => again((n) => n + 1), [result?.phase, result?.voters]);
  if (!e || !phase) return fault ? <><Heading>{t("elections")}</Heading><Problem why={fault} /></> : <p>{t("loading")}</p>;
  const now = { ...e, phase };
  // What it has come to is the first that is asked of what is over.
  const over = phase === "closed" || phase === "cancelled";
  const results = <Results result={result ?? e.result} contests={e.contests} quorum={e.quorum} />;
  return (
    <>
      <Heading>{e.title}</Heading>
      <p class="facts">
        <Phase phase={phase} />{" "}
        {phase === "open" && <>{t("closes")}: {e.closes_at === null ? t("by_hand") : <Time ms={e.closes_at} from />}</>}
        {phase === "draft" && <>{t("opens")}: {e.opens_at === null ? t("by_hand") : <Time ms={e.opens_at} from />}</>}
        {phase === "closed" && e.closes_at !== null && <>{t("closed_at")}: <Time ms={e.closes_at} /></>}
        {phase === "cancelled" && e.cancelled_at !== null && <>{t("cancelled_at")}: <Time ms={e.cancelled_at} /></>}
      </p>
      {e.description && <p class="description">{e.description}</p>}
      <div class={`vote ${over ? "over" : ""}`}>
        <section class="may" aria-labelledby="may">
          <h2 id="may">{t("may_i")}</h2>
          <Voter e={now} voter={voter} voting={voting} />
        </section>
        {over && results}
        <section class="beside" aria-labelledby="rules">
          <h2 id="rules">{t("rules")}</h2>
          <Rules e={now} />
        </section>
        {organises(e.chain, e.organiser) && <Manage e={now} done={() => again((n) => n + 1)} />}
        {!over && results}
      </div>
      <Log id={id} again={`${asked} ${phase} ${result?.voters}`} />
      <section aria-labelledby="verify">
        <h2 id="verify">{t("verify")}</h2>
        <p>{t("verify_hint")}</p>
        <Command lines={[`vote-cli export ${id} -o election.archive`, `vote-cli verify archive election.archive --chain ${e.chain}`]} />
        <p>{t("verify_chain")}</p>
        <p class="buttons"><a class="button quiet" href={`/api/elections/${id}/archive`} download>{t("archive")}</a></p>
        <dl class="rules">
          <dt>{t("election")}</dt><dd><Id id={id} /></dd>
          <dt>{t("organiser")}</dt><dd><Id id={e.organiser} /></dd>
          <dt>{t("board")}</dt><dd>{t("ballots_n", { n: e.board.size })} <Id id={e.board.root} /></dd>
          {e.voters !== "anyone" && <><dt>{t("roll_root")}</dt><dd>{t("voters_n", { n: e.roll.voters })} <Id id={e.roll.root} /></dd></>}
        </dl>
        <Raw value={{ ...now, result: result ?? e.result }} />
      </section>
    </>
  );
}

/** The answer to "May I vote?", and what follows from it. */
function Voter({ e, voter, voting }: { e: Detail; voter: Key | null; voting: Voting | null }) {
  const [replacing, replace] = useState(false);
  const all = ballots.use();
  const ballot = voter ? all[place(e.election, voter)] : undefined;
  const { may, why } = mayVote(e, e.phase, voter, voting);
  const counter = voting?.ballot ? voting.ballot.counter + 1 : 0;
  const first = may && !voting?.ballot;
  const fits = may && (first || replacing);
  useEffect(() => {
    if (voter && fits) begin(e, voter, counter);
    // It is over, or this voter has voted elsewhere. Without an answer nothing is known.
    else if (ballot && voting && making(ballot) && !pending(ballot)) change(ballot, { step: "void" });
  }, [voter, fits, counter, voting]);
  const now = ballot && making(ballot) && (pending(ballot) || (fits && ballot.counter === counter)) ? ballot : null;
  // What is final is shown at once, before the node is asked again.
  const done = voting?.ballot ?? (ballot?.step === "cast" && ballot.id && ballot.height ? { transaction: ballot.id, height: ballot.height, counter: ballot.counter } : null);
  useEffect(() => {
    if (ballot?.step === "cast") replace(false);
  }, [ballot?.step]);
  return (
    <>
      <p class="verdict">{why}</p>
      {!voter && e.phase !== "closed" && e.phase !== "cancelled" && <p><a class="button" href="#/sign-in">{t("sign_in")}</a></p>}
      {now && <Booth ballot={now} />}
      {!now && ballot?.fault && <Problem why={t("not_taken", { reason: ballot.fault })} />}
      {done && !now && (
        <>
          <ReceiptCard ballot={done.transaction} height={done.height} counter={done.counter} chain={e.chain} fresh={ballot?.step === "cast"} />
          {may && <p><button type="button" class="quiet" onClick={() => replace(true)}>{t("replace")}</button></p>}
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
  const review = (event: Event) => {
    event.preventDefault();
    check(true);
    const at = faults.findIndex((why) => why !== null);
    if (at < 0) return change(ballot, { step: "review", fault: null });
    document.querySelector<HTMLElement>(`#contest-${at} :is(input, select, button):not(:disabled)`)?.focus();
  };
  if (step === "choose") {
    return (
      <form class="booth" onSubmit={review} noValidate>
        {e.contests.map((contest, at) => (
          <ContestField
            key={at} contest={contest} number={at} voter={voter.key} says={says[at] ?? null} fault={checked ? faults[at]! : null}
            say={(to) => change(ballot, { touched: true, fault: null, says: says.map((old, n) => (n === at ? to : old)) })}
          />
        ))}
        <div role="alert">{checked && faults.some(Boolean) && <p class="problem">{t("faults_n", { n: faults.filter(Boolean).length })}</p>}</div>
        <button type="submit">{t("to_review")}</button>
      </form>
    );
  }
  return (
    <section class="card" aria-label={t("review")}>
      <Arrival>{t("review")}</Arrival>
      <dl class="review">
        {e.contests.map((contest, at) => (
          <div key={at}>
            <dt>{contest.title || t("your_ballot")}</dt>
            <dd>{words(contest, says[at] ?? null).map((line) => <div key={line}>{line}</div>)}</dd>
          </div>
        ))}
      </dl>
      <p>{t("open_ballots")} {voter.name ? t("open_name", { name: voter.name }) : t("open_key")}</p>
      <p>{e.revotes > ballot.counter ? t("r_revotes", { n: e.revotes - ballot.counter }) : t("r_once")}</p>
      <Problem why={ballot.fault && t("not_taken", { reason: ballot.fault })} />
      {step === "unknown" && <p class="problem" role="alert">{t("unknown")}</p>}
      <p class="buttons">
        <button type="button" class="quiet" disabled={pending(ballot)} onClick={() => change(ballot, { step: "choose", fault: null })}>{t("change")}</button>
        <button type="button" class="cast" disabled={pending(ballot)} onClick={() => void cast(ballot)}>{t("cast")}</button>
      </p>
    </section>
  );
}

interface Entry { height: number; time: number; transaction: string; act: string; what: string }

function Log({ id, again }: { id: string; again: string }) {
  const { value } = useGet<{ created_at: number; log: Entry[] }>(`/elections/${id}/log`, again);
  if (!value) return null;
  return (
    <section aria-labelledby="log">
      <h2 id="log">{t("log")}</h2>
      <ol class="list">
        <li><Time ms={value.created_at} />: {t("created")}</li>
        {value.log.map((entry) => (
          <li key={entry.transaction}><Time ms={entry.time} />: <span lang="en">{entry.what}</span> (<a href={`#/block/${entry.height}`}>{t("block_n", { n: entry.height })}</a>)</li>
        ))}
      </ol>
    </section>
  );
}
