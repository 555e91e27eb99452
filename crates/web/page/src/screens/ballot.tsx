// A ballot in the making: one field for each contest, by its rule.

import { useState } from "preact/hooks";
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { type Contest, type Selection, bytesToHex } from "../encoding/ledger";
import { t } from "../texts";

/** How many choices a selection names. */
function named(says: Selection): number {
  if (says === "abstain") return 0;
  if ("approved" in says) return says.approved.length;
  if ("scored" in says) return says.scored.filter((score) => score > 0).length;
  if ("ranked" in says) return says.ranked.flat().length;
  return 1;
}

/** What is wrong with a selection; none if nothing is. */
export function wrong(contest: Contest, says: Selection | null): string | null {
  if (says === null) return t("missing");
  if (says === "abstain" || "listed" in says || "written" in says) return null;
  if (named(says) < contest.min) return t("too_few", { n: contest.min });
  if (named(says) > contest.max) return t("too_many", { n: contest.max });
  return null;
}

/** A selection in words. */
export function words(contest: Contest, says: Selection | null): string {
  const name = (place: number) => contest.choices?.[place] ?? "";
  if (says === null) return t("nothing_chosen");
  if (says === "abstain") return t("abstain");
  if ("listed" in says) return name(says.listed);
  if ("written" in says) return says.written;
  if ("approved" in says) return says.approved.map(name).join(", ") || t("nothing_chosen");
  if ("scored" in says) return says.scored.map((score, place) => `${name(place)}: ${score}`).join(", ");
  return says.ranked.map((rank) => rank.map(name).join(" = ")).join(" > ") || t("nothing_chosen");
}

/** What is said before anything is touched: nothing, where saying nothing is no choice. */
export function blank(contest: Contest): Selection | null {
  if (contest.min > 0 || !contest.choices) return null;
  if (contest.rule === "approval") return { approved: [] };
  if (contest.rule === "score") return { scored: contest.choices.map(() => 0) };
  return { ranked: [] };
}

/** The places in the order in which they are shown: that of the ballot, or another for each voter. */
function order(contest: Contest, voter: string): number[] {
  const places = [...(contest.choices ?? []).keys()];
  if (!contest.shuffle) return places;
  const lot = (place: number) => bytesToHex(sha256(utf8ToBytes(`${voter}\n${contest.title}\n${place}`)));
  return places.map((place) => [lot(place), place] as const).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, place]) => place);
}

interface Props {
  contest: Contest;
  number: number;
  voter: string;
  says: Selection | null;
  say: (says: Selection | null) => void;
}

export function ContestField({ contest, number, voter, says, say }: Props) {
  const choices = contest.choices ?? [];
  const places = order(contest, voter);
  const abstains = says === "abstain";
  const hint = !contest.choices ? t("hint_write")
    : contest.rule === "plurality" || contest.rule === "yes-no" ? t("hint_one")
    : contest.rule === "approval" ? t("hint_approve", { min: contest.min, max: contest.max })
    : contest.rule === "score" ? t("hint_score")
    : t("hint_rank", { min: contest.min, max: contest.max });
  const group = `contest-${number}`;
  let field;
  if (!contest.choices) {
    const text = says && says !== "abstain" && "written" in says ? says.written : "";
    field = <label class="field">{t("choice")}<input value={text} maxLength={100} disabled={abstains} onInput={(event) => say(event.currentTarget.value.trim() ? { written: event.currentTarget.value.trim() } : null)} /></label>;
  } else if (contest.rule === "plurality" || contest.rule === "yes-no") {
    const chosen = says && says !== "abstain" && "listed" in says ? says.listed : null;
    field = places.map((place) => (
      <label class="option" key={place}>
        <input type="radio" name={group} checked={chosen === place} onChange={() => say({ listed: place })} /> {choices[place]}
      </label>
    ));
  } else if (contest.rule === "approval") {
    const chosen = says && says !== "abstain" && "approved" in says ? says.approved : [];
    const toggle = (place: number) => say({ approved: (chosen.includes(place) ? chosen.filter((p) => p !== place) : [...chosen, place]).sort((a, b) => a - b) });
    field = places.map((place) => (
      <label class="option" key={place}>
        <input type="checkbox" checked={chosen.includes(place)} disabled={abstains} onChange={() => toggle(place)} /> {choices[place]}
      </label>
    ));
  } else if (contest.rule === "score") {
    const scored = says && says !== "abstain" && "scored" in says ? says.scored : choices.map(() => 0);
    field = places.map((place) => (
      <label class="field row" key={place}>
        {choices[place]}
        <input type="number" min={0} max={10} value={scored[place]} disabled={abstains}
          onInput={(event) => say({ scored: scored.map((old, at) => (at === place ? Math.max(0, Math.min(10, Math.trunc(Number(event.currentTarget.value)) || 0)) : old)) })} />
      </label>
    ));
  } else {
    field = <Ranking choices={choices} places={places} ranked={says && says !== "abstain" && "ranked" in says ? says.ranked.flat() : []} say={(ranked) => say({ ranked: ranked.map((place) => [place]) })} />;
  }
  return (
    <fieldset class="card contest">
      <legend>{contest.title || t("choice")}</legend>
      <p class="hint">{hint}</p>
      {field}
      {contest.abstention && (
        <label class="option">
          <input type="checkbox" checked={abstains} onChange={() => say(abstains ? blank(contest) : "abstain")} /> {t("abstain")}
        </label>
      )}
    </fieldset>
  );
}

/** A ranking by buttons: nothing is dragged. */
function Ranking({ choices, places, ranked, say }: { choices: string[]; places: number[]; ranked: number[]; say: (ranked: number[]) => void }) {
  const [told, tell] = useState("");
  const move = (at: number, by: number) => {
    const next = [...ranked];
    const [moved] = next.splice(at, 1) as [number];
    next.splice(at + by, 0, moved);
    tell(`${at + by + 1}. ${choices[moved]}`);
    say(next);
  };
  const left = places.filter((place) => !ranked.includes(place));
  return (
    <>
      <h3>{t("ranked")}</h3>
      <ol class="ranking">
        {ranked.map((place, at) => (
          <li key={place}>
            <span>{choices[place]}</span>
            <span class="buttons">
              <button type="button" class="quiet" disabled={at === 0} aria-label={t("up", { name: choices[place]! })} onClick={() => move(at, -1)}>↑</button>
              <button type="button" class="quiet" disabled={at === ranked.length - 1} aria-label={t("down", { name: choices[place]! })} onClick={() => move(at, 1)}>↓</button>
              <button type="button" class="quiet" aria-label={t("unrank", { name: choices[place]! })} onClick={() => say(ranked.filter((p) => p !== place))}>✕</button>
            </span>
          </li>
        ))}
      </ol>
      <h3>{t("unranked")}</h3>
      <ul class="ranking">
        {left.map((place) => (
          <li key={place}>
            <span>{choices[place]}</span>
            <button type="button" class="quiet" aria-label={t("rank", { name: choices[place]! })} onClick={() => say([...ranked, place])}>{ranked.length + 1}.</button>
          </li>
        ))}
      </ul>
      <p class="hidden" role="status">{told}</p>
    </>
  );
}
