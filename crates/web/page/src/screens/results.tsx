// A result: bars and a table in one, how it came about, and what it comes to in a sentence.

import type { Counted, Result, Tie } from "../api";
import { type Contest, FACTS, type Rule, type Share } from "../encoding/ledger";
import { type Name, number, t } from "../texts";
import { Wide } from "../ui";
import { share } from "./rules";

export function verdict(result: Result, counted: Counted): string {
  const seats = counted.leader_seats;
  const names = counted.leaders
    .map((name, at) => (seats ? `${name} (${number(seats[at] ?? 0)})` : name))
    .join(", ");
  const over = result.phase === "closed";
  if (result.phase === "cancelled") return t("nothing_decided");
  if (!counted.complete) return t("not_counted");
  if (!counted.leaders.length)
    return t(counted.votes ? (over ? "nobody_elected" : "nobody_so_far") : "no_votes");
  if (over && result.quorum && !result.quorum.reached) return t("not_decided_quorum");
  if (counted.tie) return t(over ? "tie" : "tie_now", { names });
  if (over && counted.rule !== "yes-no" && counted.majority && !counted.majority.reached)
    return t("not_decided_majority");
  if (counted.rule === "plurality" || counted.rule === "yes-no")
    return t(over ? "won" : "leads", { names });
  return t(over ? "elected" : "elected_now", { names });
}

const percent = (part: number, whole: number) =>
  whole ? `${number(Math.round((1000 * part) / whole) / 10)} %` : "–";

function turnout(result: Result): string {
  if (result.voters === null) return t("ballots_n", { n: result.ballots });
  return `${t("of_voters", { n: result.ballots, all: result.voters })} (${percent(result.ballots, result.voters)})`;
}

/** `contests` and `quorum` are the election's own: the result has their names in English alone. */
export function Results({
  result,
  contests,
  quorum,
}: {
  result: Result;
  contests: Contest[];
  quorum: Share | null;
}) {
  return (
    <section class="results" aria-labelledby="result">
      <h2 id="result">{t(result.phase === "open" ? "result_now" : "result")}</h2>
      <p aria-live="polite" aria-atomic="true">
        {t("turnout")}: {turnout(result)}
      </p>
      {result.quorum && quorum && (
        <p class="soft">
          {t(result.quorum.reached ? "quorum_yes" : "quorum_no", {
            votes: number(result.quorum.votes),
            of: number(result.quorum.of),
            share: share(quorum),
          })}
        </p>
      )}
      {result.withheld ? (
        <p class="verdict">{t(result.phase === "cancelled" ? "withheld_cancelled" : "withheld")}</p>
      ) : (
        result.contests.map((counted, at) => (
          <Count key={at} result={result} counted={counted} contest={contests[at]} />
        ))
      )}
      <p class="soft">{t("count_said")}</p>
    </section>
  );
}

function Bar({ part }: { part: number }) {
  return (
    <svg class="bar-of" aria-hidden="true" focusable="false">
      <rect width="100%" height="100%" />
      <rect class="part" width={`${100 * part}%`} height="100%" />
    </svg>
  );
}

/** What the numbers beside the bars are. */
const heading = (rule: Rule): Name => FACTS[rule].beside ?? BESIDE[FACTS[rule].ballots];
const BESIDE = {
  one: "votes",
  several: "approvals",
  scores: "points",
  points: "points",
  ranks: "first_preferences",
} as const;

