// A new election: a form, what voters will see, and putting it on the ledger.

import { useState } from "preact/hooks";
import type { Info } from "../api";
import { pointsMax, possible, single } from "../encoding/fit";
import { encode } from "../encoding/cbor";
import {
  type Contest,
  ELECTION_BYTES_MAX,
  type Election,
  FACTS,
  LIST_SEATS_MAX,
  OVERVOTES,
  type Overvotes,
  RULES,
  type Rule,
  type Selection,
  type Share,
  createElection,
  labelFault,
  sign,
  someAlike,
} from "../encoding/ledger";
import { type Key, keyFile, mayCreate, organiser, readKeyFile, setOrganiser } from "../keys";
import { submit } from "../proof";
import { blank } from "../selection";
import { Store } from "../store";
import { type Name, number, t, utc } from "../texts";
import { Choice, FileField, Heading, Id, Problem, Text, Tick, reason, save } from "../ui";
import { ContestField } from "./ballot";
import { Rules, share } from "./rules";

export interface ContestDraft {
  title: string;
  choices: string;
  rule: Rule;
  seats: string;
  min: string;
  max: string;
  abstention: boolean;
  shuffle: boolean;
  overvotes: Overvotes;
  majority: string;
  base: "votes" | "roll";
}
export interface Draft {
  title: string;
  description: string;
  voters: Election["voters"];
  opens: string;
  closes: string;
  revotes: string;
  results: Election["results"];
  names: boolean;
  quorum: string;
  tie_break: string;
  contests: ContestDraft[];
}

export const emptyContest = (): ContestDraft => ({
  title: "",
  choices: "",
  rule: "plurality",
  seats: "1",
  min: "",
  max: "",
  abstention: false,
  shuffle: false,
  overvotes: "wait",
  majority: "",
  base: "votes",
});
export const empty = (): Draft => ({
  title: "",
  description: "",
  voters: "anyone",
  opens: "",
  closes: "",
  revotes: "0",
  results: "live",
  names: false,
  quorum: "",
  tie_break: "",
  contests: [emptyContest()],
});

/** It stays while its organiser looks at other screens. */
const draft = new Store(empty());

/** Shares as they are chosen: `>` is more than, `=` at least. */
export const SHARES = [
  "=1/5",
  "=1/4",
  "=1/3",
  "=1/2",
  ">1/2",
  "=3/5",
  "=2/3",
  ">2/3",
  "=3/4",
  "=4/5",
  "=1/1",
];

export function readShare(text: string): Share | null {
  const found = /^([>=])(\d+)\/(\d+)$/.exec(text);
  const share = found && {
    numerator: Number(found[2]),
    denominator: Number(found[3]),
    more: found[1] === ">",
  };
  return share && possible(share) ? share : null;
}

const shareName = (text: string) => share(readShare(text)!);

const lines = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
const whole = (text: string, otherwise: number) =>
  /^\d{1,4}$/.test(text.trim()) ? Number(text) : text.trim() === "" ? otherwise : NaN;
export const when = (text: string): number | null => (text ? new Date(text).getTime() : null);

/** By limited voting a ballot names fewer choices than there are seats. */
const limit = (seats: number) => Math.max(1, seats - 1);

function contest(said: ContestDraft, only: boolean): Contest {
  const listed = lines(said.choices);
  const choices = listed.length ? listed : null;
  const rule = choices ? said.rule : "plurality";
  const majority = FACTS[rule].majority
    ? readShare(said.majority || (rule === "yes-no" ? ">1/2" : ""))
    : null;
  const seats = FACTS[rule].oneSeat ? 1 : whole(said.seats, 1);
  return {
    title: only ? "" : said.title.trim(),
    choices,
    rule,
    seats,
    min: single(rule) ? 1 : whole(said.min, 0),
    max: single(rule) ? 1 : whole(said.max, rule === "limited" ? limit(seats) : listed.length),
    abstention: said.abstention,
    majority: majority && { ...majority, base: said.base },
    shuffle: said.shuffle && choices !== null,
    overvotes: rule === "irv" ? said.overvotes : "wait",
  };
}

/** The election that the form describes. */
export function election(said: Draft): Election {
  return {
    title: said.title.trim(),
    description: said.description.replaceAll("\r\n", "\n").trim(),
    contests: said.contests.map((one) => contest(one, said.contests.length === 1)),
    voters: said.voters,
    opens_at: when(said.opens),
    closes_at: when(said.closes),
    quorum: said.voters === "anyone" ? null : readShare(said.quorum),
    revotes: whole(said.revotes, 0),
    results: said.results,
    tie_break: said.tie_break.trim(),
    salt: 0n,
    names: said.names,
    // Several are named by vote-cli, which their keys are read to.
    committee: null,
  };
}

