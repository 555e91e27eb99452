import { useEffect, useState } from "preact/hooks";
import { type Detail, Refused, type Result, type Voting, follow, get, post } from "../api";
import { castBallot, sign, transactionId } from "../encoding/ledger";
import type { Contest, Selection } from "../encoding/ledger";
import type { Key } from "../keys";
import { organises } from "../keys";
import { type Key as Text, t, time } from "../texts";
import { Heading, Id, Problem, reason, useGet } from "../ui";
import { ContestField, blank, words, wrong } from "./ballot";
import { Manage } from "./manage";
import { ReceiptCard } from "./receipt";
import { Results } from "./results";

const share = (s: { numerator: number; denominator: number; more: boolean }) =>
  t(s.more ? "more_than" : "at_least", { n: s.numerator, d: s.denominator });

/** The rules of a vote, from the election itself. */
export function rules(e: Detail): string[] {
  const title = (c: Contest) => c.title || e.title;
  const lines = e.contests.flatMap((c) => {
    const counted = t("r_counted", { title: title(c), rule: t(`rule_${c.rule}` as Text), seats: c.seats });
    const majority = c.majority && t("r_majority", { title: title(c), share: share(c.majority), base: t(`base_${c.majority.base}`) });
    return majority ? [counted, majority] : [counted];
  });
  lines.push(t(e.voters === "anyone" ? "r_anyone" : e.voters === "roll" ? "r_roll" : "r_weighted"));
  lines.push(e.revotes ? t("r_revotes", { n: e.revotes }) : t("r_once"));
  if (e.quorum) lines.push(t("r_quorum", { share: share(e.quorum) }));
  lines.push(t(e.results === "live" ? "r_live" : "r_hidden"), t("r_open"));
  return lines;
}

function mayVote(e: Detail, phase: string, voting: Voting | null): { may: boolean; why: string } {
  if (phase === "draft") return { may: false, why: t("may_draft") };
  if (phase !== "open") return { may: false, why: t("may_over") };
  if (!voting) return { may: false, why: t("may_sign_in") };
  if (voting.votes === null) return { may: false, why: t("may_not_roll") };
  if (!voting.ballot) return { may: true, why: voting.votes === 1 ? t("may_yes_one") : t("may_yes", { n: voting.votes }) };
  const left = e.revotes - voting.ballot.counter;
  return left > 0 ? { may: true, why: t("may_replace") } : { may: false, why: t("may_done") };
}

export function ElectionScreen({ id, voter, gone }: { id: string; voter: Key | null; gone: (is: boolean) => void }) {
  const [asked, again] = useState(0);
  const { value: e, fault } = useGet<Detail>(`/elections/${id}`, asked);
  const [result, setResult] = useState<Result | null>(null);
  const { value: voting } = useGet<Voting>(voter && `/elections/${id}/voters/${voter.key}`, `${asked}${result?.phase}`);
  const phase = result?.phase ?? e?.phase;
  useEffect(() => {
    const stop = follow<Result>(`/elections/${id}/live`, "result", (said) => {
      setResult(said);
      if (said.phase === "closed" || said.phase === "cancelled") stop();
    }, gone);
    return stop;
  }, [id]);
  // What an organiser does shows in the election itself.
  useEffect(() => again((n) => n + 1), [result?.phase, result?.voters]);
  if (!e) return fault ? <Problem why={fault} /> : <p>{t("loading")}</p>;
  const { may, why } = mayVote(e, phase ?? e.phase, voting);
  return (
    <>
      <Heading>{e.title}</Heading>
      <p><span class={`phase ${phase}`}>{t(phase ?? e.phase)}</span></p>
      {e.description && <p class="description">{e.description}</p>}
      <dl>
        <dt>{t("opens")}</dt><dd>{e.opens_at === null ? t("by_hand") : time(e.opens_at)}</dd>
        <dt>{t("closes")}</dt><dd>{e.closes_at === null ? t("by_hand") : time(e.closes_at)}</dd>
      </dl>
      <h2>{t("rules")}</h2>
      <ul>{rules(e).map((line) => <li key={line}>{line}</li>)}</ul>
      <h2>{t("may_i")}</h2>
      <p class="verdict">{why}</p>
      {may && voter && voting && <Booth e={e} voter={voter} counter={voting.ballot ? voting.ballot.counter + 1 : 0} done={() => again(asked + 1)} />}
      {voting?.ballot && <ReceiptCard ballot={voting.ballot.transaction} height={voting.ballot.height} replaced={voting.ballot.counter > 0} />}
      {e.organiser && organises(e.chain, e.organiser) && <Manage e={e} phase={phase ?? e.phase} done={() => again(asked + 1)} />}
      <Results result={result ?? e.result} choices={e.contests.map((contest) => contest.choices)} />
      <Log id={id} again={`${asked}${phase}`} />
      <h2>{t("verify")}</h2>
      <p>{t("verify_hint")}</p>
      <pre><code>{`vote-cli export ${id.slice(0, 16)} -o election.archive\nvote-cli verify archive election.archive --chain ${e.chain}`}</code></pre>
      <p class="meta"><Id id={id} /></p>
    </>
  );
}

