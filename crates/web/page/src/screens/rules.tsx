// The rules of a vote, in words, from the election alone: nothing of it is written by hand.

import { type Contest, FACTS, type Share } from "../encoding/ledger";
import { type Name, number, t } from "../texts";
import { Time } from "../ui";
import { bounds } from "./ballot";

/** What the rules follow from: an election on the ledger, or one that is about to be. */
export interface Ruled {
  title: string;
  contests: Contest[];
  voters: "anyone" | "roll" | "weighted roll";
  opens_at: number | null;
  closes_at: number | null;
  quorum: Share | null;
  revotes: number;
  results: "live" | "at closing";
  names: boolean;
  tie_break: string;
}

export function share({ numerator: n, denominator: d, more }: Share): string {
  if (n === 1 && d === 2) return t(more ? "more_than_half" : "at_least_half");
  if (n === d) return t("all_of_it");
  return t(more ? "more_than" : "at_least", { n: String(n), d: String(d) });
}

function ContestRules({ contest, title }: { contest: Contest; title: string }) {
  const { rule, choices, seats, majority, shuffle, abstention } = contest;
  return (
    <>
      <dt>{title}</dt>
      <dd>
        {choices ? t("choices_n", { n: choices.length }) : t("how_write")}{" "}
        {shuffle && t("r_shuffle")} {t("r_counted", { rule: t(`rule_${rule}` as Name) })}{" "}
        {FACTS[rule].lists ? `${t("e_seats")}: ${number(seats)}.` : t("r_seats", { n: seats })}{" "}
        {rule === "irv" && t(`r_overvotes_${contest.overvotes}`)} {bounds(contest)}{" "}
        {abstention && t("r_abstain")}{" "}
        {majority &&
          t(rule === "yes-no" ? "r_carry" : "r_majority", {
            share: share(majority),
            base: t(`base_${majority.base}`),
          })}
      </dd>
    </>
  );
}

/** What becomes of ties, and where lots come from if a rule draws any. */
function ties({ contests, tie_break }: Ruled): string {
  const rules = [...new Set(contests.map(({ rule }) => rule))];
  const out = rules.map((rule) => t(`r_ties_${FACTS[rule].ties}`, { rule: t(`rule_${rule}`) }));
  if (rules.some((rule) => !["plurality", "yes_no"].includes(FACTS[rule].ties)))
    out.push(tie_break ? t("r_lots_text", { text: tie_break }) : t("r_lots"));
  return out.join(" ");
}

export function Rules({ e }: { e: Ruled }) {
  const tied = ties(e);
  return (
    <dl class="rules">
      {e.contests.map((contest, at) => (
        <ContestRules key={at} contest={contest} title={contest.title || t("what_is_decided")} />
      ))}
      <dt>{t("r_who")}</dt>
      <dd>
        {t(e.voters === "anyone" ? "r_anyone" : e.voters === "roll" ? "r_roll" : "r_weighted")}
      </dd>
      <dt>{t("r_secrecy")}</dt>
      <dd>{t("r_open")}</dd>
      <dt>{t("r_names_title")}</dt>
      <dd>{t(e.names ? "r_names" : "r_no_names")}</dd>
      <dt>{t("r_replacing")}</dt>
      <dd>{e.revotes ? t("r_revotes", { n: e.revotes }) : t("r_once")}</dd>
      <dt>{t("opens")}</dt>
      <dd>
        {e.opens_at !== null ? (
          <Time ms={e.opens_at} from />
        ) : e.voters === "anyone" ? (
          t("at_once")
        ) : (
          t("by_hand")
        )}
      </dd>
      <dt>{t("closes")}</dt>
      <dd>{e.closes_at === null ? t("by_hand") : <Time ms={e.closes_at} from />}</dd>
      {e.quorum && (
        <>
          <dt>{t("r_quorum_title")}</dt>
          <dd>{t("r_quorum", { share: share(e.quorum) })}</dd>
        </>
      )}
      <dt>{t("r_count")}</dt>
      <dd>{t(e.results === "live" ? "r_live" : "r_hidden")}</dd>
      {tied && (
        <>
          <dt>{t("r_ties_title")}</dt>
          <dd>{tied}</dd>
        </>
      )}
      <dt>{t("r_changes_title")}</dt>
      <dd>{t("r_changes")}</dd>
    </dl>
  );
}