function Count({
  result,
  counted,
  contest,
}: {
  result: Result;
  counted: Counted;
  contest: Contest | undefined;
}) {
  const most = Math.max(1, ...counted.counts.map(({ votes }) => votes));
  const [title, scores] = [
    counted.title || t("result"),
    ["scores", "points"].includes(FACTS[counted.rule].ballots),
  ];
  const { majority, quota, rounds = [], pairwise, ties = [] } = counted;
  // Without votes there is nothing to tell of how they were counted.
  const some = counted.votes > 0;
  return (
    <article>
      {counted.title && <h3>{counted.title}</h3>}
      <p class="verdict">{verdict(result, counted)}</p>
      {majority && contest?.majority && (
        <p>
          {t(majority.reached ? "majority_yes" : "majority_no", {
            votes: number(majority.votes),
            of: number(majority.of),
            share: share(contest.majority),
          })}
        </p>
      )}
      {counted.counts.length > 0 && (
        <table class="bars">
          <caption class="hidden">{title}</caption>
          <thead>
            <tr>
              <th scope="col">{t("choice")}</th>
              <th scope="col">{t(heading(counted.rule))}</th>
              {!scores && <th scope="col">{t("share")}</th>}
            </tr>
          </thead>
          <tbody>
            {counted.counts.map(({ choice, votes }) => (
              <tr key={choice} class={counted.leaders.includes(choice) ? "leads" : ""}>
                <th scope="row">
                  {choice}
                  {counted.leaders.includes(choice) && (
                    <span class="hidden"> ({t("leading")})</span>
                  )}{" "}
                  <Bar part={votes / most} />
                </th>
                <td>{number(votes)}</td>
                {!scores && <td>{percent(votes, counted.votes)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {counted.other_choices > 0 && (
        <p>
          {t("other_choices", { n: counted.other_choices, votes: number(counted.other_votes) })}
        </p>
      )}
      {(counted.complete || some) && (
        <p class="soft">
          {t("counted_n", { n: counted.votes })}
          {counted.abstentions > 0 && ` ${t("abstentions", { n: counted.abstentions })}`}
          {counted.blank > 0 && ` ${t("blank", { n: counted.blank })}`}
          {some && quota != null && ` ${t("quota", { n: String(quota) })}`}
        </p>
      )}
      {counted.outcome_cut && <p class="soft">{t("outcome_cut")}</p>}
      {some && (rounds.length > 1 || (rounds[0]?.exhausted ?? 0) !== 0) && (
        <Rounds counted={counted} />
      )}
      {some && pairwise && contest?.choices && <Pairwise names={contest.choices} wins={pairwise} />}
      {some && ties.map((tie, at) => <p key={at}>{tieWords(tie)}</p>)}
    </article>
  );
}

const listed = (names: string[]) =>
  names.length < 2
    ? names.join("")
    : t("and", { a: names.slice(0, -1).join(", "), b: names.at(-1)! });

/** How a tie was broken before or by lot; `most` names the votes that count. */
function broken({ earlier_round, drawn_among, picked, round }: Tie, most: Name): string {
  if (earlier_round === null)
    return t(round === null || round === 1 ? "tie_lot" : "tie_lot_after_all", { picked });
  return drawn_among.length
    ? t("tie_lot_after", { round: earlier_round, drawn: listed(drawn_among), picked })
    : t(most, { round: earlier_round, picked });
}

/** Who was tied for what, how it was broken, and who is out or in: the words of `says`, in the reader's language. */
export function tieWords(tie: Tie): string {
  const others = tie.tied.filter((name) => name !== tie.picked);
  const gaps = {
    round: tie.round ?? 1,
    tied: listed(tie.tied),
    picked: tie.picked,
    others: listed(others),
  };
  if (tie.for === "surplus")
    return `${t("tie_surplus", gaps)} ${broken(tie, "tie_most")} ${t("tie_first", gaps)}`;
  if (tie.for === "runoff")
    return `${t("tie_runoff", gaps)} ${t(
      tie.drawn_among.length ? "tie_runoff_lot" : "tie_runoff_match",
      { ...gaps, drawn: listed(tie.drawn_among) },
    )}`;
  if (tie.for === "seat") return `${t("tie_seat", gaps)} ${broken(tie, "tie_sum")}`;
  if (tie.for === "exclusion")
    return `${t("tie_exclusion", gaps)} ${broken(tie, "tie_fewest")} ${t("tie_out", { ...gaps, n: others.length })}`;
  if (tie.for === "next seat") return `${t("tie_next_seat", gaps)} ${t("tie_lot", gaps)}`;
  if (tie.for === "pairs") return t("tie_pairs", { ...gaps, order: tie.drawn_among.join(", ") });
  const last = tie.seats_left === 1;
  return `${t("tie_seats", { ...gaps, n: tie.seats_left ?? 1 })} ${t(last ? "tie_lot" : "tie_lot_of_several", gaps)} ${t(last ? "tie_in" : "tie_in_of_several", { ...gaps, n: others.length })}`;
}

function Rounds({ counted }: { counted: Counted }) {
  const rounds = counted.rounds ?? [];
  const label = `${t("rounds")}: ${counted.title || t("result")}`;
  return (
    <details>
      <summary>
        {t("rounds")} ({rounds.length})
      </summary>
      <Wide label={label}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("choice")}</th>
              {rounds.map((_, at) => (
                <th scope="col" key={at}>
                  {at + 1}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Object.keys(rounds[0]?.votes ?? {}).map((name) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {rounds.map((round, at) => (
                  <td key={at}>{round.votes[name]}</td>
                ))}
              </tr>
            ))}
            <tr>
              <th scope="row">{t("for_nobody")}</th>
              {rounds.map((round, at) => (
                <td key={at}>{round.exhausted}</td>
              ))}
            </tr>
          </tbody>
        </table>
      </Wide>
      <ol lang="en">
        {rounds.map((round, at) => (
          <li key={at}>{round.actions.join("; ")}</li>
        ))}
      </ol>
    </details>
  );
}

function Pairwise({ names, wins }: { names: string[]; wins: number[][] }) {
  const beats = (a: number, b: number) => (wins[a]?.[b] ?? 0) > (wins[b]?.[a] ?? 0);
  return (
    <details>
      <summary>{t("pairwise")}</summary>
      <Wide label={t("pairwise")}>
        <table>
          <caption>{t("pairwise_hint")}</caption>
          <thead>
            <tr>
              <td></td>
              {names.map((name) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {names.map((name, a) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {names.map((_, b) => (
                  <td key={b} class={beats(a, b) ? "beats" : ""}>
                    {a === b ? "–" : beats(a, b) ? <strong>{wins[a]?.[b]}</strong> : wins[a]?.[b]}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </details>
  );
}
