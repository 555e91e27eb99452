// A result: bars and a table in one, how it came about, and what it comes to in a sentence.

import type { Counted, Result } from "../api";
import { t } from "../texts";

function verdict(result: Result, counted: Counted): string {
  const names = counted.leaders.join(", ");
  const over = result.phase === "closed";
  if (result.phase === "cancelled") return t("nothing_decided");
  if (!counted.complete) return t("counting");
  if (!counted.leaders.length) return t("no_votes");
  if (over && result.quorum && !result.quorum.reached) return t("quorum_no", { ...result.quorum });
  if (counted.tie) return t("tie", { names });
  if (counted.rule !== "yes-no" && counted.majority && !counted.majority.reached) return t("majority_no", { ...counted.majority });
  if (counted.rule === "plurality" || counted.rule === "yes-no") return t(over ? "won" : "leads", { names });
  return t(over ? "elected" : "elected_now", { names });
}

/** `choices` are those of each contest, in the order of the ballot. */
export function Results({ result, choices }: { result: Result; choices: (string[] | null)[] }) {
  return (
    <section aria-live="polite">
      <h2>{t(result.phase === "open" ? "result_now" : "result")}</h2>
      <p>{result.voters === null ? t("ballots_n", { n: result.ballots }) : t("of_voters", { n: result.ballots, all: result.voters })}</p>
      {result.quorum && <p>{t(result.quorum.reached ? "quorum_yes" : "quorum_no", { ...result.quorum })}</p>}
      {result.withheld ? <p>{t("withheld")}</p> : result.contests.map((counted, at) => <Count key={counted.title} result={result} counted={counted} names={choices[at] ?? []} />)}
    </section>
  );
}

function Count({ result, counted, names }: { result: Result; counted: Counted; names: string[] }) {
  const most = Math.max(1, ...counted.counts.map(({ votes }) => votes));
  return (
    <>
      {counted.title && <h3>{counted.title}</h3>}
      <p class="verdict">{verdict(result, counted)}</p>
      {counted.majority && <p>{t(counted.majority.reached ? "majority_yes" : "majority_no", { ...counted.majority })}</p>}
      <div class="scroll" tabIndex={0} role="region" aria-label={counted.title || t("result")}>
        <table class="bars">
          <thead><tr><th scope="col">{t("choice")}</th><th scope="col">{t("votes")}</th><th scope="col">{t("share")}</th></tr></thead>
          <tbody>
            {counted.counts.map(({ choice, votes }) => (
              <tr key={choice} class={counted.leaders.includes(choice) ? "leads" : ""}>
                <th scope="row">{choice}</th>
                <td>{votes}</td>
                <td><meter min={0} max={most} value={votes} aria-label={choice} /> {counted.votes ? Math.round((100 * votes) / counted.votes) : 0} %</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {counted.abstentions > 0 && <p>{t("abstentions", { n: counted.abstentions })}</p>}
      {counted.rounds && counted.rounds.length > 1 && <Rounds counted={counted} />}
      {counted.pairwise && <Pairwise names={names} wins={counted.pairwise} />}
      {counted.ties?.map((tie, at) => <p key={at}>{t("seed_picks", { tied: tie.tied.join(", "), picked: tie.picked_by_seed })}</p>)}
    </>
  );
}

function Rounds({ counted }: { counted: Counted }) {
  const rounds = counted.rounds ?? [];
  return (
    <details>
      <summary>{t("rounds")}</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label={t("rounds")}>
        <table>
          <thead><tr><th scope="col">{t("choice")}</th>{rounds.map((_, at) => <th scope="col" key={at}>{at + 1}</th>)}</tr></thead>
          <tbody>
            {Object.keys(rounds[0]?.votes ?? {}).map((name) => (
              <tr key={name}><th scope="row">{name}</th>{rounds.map((round, at) => <td key={at}>{round.votes[name]}</td>)}</tr>
            ))}
            <tr><th scope="row">{t("for_nobody")}</th>{rounds.map((round, at) => <td key={at}>{round.exhausted}</td>)}</tr>
          </tbody>
        </table>
      </div>
      <ol>{rounds.map((round, at) => <li key={at}>{round.actions.join("; ")}</li>)}</ol>
    </details>
  );
}

function Pairwise({ names, wins }: { names: string[]; wins: number[][] }) {
  return (
    <details>
      <summary>{t("pairwise")}</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label={t("pairwise")}>
        <table>
          <caption>{t("pairwise_hint")}</caption>
          <thead><tr><td></td>{names.map((name) => <th scope="col" key={name}>{name}</th>)}</tr></thead>
          <tbody>{names.map((name, a) => <tr key={name}><th scope="row">{name}</th>{names.map((_, b) => <td key={b}>{a === b ? "–" : wins[a]?.[b]}</td>)}</tr>)}</tbody>
        </table>
      </div>
    </details>
  );
}
