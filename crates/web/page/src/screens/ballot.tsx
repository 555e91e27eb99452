// A ballot's fields: one for each contest, by its rule.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Contest, FACTS, type Selection, look } from "../encoding/ledger";
import { named, pointsMax, single, sum } from "../encoding/fit";
import { order } from "../selection";
import { type Name, t } from "../texts";

interface Props {
  contest: Contest;
  number: number;
  voter: string;
  says: Selection | null;
  say: (says: Selection | null) => void;
  fault: string | null;
}

/** How many choices may be named, if that is not obvious. */
export function bounds({ rule, choices, min, max }: Contest): string {
  if (single(rule)) return "";
  const all = choices !== null && max >= choices.length;
  if (min === max) return t("bound_exactly", { n: min });
  if (all) return min ? t("bound_min", { n: min }) : t("bound_any");
  return min ? t("bound_both", { min, max }) : t("bound_max", { n: max });
}

export function ContestField({ contest, number, voter, says, say, fault }: Props) {
  // What is said before an abstention comes back after it.
  const before = useRef<Selection | null>(null);
  const choices = contest.choices ?? [];
  const places = order(contest, voter);
  const abstains = says === "abstain";
  const group = `contest-${number}`;
  const one = !contest.choices || single(contest.rule);
  const points = pointsMax(contest);
  let field: ComponentChildren;
  if (!contest.choices) {
    const text =
      says && !abstains && typeof says === "object" && "written" in says ? says.written : "";
    field = (
      <div class="field">
        <label for={`${group}-text`}>{t("your_choice")}</label>
        <input
          id={`${group}-text`}
          value={text}
          disabled={abstains}
          onInput={(event) =>
            say(
              look(event.currentTarget.value) ? { written: look(event.currentTarget.value) } : null,
            )
          }
        />
      </div>
    );
  } else if (single(contest.rule)) {
    const chosen = says && typeof says === "object" && "listed" in says ? says.listed : null;
    field = places.map((place) => (
      <label class="option" key={place}>
        <input
          type="radio"
          name={group}
          checked={chosen === place}
          onChange={() => say({ listed: place })}
        />{" "}
        <span>{choices[place]}</span>
      </label>
    ));
  } else if (FACTS[contest.rule].ballots === "several") {
    const chosen = says && typeof says === "object" && "approved" in says ? says.approved : [];
    const toggle = (place: number) =>
      say({
        approved: (chosen.includes(place)
          ? chosen.filter((p) => p !== place)
          : [...chosen, place]
        ).sort((a, b) => a - b),
      });
    field = places.map((place) => (
      <label class="option" key={place}>
        <input
          type="checkbox"
          checked={chosen.includes(place)}
          disabled={abstains}
          onChange={() => toggle(place)}
        />{" "}
        <span>{choices[place]}</span>
      </label>
    ));
  } else if (FACTS[contest.rule].ballots === "scores" || points !== null) {
    const scored =
      says && typeof says === "object" && "scored" in says ? says.scored : choices.map(() => 0);
    const set = (place: number, to: number) =>
      say({ scored: scored.map((old, at) => (at === place ? to : old)) });
    field = places.map((place) => (
      <div class="row" key={place}>
        <label for={`${group}-${place}`}>{choices[place]}</label>
        <select
          id={`${group}-${place}`}
          value={scored[place]}
          disabled={abstains}
          onChange={(event) => set(place, Number(event.currentTarget.value))}
        >
          {[...Array(1 + Math.min(points ?? 10, 255)).keys()].map((n) => (
            <option key={n} value={n}>
              {n}
            </option>
          ))}
        </select>
      </div>
    ));
  } else {
    const ranked = says && typeof says === "object" && "ranked" in says ? says.ranked : [];
    field = (
      <Ranking
        key={String(abstains)}
        group={group}
        choices={choices}
        places={places}
        ranked={ranked}
        off={abstains}
        say={(ranked) => say({ ranked })}
      />
    );
  }
  const abstain = () => {
    if (abstains) return say(before.current);
    before.current = says;
    say("abstain");
  };
  const hints = `${group}-hint${fault ? ` ${group}-fault` : ""}`;
  return (
    <fieldset class={`card contest ${fault ? "faulty" : ""}`} id={group} aria-describedby={hints}>
      <legend>{contest.title || t("your_ballot")}</legend>
      <p class="hint" id={`${group}-hint`}>
        {t(contest.choices ? (`how_${contest.rule}` as Name) : "how_write")} {bounds(contest)}{" "}
        {contest.seats > 1 && t("seats_n", { n: contest.seats })}
      </p>
      {field}
      {contest.abstention &&
        (one && contest.choices ? (
          <label class="option apart">
            <input type="radio" name={group} checked={abstains} onChange={() => say("abstain")} />{" "}
            {t("abstain")}
          </label>
        ) : (
          <label class="option apart">
            <input type="checkbox" checked={abstains} onChange={abstain} /> {t("abstain")}
          </label>
        ))}
      {!one && !abstains && (
        <p class="count" aria-live="polite">
          {points === null
            ? t("named_n", { n: named(says) })
            : `${t("points")}: ${sum(says && typeof says === "object" && "scored" in says ? says.scored : [])} / ${points}`}
        </p>
      )}
      {fault && (
        <p class="problem" id={`${group}-fault`}>
          {fault}
        </p>
      )}
    </fieldset>
  );
}