type Step = "choose" | "review" | "casting";

/** From the first choice to the final block; nothing is asked of the network in between. */
function Booth({ e, voter, counter, done }: { e: Detail; voter: Key; counter: number; done: () => void }) {
  const [says, setSays] = useState<(Selection | null)[]>(() => e.contests.map(blank));
  const [step, setStep] = useState<Step>("choose");
  const [touched, touch] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  const faults = e.contests.map((contest, at) => wrong(contest, says[at] ?? null));
  useEffect(() => {
    if (!touched) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [touched]);
  const say = (at: number, selection: Selection | null) => {
    touch(true);
    setFault(null);
    setSays(says.map((old, place) => (place === at ? selection : old)));
  };
  const review = (event: Event) => {
    event.preventDefault();
    const at = faults.findIndex((why) => why !== null);
    if (at >= 0) return setFault(e.contests.length > 1 ? `${e.contests[at]!.title}: ${faults[at]}` : faults[at]!);
    setStep("review");
  };
  const cast = async () => {
    setStep("casting");
    const selections = says as Selection[];
    const bytes = sign(e.chain, voter.seed, castBallot({ election: e.election, counter, name: voter.name, selections }));
    try {
      let answer = await post<{ final: boolean }>("/transactions", bytes);
      // Submitting again is harmless: it waits for the same ballot.
      while (!answer.final) answer = await post<{ final: boolean }>("/transactions", bytes);
      touch(false);
      done();
    } catch (error) {
      const id = transactionId(bytes);
      const known = await get(`/ballots/${id}`).catch(() => null);
      if (known) return done();
      setFault(error instanceof Refused && error.code === "gone" ? t("gone") : reason(error));
      setStep("review");
    }
  };
  return (
    <section class="booth">
      {step === "choose" ? (
        <form onSubmit={review}>
          {e.contests.map((contest, at) => (
            <ContestField key={at} contest={contest} number={at} voter={voter.key} says={says[at] ?? null} say={(s) => say(at, s)} />
          ))}
          <Problem why={fault} />
          <button type="submit">{t("review")}</button>
        </form>
      ) : (
        <div class="card">
          <h3>{t("review")}</h3>
          <dl>
            {e.contests.map((contest, at) => (
              <div key={at}><dt>{contest.title || t("choice")}</dt><dd>{words(contest, says[at] ?? null)}</dd></div>
            ))}
          </dl>
          <p>{t("r_open")}</p>
          <Problem why={fault} />
          <p class="buttons">
            <button type="button" class="quiet" disabled={step === "casting"} onClick={() => setStep("choose")}>{t("change")}</button>
            <button type="button" disabled={step === "casting"} onClick={cast}>{t("cast")}</button>
          </p>
        </div>
      )}
      <p class={`bar ${step}`} role="status">{step === "casting" ? t("casting") : t("not_cast")}</p>
    </section>
  );
}

interface Entry { height: number; time: number; what: string }

function Log({ id, again }: { id: string; again: string }) {
  const { value } = useGet<{ created_at: number; log: Entry[] }>(`/elections/${id}/log`, again);
  if (!value) return null;
  return (
    <details>
      <summary>{t("log")}</summary>
      <ul>
        <li>{time(value.created_at)}: {t("created")}</li>
        {value.log.map((entry, at) => <li key={at}>{time(entry.time)}: {entry.what} (<a href={`#/block/${entry.height}`}>{t("block_n", { n: entry.height })}</a>)</li>)}
      </ul>
    </details>
  );
}
