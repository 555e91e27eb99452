// Which selections fit a contest (docs/protocol.md, "Transactions").

import { type Contest, FACTS, type Rule, type Selection, type Share } from "./ledger";

const SCORE_MAX = 10;

export const single = (rule: Rule) => FACTS[rule].ballots === "one";

/** How many points a ballot spreads at most; none by rules without any. */
export const pointsMax = ({ rule, seats }: Contest): number | null =>
  FACTS[rule].ballots === "points" ? seats : null;

export const sum = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0);

/** How many choices a selection names. */
export function named(says: Selection | null): number {
  if (says === null || says === "abstain") return 0;
  if ("approved" in says) return says.approved.length;
  if ("scored" in says) return says.scored.filter((score) => score > 0).length;
  if ("ranked" in says) return says.ranked.flat().length;
  return 1;
}

/** Whether it is of the rule's kind, of choices that are on the list, each once and in order. */
function offered(contest: Contest, says: Exclude<Selection, "abstain">): boolean {
  const { choices, rule } = contest;
  if (!choices) return "written" in says;
  const listed = (places: number[]) =>
    places.every((place, at) => place < choices.length && (at === 0 || place > places[at - 1]!));
  const kind = FACTS[rule].ballots;
  if ("listed" in says) return kind === "one" && says.listed < choices.length;
  if ("approved" in says) return kind === "several" && listed(says.approved);
  if ("scored" in says)
    return (
      says.scored.length === choices.length &&
      (kind === "points"
        ? sum(says.scored) <= contest.seats
        : kind === "scores" && says.scored.every((score) => score <= SCORE_MAX))
    );
  if (!("ranked" in says)) return false;
  const all = says.ranked.flat();
  return (
    kind === "ranks" &&
    says.ranked.every((rank) => rank.length > 0 && listed(rank)) &&
    new Set(all).size === all.length
  );
}

/** Whether the ledger takes it as an answer to a contest. */
export function fits(contest: Contest, says: Selection): boolean {
  if (says === "abstain") return contest.abstention;
  return offered(contest, says) && named(says) >= contest.min && named(says) <= contest.max;
}

/** Whether a share is a part of something and can be reached: there is no more than all. */
export const possible = ({ numerator, denominator, more }: Share): boolean =>
  numerator > 0 && numerator <= (more ? denominator - 1 : denominator) && denominator <= 1000;