interface RankingProps {
  group: string;
  choices: string[];
  places: number[];
  ranked: number[][];
  off: boolean;
  say: (ranked: number[][]) => void;
}

/** A ranking by buttons and numbers; nothing is dragged. Equal numbers are equal ranks. */
function Ranking({ group, choices, places, ranked, off, say }: RankingProps) {
  // Numbers as they were given: gaps between them mean nothing, but stay while somebody is at it.
  const [numbers, setNumbers] = useState<Record<number, number>>(() => numbered(ranked));
  const [told, tell] = useState("");
  const focus = useRef<string | null>(null);
  useEffect(() => {
    // A row that moves takes the focus along.
    if (focus.current) document.getElementById(focus.current)?.focus();
    focus.current = null;
  });
  const rankOf = (place: number) => numbers[place] ?? 0;
  const groups = (of: Record<number, number>): number[][] => {
    const used = [...new Set(Object.values(of))].filter((n) => n > 0).sort((a, b) => a - b);
    return used.map((n) => choices.map((_, place) => place).filter((place) => of[place] === n));
  };
  const set = (next: Record<number, number>, place: number, control: string) => {
    const to = groups(next);
    const rank = to.findIndex((some) => some.includes(place));
    tell(
      rank < 0
        ? t("rank_none", { name: choices[place]! })
        : t(to[rank]!.length > 1 ? "rank_shared" : "rank_is", {
            name: choices[place]!,
            n: rank + 1,
          }),
    );
    focus.current = control;
    setNumbers(next);
    say(to);
  };
  const move = (place: number, by: -1 | 1, control: string) => {
    const now = groups(numbers);
    const at = now.findIndex((some) => some.includes(place));
    const without = now.map((some) => some.filter((p) => p !== place));
    if (at < 0) {
      // Up from below the ranking: to its end.
      if (by < 0) set(numbered([...now, [place]]), place, control);
      return;
    }
    const alone = now[at]!.length === 1;
    if (alone && by > 0 && at === now.length - 1) return set(numbered(without), place, control);
    const target = alone ? at + by : by < 0 ? at : at + 1;
    if (target < 0) return;
    const rest = alone ? without.filter((some) => some.length) : without;
    set(numbered([...rest.slice(0, target), [place], ...rest.slice(target)]), place, control);
  };
  const sorted = [...places].sort((a, b) => (rankOf(a) || Infinity) - (rankOf(b) || Infinity) || 0);
  const now = groups(numbers);
  return (
    <>
      <ul class="ranking">
        {sorted.map((place) => {
          const name = choices[place]!;
          const rank = now.findIndex((some) => some.includes(place)) + 1;
          const ids = {
            number: `${group}-${place}-n`,
            up: `${group}-${place}-up`,
            down: `${group}-${place}-down`,
          };
          return (
            <li key={place} class={rank ? "ranked" : ""}>
              <label class="number" for={ids.number}>
                <span class="hidden">{t("rank_of", { name })}</span>
                <select
                  id={ids.number}
                  value={rankOf(place)}
                  disabled={off}
                  onChange={(event) => {
                    const { [place]: _, ...rest } = numbers;
                    const n = Number(event.currentTarget.value);
                    set(n ? { ...rest, [place]: n } : rest, place, ids.number);
                  }}
                >
                  <option value={0}>–</option>
                  {choices.map((_, n) => (
                    <option key={n} value={n + 1}>
                      {n + 1}
                    </option>
                  ))}
                </select>
              </label>
              <span class="name">{name}</span>
              <span class="buttons">
                <button
                  type="button"
                  class="quiet"
                  id={ids.up}
                  disabled={off}
                  aria-label={t("up", { name })}
                  onClick={() => move(place, -1, ids.up)}
                >
                  ↑
                </button>
                <button
                  type="button"
                  class="quiet"
                  id={ids.down}
                  disabled={off}
                  aria-label={t("down", { name })}
                  onClick={() => move(place, 1, ids.down)}
                >
                  ↓
                </button>
              </span>
            </li>
          );
        })}
      </ul>
      {now.length > 0 && !off && (
        <p class="hint">
          {t("ranked")}:{" "}
          {now
            .map((some, at) => `${at + 1}. ${some.map((place) => choices[place]).join(" = ")}`)
            .join(", ")}
        </p>
      )}
      <p class="hidden" role="status">
        {told}
      </p>
    </>
  );
}

const numbered = (ranked: number[][]): Record<number, number> =>
  Object.fromEntries(
    ranked
      .filter((some) => some.length)
      .flatMap((some, at) => some.map((place) => [place, at + 1])),
  );