/** What the ledger would refuse, before it is asked. */
export function faults(e: Election): string[] {
  const out: string[] = [];
  const label = (text: string, what: string) =>
    labelFault(text) && out.push(`${what}: ${t("bad_label")}`);
  label(e.title, t("e_title"));
  if (
    new TextEncoder().encode(e.description).length > 4000 ||
    /[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u.test(e.description)
  )
    out.push(t("e_bad_description"));
  if (e.tie_break) label(e.tie_break, t("r_ties_title"));
  // Of the payload, two bytes are not the election's.
  const bytes = encode(createElection({ ...e, salt: 2n ** 64n - 1n })).length - 2;
  if (bytes > ELECTION_BYTES_MAX)
    out.push(t("e_too_large", { n: number(bytes), max: number(ELECTION_BYTES_MAX) }));
  if (!(e.revotes >= 0 && e.revotes <= 1000)) out.push(`${t("r_replacing")}: ${t("bad_number")}`);
  if (e.closes_at !== null && e.closes_at <= Math.max(Date.now(), e.opens_at ?? 0))
    out.push(t("e_bad_times"));
  if (someAlike(e.contests.map(({ title }) => title))) out.push(t("e_same_titles"));
  e.contests.forEach((c, at) => {
    const name = c.title || t("e_contest", { n: at + 1 });
    const say = (what: string) => out.push(`${name}: ${what}`);
    if (e.contests.length > 1) label(c.title, name);
    c.choices?.forEach(
      (choice) => labelFault(choice) && say(`${choice.slice(0, 30)}: ${t("bad_label")}`),
    );
    if (c.choices && (c.choices.length < 2 || c.choices.length > 500)) say(t("e_bad_choices"));
    if (c.choices && someAlike(c.choices)) say(t("e_same_choices"));
    if (c.rule === "yes-no" && c.choices?.length !== 2) say(t("e_two_choices"));
    const all = c.choices?.length ?? 1;
    const { oneSeat, lists } = FACTS[c.rule];
    const seats = oneSeat ? 1 : lists ? LIST_SEATS_MAX : all;
    const least = c.rule === "limited" ? 2 : 1;
    if (c.choices && !(c.seats >= least && c.seats <= seats))
      say(lists ? `${t("e_seats")}: ${t("bad_number")}` : t("e_bad_seats"));
    if (c.rule === "limited" && c.seats > 1 && c.max >= c.seats)
      say(t("bound_max", { n: c.seats - 1 }));
    const most = single(c.rule) ? 1 : all;
    const points = pointsMax(c) ?? c.min;
    if (
      !(c.min >= (single(c.rule) ? 1 : 0) && c.min <= c.max && c.max >= 1 && c.max <= most) ||
      c.min > points
    )
      say(t("e_bad_bounds"));
    if (c.majority?.base === "roll" && e.voters === "anyone") say(t("e_no_roll"));
  });
  return out;
}

export function Organise({ info }: { info: Info }) {
  const said = draft.use();
  const [preview, show] = useState(false);
  const [wrong, setWrong] = useState<string[]>([]);
  const set = (by: Partial<Draft>) => draft.set({ ...said, ...by });
  const setContest = (at: number, by: Partial<ContestDraft>) =>
    set({ contests: said.contests.map((one, n) => (n === at ? { ...one, ...by } : one)) });
  const look = (event: Event) => {
    event.preventDefault();
    const found = faults(election(said));
    setWrong(found);
    show(!found.length);
  };
  const [key, setKey] = useState(() => organiser(info.chain));
  if (!mayCreate(info, key.key)) {
    return (
      <>
        <Heading>{t("new_election")}</Heading>
        <p>{t("not_organiser")}</p>
        <p>
          <code>vote-cli organiser admit {key.key}</code>
        </p>
        <p>{t("not_organiser_yet")}</p>
        <OrganiserKey chain={info.chain} now={key} set={setKey} />
      </>
    );
  }
  if (preview) return <Preview info={info} e={election(said)} back={() => show(false)} />;
  return (
    <>
      <Heading>{t("new_election")}</Heading>
      <p>{t("new_election_hint")}</p>
      <form onSubmit={look} noValidate>
        <div class="card">
          <Text label={t("e_title")} value={said.title} say={(title) => set({ title })} />
          <Text
            label={t("e_description")}
            value={said.description}
            say={(description) => set({ description })}
            rows={3}
          />
          <Choice
            label={t("e_voters")}
            value={said.voters}
            say={(voters) => set({ voters })}
            options={[
              ["anyone", t("anyone")],
              ["roll", t("on_roll")],
              ["weighted roll", t("on_weighted_roll")],
            ]}
          />
          <Text
            label={t("e_opens")}
            hint={
              said.opens
                ? utc(when(said.opens)!)
                : t(said.voters === "anyone" ? "e_opens_at_once" : "e_opens_by_hand")
            }
            type="datetime-local"
            value={said.opens}
            say={(opens) => set({ opens })}
          />
          <Text
            label={t("e_closes")}
            hint={said.closes ? utc(when(said.closes)!) : t("e_closes_by_hand")}
            type="datetime-local"
            value={said.closes}
            say={(closes) => set({ closes })}
          />
          <Text
            label={t("e_revotes")}
            type="number"
            min={0}
            max={1000}
            value={said.revotes}
            say={(revotes) => set({ revotes })}
          />
          <Choice
            label={t("e_results")}
            value={said.results}
            say={(results) => set({ results })}
            options={[
              ["live", t("r_live")],
              ["at closing", t("r_hidden")],
            ]}
          />
          <Tick label={t("e_names")} on={said.names} say={(names) => set({ names })} />
          {said.voters !== "anyone" && (
            <Choice
              label={t("r_quorum_title")}
              hint={t("e_quorum_hint")}
              value={said.quorum}
              say={(quorum) => set({ quorum })}
              options={[
                ["", t("none")],
                ...SHARES.map((one): [string, string] => [one, shareName(one)]),
              ]}
            />
          )}
          <Text
            label={t("e_ties")}
            hint={t("e_ties_hint")}
            value={said.tie_break}
            say={(tie_break) => set({ tie_break })}
          />
        </div>
        {said.contests.map((one, at) => (
          <ContestForm
            key={at}
            said={one}
            number={at + 1}
            only={said.contests.length === 1}
            roll={said.voters !== "anyone"}
            set={(by) => setContest(at, by)}
            remove={() => set({ contests: said.contests.filter((_, n) => n !== at) })}
          />
        ))}
        {said.contests.length < 20 && (
          <p>
            <button
              type="button"
              class="quiet"
              onClick={() => set({ contests: [...said.contests, emptyContest()] })}
            >
              {t("add_contest")}
            </button>
          </p>
        )}
        <div role="alert">
          {wrong.length > 0 && (
            <ul class="problem">
              {wrong.map((one) => (
                <li key={one}>{one}</li>
              ))}
            </ul>
          )}
        </div>
        <button type="submit">{t("preview")}</button>
      </form>
      <OrganiserKey chain={info.chain} now={key} set={setKey} />
    </>
  );
}

interface FormProps {
  said: ContestDraft;
  number: number;
  only: boolean;
  roll: boolean;
  set: (by: Partial<ContestDraft>) => void;
  remove: () => void;
}

function ContestForm({ said, number, only, roll, set, remove }: FormProps) {
  const written = !lines(said.choices).length;
  const rule = written ? "plurality" : said.rule;
  const several = !single(rule);
  const count = String(lines(said.choices).length);
  return (
    <fieldset class="card">
      <legend>{t("e_contest", { n: number })}</legend>
      {!only && (
        <Text label={t("e_contest_title")} value={said.title} say={(title) => set({ title })} />
      )}
      <Text
        label={t("e_choices")}
        hint={t("e_choices_hint")}
        value={said.choices}
        say={(choices) => set({ choices })}
        rows={4}
      />
      {!written && (
        <Choice
          label={t("e_rule")}
          hint={t(`how_${rule}` as Name)}
          value={said.rule}
          say={(to) => set({ rule: to })}
          options={RULES.map((one) => [one, t(`rule_${one}` as Name)])}
        />
      )}
      {!FACTS[rule].oneSeat && (
        <Text
          label={t("e_seats")}
          type="number"
          min={1}
          max={500}
          value={said.seats}
          say={(seats) => set({ seats })}
        />
      )}
      {rule === "irv" && (
        <Choice
          label={t("e_overvotes")}
          value={said.overvotes}
          say={(overvotes) => set({ overvotes })}
          options={OVERVOTES.map((one) => [one, t(`overvotes_${one}`)])}
        />
      )}
      {several && (
        <Text
          label={t("e_min")}
          hint={t("e_min_hint")}
          type="number"
          min={0}
          value={said.min}
          say={(min) => set({ min })}
        />
      )}
      {several && (
        <Text
          label={t("e_max")}
          hint={
            rule === "limited"
              ? t("bound_max", { n: limit(whole(said.seats, 1)) })
              : t("e_max_hint", { n: count })
          }
          type="number"
          min={1}
          value={said.max}
          say={(max) => set({ max })}
        />
      )}
      {FACTS[rule].majority && (
        <Choice
          label={t("e_majority")}
          value={said.majority}
          say={(majority) => set({ majority })}
          options={[
            ["", rule === "yes-no" ? t("more_than_half") : t("none")],
            ...SHARES.filter((one) => rule !== "yes-no" || one !== ">1/2").map(
              (one): [string, string] => [one, shareName(one)],
            ),
          ]}
        />
      )}
      {FACTS[rule].majority && roll && (said.majority || rule === "yes-no") && (
        <Choice
          label={t("e_base")}
          value={said.base}
          say={(base) => set({ base })}
          options={[
            ["votes", t("base_votes")],
            ["roll", t("base_roll")],
          ]}
        />
      )}
      <Tick label={t("e_abstain")} on={said.abstention} say={(abstention) => set({ abstention })} />
      {!written && (
        <Tick label={t("e_shuffle")} on={said.shuffle} say={(shuffle) => set({ shuffle })} />
      )}
      {!only && (
        <button type="button" class="quiet" onClick={remove}>
          {t("remove_contest", { n: number })}
        </button>
      )}
    </fieldset>
  );
}

/** What voters will see, to be tried; and the last step. */
function Preview({ info, e, back }: { info: Info; e: Election; back: () => void }) {
  const [says, setSays] = useState<(Selection | null)[]>(() => e.contests.map(blank));
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [salt] = useState(() => crypto.getRandomValues(new BigUint64Array(1))[0]!);
  const key = organiser(info.chain);
  const create = async () => {
    if (busy) return;
    setBusy(true);
    setFault(null);
    const bytes = sign(info.chain, key.seed, createElection({ ...e, salt }));
    try {
      const { receipt } = await submit(bytes, info.chain);
      draft.set(empty());
      location.hash = `#/election/${receipt.transaction}`;
    } catch (error) {
      setFault(reason(error));
      setBusy(false);
    }
  };
  return (
    <>
      <Heading>
        {t("preview")}: {e.title}
      </Heading>
      <p>{t("preview_hint")}</p>
      {e.description && <p class="description">{e.description}</p>}
      <h2>{t("rules")}</h2>
      <Rules e={e} />
      <h2>{t("your_ballot")}</h2>
      <p>{t("preview_try")}</p>
      {e.contests.map((one, at) => (
        <ContestField
          key={at}
          contest={one}
          number={at}
          voter=""
          says={says[at] ?? null}
          fault={null}
          say={(to) => setSays(says.map((old, n) => (n === at ? to : old)))}
        />
      ))}
      <Problem why={fault} />
      <p role="status">{busy ? t("putting") : ""}</p>
      <p class="buttons">
        <button type="button" class="quiet" onClick={back}>
          {t("change")}
        </button>
        <button type="button" aria-disabled={busy} onClick={create}>
          {t("create")}
        </button>
      </p>
    </>
  );
}

function OrganiserKey({
  chain,
  now: key,
  set: setKey,
}: {
  chain: string;
  now: Key;
  set: (key: Key) => void;
}) {
  const [fault, setFault] = useState<string | null>(null);
  const read = (bytes: Uint8Array) => {
    const seed = readKeyFile(new TextDecoder().decode(bytes));
    setFault(seed ? null : t("bad_file"));
    if (seed) setKey(setOrganiser(chain, seed));
  };
  return (
    <section class="card" aria-labelledby="organiser-key">
      <h2 id="organiser-key">{t("organiser_key")}</h2>
      <p>{t("organiser_hint")}</p>
      <p>
        <Id id={key.key} />
      </p>
      <p class="buttons">
        <button type="button" class="quiet" onClick={() => save("organiser.key", keyFile(key))}>
          {t("save_key")}
        </button>
      </p>
      <FileField label={t("organiser_other")} hint={t("organiser_other_hint")} read={read} />
      <Problem why={fault} />
    </section>
  );
}
