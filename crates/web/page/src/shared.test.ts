// @vitest-environment happy-dom

// What the page finds wrong with an election, and what a share is: the same as the ledger
// (testdata/elections.json, testdata/shares.json).

import { beforeAll, expect, test } from "vitest";
import elections from "../../../../testdata/elections.json";
import shares from "../../../../testdata/shares.json";
import { possible } from "./encoding/fit";
import { type Contest, type Election, OVERVOTES, RULES } from "./encoding/ledger";

beforeAll(() => localStorage.setItem("language", "en"));
const { t } = await import("./texts");
const {
  SHARES,
  election,
  emptyContest,
  empty: emptyDraft,
  faults,
  readShare,
} = await import("./screens/organise");
const { share } = await import("./screens/rules");

/** The kinds of faults by what the page says of them. */
const KINDS: [string, string][] = [
  [t("e_bad_description"), "description"],
  [t("e_bad_times"), "times"],
  [t("e_bad_choices"), "count"],
  [t("e_same_choices"), "alike"],
  [t("e_two_choices"), "yes_no"],
  [t("e_bad_seats"), "seats"],
  [`${t("e_seats")}: ${t("bad_number")}`, "seats"],
  [t("e_bad_bounds"), "bounds"],
  [t("bound_max", { n: 1 }), "limited"],
  [t("e_no_roll"), "no_roll"],
  [`${t("e_title")}: ${t("bad_label")}`, "title"],
  [`${t("r_ties_title")}: ${t("bad_label")}`, "tie_break"],
  [`${t("r_replacing")}: ${t("bad_number")}`, "revotes"],
];

/** A fault as the ledger calls it: `2 seats` is the second contest's. */
function kind(said: string, e: Election): string {
  if (said === t("e_same_titles")) return "2 untitled";
  const at = e.contests.findIndex((c, at) =>
    said.startsWith(`${c.title || t("e_contest", { n: at + 1 })}: `),
  );
  const rest = at < 0 ? said : said.slice(said.indexOf(": ") + 2);
  const number = at >= 0 && e.contests.length > 1 ? `${at + 1} ` : "";
  if (number && rest === t("bad_label"))
    return number + (e.contests[at]!.title ? "contest_title" : "untitled");
  const known = KINDS.find(([words]) => words === said || words === rest);
  return (
    number + (known ? known[1] : rest.endsWith(t("bad_label")) ? "choice" : `unknown: ${said}`)
  );
}

const base = elections.base as unknown as Election;

function made({ change, contests }: (typeof elections.cases)[number]): Election {
  const all = (contests ?? [{}]).map((one) => ({
    ...base.contests[0]!,
    ...(one as Partial<Contest>),
  }));
  return { ...base, salt: 0n, ...(change as Partial<Election>), contests: all };
}

// What the form cannot make it need not find; the vectors say why it cannot, and the test below
// that it does not.
const cases = elections.cases
  .filter((one) => !("not_on_page" in one))
  .map((one) => [one.name, made(one), one.faults] as const);

test.each(cases)("the form finds what the ledger refuses: %s", (_, e, expected) => {
  const found = new Set(faults(e).map((said) => kind(said, e)));
  expect([...found].sort()).toEqual(expected);
});

test("the form makes no election that the vectors say it cannot make", () => {
  const three = { ...emptyContest(), choices: "Ada\nGrace\nJoan" };
  const majorities = ["", ...SHARES];
  for (const rule of RULES) {
    for (const choices of ["", "Yes\nNo", three.choices]) {
      for (const overvotes of OVERVOTES) {
        for (const majority of majorities) {
          const draft = {
            ...emptyDraft(),
            quorum: ">1/2",
            contests: [{ ...three, title: "Board", rule, choices, overvotes, majority }],
          };
          const e = election(draft);
          const made = e.contests[0]!;
          expect([e.contests.length, made.title, e.quorum]).toEqual([1, "", null]);
          if (!choices) expect(made.rule).toBe("plurality");
          if (made.rule !== "irv") expect(made.overvotes).toBe("wait");
          if (!["plurality", "approval", "yes-no"].includes(made.rule))
            expect(made.majority).toBeNull();
          if (made.rule === "yes-no") expect(made.majority).not.toBeNull();
          if (made.majority) expect(possible(made.majority)).toBe(true);
        }
      }
    }
  }
});

test("shares have the words that vote-cli says", () => {
  for (const { share: one, words } of shares.shares) if (words) expect(share(one)).toBe(words);
});

test("every share that can be chosen can be reached", () => {
  for (const { share: one, possible: expected } of shares.shares)
    expect(possible(one), JSON.stringify(one)).toBe(expected);
  for (const text of SHARES) expect(readShare(text), text).not.toBeNull();
});
