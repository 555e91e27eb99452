// What a voter says to a contest: is it complete, and how is it said in words.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { named, pointsMax, sum } from "./encoding/fit";
import { type Contest, FACTS, type Selection, writeInFault } from "./encoding/ledger";
import { t } from "./texts";

/** What is wrong with a selection; none if nothing is. */
export function wrong(contest: Contest, says: Selection | null): string | null {
  if (says === null)
    return contest.choices
      ? contest.abstention
        ? t("missing_or_abstain")
        : t("missing")
      : t("missing_text");
  if (says === "abstain" || "listed" in says) return null;
  if ("written" in says) return writeInFault(says.written) ? t("bad_label") : null;
  const points = pointsMax(contest);
  if (points !== null && "scored" in says && sum(says.scored) > points)
    return t("too_many_points", { n: points });
  if (named(says) < contest.min) return t("too_few", { n: contest.min });
  if (named(says) > contest.max) return t("too_many", { n: contest.max });
  return null;
}

/** A name that could be taken for something else is put in quotation marks: no two selections have the same words. */
const quoted = (name: string): string =>
  /[="\\]/.test(name) || name === t("abstain") || name === t("nothing_chosen")
    ? `"${name.replace(/["\\]/g, "\\$&")}"`
    : name;

/** A selection in words, a line for each thing it says. */
export function words(contest: Contest, says: Selection | null): string[] {
  const name = (place: number) => quoted(contest.choices?.[place] ?? "");
  if (says === null) return [t("nothing_chosen")];
  if (says === "abstain") return [t("abstain")];
  if ("listed" in says) return [name(says.listed)];
  if ("written" in says) return [quoted(says.written)];
  const lines =
    "approved" in says
      ? says.approved.map(name)
      : "scored" in says
        ? says.scored.map((score, place) => `${name(place)}: ${score}`)
        : says.ranked.map((rank, at) => `${at + 1}. ${rank.map(name).join(" = ")}`);
  return lines.length ? lines : [t("nothing_chosen")];
}

/** What is said before anything is touched: nothing, where saying nothing is no choice. */
export function blank(contest: Contest): Selection | null {
  if (!contest.choices) return null;
  switch (FACTS[contest.rule].ballots) {
    case "one":
      return null;
    case "several":
      return { approved: [] };
    case "scores":
    case "points":
      return { scored: contest.choices.map(() => 0) };
    case "ranks":
      return { ranked: [] };
  }
}

/** The places in the order in which they are shown: that of the ballot, or another for each voter. */
export function order(contest: Contest, voter: string): number[] {
  const places = [...(contest.choices ?? []).keys()];
  if (!contest.shuffle) return places;
  const lot = (place: number) =>
    bytesToHex(sha256(utf8ToBytes(`${voter}\n${contest.title}\n${place}`)));
  return places
    .map((place) => [lot(place), place] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, place]) => place);
}
