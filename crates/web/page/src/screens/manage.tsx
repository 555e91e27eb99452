// What the organiser of an election can do to it, in the browser that holds the organiser's key.

import { useMemo, useRef, useState } from "preact/hooks";
import type { Detail } from "../api";
import { codeQr } from "../encoding/codes";
import { type Act, type Voter, organise, sign } from "../encoding/ledger";
import { organiser } from "../keys";
import { submit } from "../proof";
import {
  type Card,
  adding,
  cardsCsv,
  changing,
  issue,
  keysCsv,
  opensBefore,
  readTyped,
  withKnown,
} from "../roll";
import { Store } from "../store";
import { type Name, hasText, number, t, utc } from "../texts";
import { type Told, FILE_BYTES_MAX, fileText, readList } from "../voter_list";
import { FileField, Problem, Qr, Text, reason, save } from "../ui";
import { when } from "./organise";

/** What an organiser is shown of an election. */
type Managed = Omit<Detail, "committee">;

/** Cards that are shown at one time; those of more voters are in the list to download. */
const SHOWN_MAX = 300;

/** What is told of a list at one time. */
const FAULTS_SHOWN = 20;

/** What is told of a list of voters, in words. */
function told({ what, gaps }: Told): string {
  const field = `roll_field_${gaps["field"]?.replace(" ", "_")}`;
  return t(`roll_${what}` as Name, hasText(field) ? { ...gaps, field: t(field) } : gaps);
}

/** `placed` are the keys that are on the roll for certain. */
interface Issued {
  title: string;
  cards: Card[];
  voters: Voter[];
  placed: string[];
  saved: boolean;
}

/** Codes that were made here, by election: they are nowhere else, so they stay while the page does. */
export const issued = new Store<Record<string, Issued>>({});

/** Has acts decided, one after the other; `done` is told how many are. */
async function decide(e: Managed, acts: Act[], done: (n: number) => void): Promise<void> {
  const key = organiser(e.chain);
  for (const [at, act] of acts.entries()) {
    const bytes = sign(e.chain, key.seed, organise(e.election, act));
    await submit(bytes, e.chain);
    done(at + 1);
  }
}

/** Whether nobody could vote: with a roll, an election opens only once somebody is on it. */
export const lacksVoters = (e: Managed): boolean => e.voters !== "anyone" && e.roll.voters === 0;

/** Gives how many of the acts are decided. */
type Doing = (acts: Act[]) => Promise<number>;

export function Manage({ e, needed, done }: { e: Managed; needed: number; done: () => void }) {
  const [fault, setFault] = useState<string | null>(null);
  const [told, tell] = useState("");
  const [busy, setBusy] = useState(false);
  const cards = issued.use()[e.election];
  const over = e.phase === "closed" || e.phase === "cancelled";
  const act: Doing = async (acts) => {
    if (busy) return 0;
    setBusy(true);
    setFault(null);
    tell(t("putting"));
    let decided = 0;
    const progress = (n: number) => {
      decided = n;
      tell(t("acts_done", { n, of: acts.length }));
    };
    await decide(e, acts, progress).then(
      () => {
        if (needed > 1) tell(t("acts_wait", { n: needed - 1 }));
      },
      (error) => {
        tell("");
        setFault(reason(error));
      },
    );
    setBusy(false);
    done();
    return decided;
  };
  return (
    <section class="card manage" aria-labelledby="manage">
      <h2 id="manage">{t("manage")}</h2>
      <p>{t(over ? "manage_over" : "manage_hint")}</p>
      {e.voters !== "anyone" && (
        <p>
          {t("on_the_roll")}: {t("voters_n", { n: e.roll.voters })},{" "}
          {t("votes_n", { n: e.roll.votes })}
        </p>
      )}
      {e.phase === "draft" && e.voters !== "anyone" && <AddVoters e={e} act={act} tell={tell} />}
      {cards && cards.cards.length > 0 && <Cards id={e.election} issued={cards} />}
      {!over && (
        <p class="buttons">
          {e.phase === "draft" &&
            (lacksVoters(e) ? (
              t("open_needs_voters")
            ) : (
              <button type="button" aria-disabled={busy} onClick={() => act([{ open: true }])}>
                {t("open_now")}
              </button>
            ))}
          {e.phase === "open" && (
            <button type="button" aria-disabled={busy} onClick={() => act([{ close: true }])}>
              {t("close_now")}
            </button>
          )}
        </p>
      )}
      <p role="status">{told}</p>
      <Problem why={fault} />
      {!over && <Times e={e} act={act} />}
      {!over && e.voters !== "anyone" && e.phase === "open" && <ChangeRoll e={e} act={act} />}
      {!over && <Cancel act={act} />}
    </section>
  );
}

function AddVoters({ e, act, tell }: { e: Managed; act: Doing; tell: (text: string) => void }) {
  const [text, setText] = useState("");
  // As it was chosen; none once its text is changed.
  const [file, setFile] = useState<Uint8Array | null>(null);
  const before = issued.use()[e.election];
  const weighted = e.voters === "weighted roll";
  const list = useMemo(
    () => (file ? readList(file, weighted) : readTyped(text, weighted)),
    [file, text, weighted],
  );
  const { faults, notes } = list;
  const { people, known, several } = useMemo(
    () => withKnown(list.people, before?.cards ?? []),
    [list, before],
  );
  const given = file !== null || text.trim() !== "";
  const type = (typed: string) => {
    setFile(null);
    setText(typed);
  };
  const choose = (bytes: Uint8Array) => {
    setText(fileText(bytes) ?? "");
    setFile(bytes);
  };
  const coded = people.filter((one) => !one.key).length;
  const elsewhere = e.roll.voters - (before?.placed.length ?? 0);
  // Known at once, unlike a state: whoever presses twice must not get two codes for each voter.
  const busy = useRef(false);
  const add = async (event: Event) => {
    event.preventDefault();
    if (faults.length || several.length || !people.length || busy.current) return;
    if (opensBefore(people, e.opens_at, Date.now())) return tell(t("roll_late"));
    busy.current = true;
    try {
      const made = await issue(people, (n) => tell(t("codes_made", { n, of: people.length })));
      const voters = before?.voters ?? [];
      const keys = new Set(voters.map(([key]) => key));
      const placed = before?.placed ?? [];
      const all: Issued = {
        title: e.title,
        cards: [...(before?.cards ?? []), ...made.cards],
        voters: [...voters, ...made.voters.filter(([key]) => !keys.has(key))],
        placed,
        saved: (before?.saved ?? true) && !made.cards.length,
      };
      // Kept before anything is sent: a code that is on the roll must not be lost.
      issued.set({ ...issued.get(), [e.election]: all });
      const there = new Set(placed);
      const acts = adding(made.voters.filter(([key]) => !there.has(key)));
      const decided = acts.length ? await act(acts) : 0;
      const now = acts
        .slice(0, decided)
        .flatMap((one) => ("add" in one ? one.add.map(([key]) => key) : []));
      issued.set({
        ...issued.get(),
        [e.election]: { ...issued.get()[e.election]!, placed: [...placed, ...now] },
      });
      if (decided === acts.length) type("");
      else if (made.cards.length)
        type(made.voters.map(([key, weight]) => `${key},${weight}`).join("\n"));
    } finally {
      busy.current = false;
    }
  };
  return (
    <form onSubmit={add} noValidate>
      <h3>{t("add_voters")}</h3>
      <Text label={t("roll_list")} hint={t("roll_hint")} value={text} say={type} rows={6} />
      <FileField label={t("roll_file")} bytes={FILE_BYTES_MAX} read={choose} />
      {given && <p>{t("roll_preview", { n: people.length, codes: coded })}</p>}
      {given && coded > 0 && elsewhere > 0 && (
        <p class="problem">{t("roll_again", { n: elsewhere })}</p>
      )}
      {given && known > 0 && <p>{t("roll_known", { n: known })}</p>}
      {given && notes.length > 0 && (
        <ul>
          {notes.slice(0, FAULTS_SHOWN).map((note, at) => (
            <li key={at}>{told(note)}</li>
          ))}
        </ul>
      )}
      <div role="alert">
        {given && faults.length + several.length > 0 && (
          <ul class="problem">
            {several.slice(0, FAULTS_SHOWN).map((name, at) => (
              <li key={at}>{t("roll_several", { name })}</li>
            ))}
            {faults.slice(0, FAULTS_SHOWN).map((fault, at) => (
              <li key={at}>
                {t("roll_line", { n: fault.line })}: {told(fault)}
              </li>
            ))}
            {faults.length > FAULTS_SHOWN && (
              <li>{t("roll_more", { n: faults.length - FAULTS_SHOWN })}</li>
            )}
          </ul>
        )}
      </div>
      <button type="submit">{t("add_voters")}</button>
    </form>
  );
}

function Cards({ id, issued: { title, cards, voters } }: { id: string; issued: Issued }) {
  const [shown, show] = useState(false);
  const saved = () => {
    const now = issued.get()[id];
    if (now) issued.set({ ...issued.get(), [id]: { ...now, saved: true } });
  };
  return (
    <>
      <h3>
        {t("cards")} ({number(cards.length)})
      </h3>
      <p>{t("cards_hint")}</p>
      <p class="buttons">
        <button type="button" onClick={() => [save("voters.csv", cardsCsv(cards)), saved()]}>
          {t("save_codes")}
        </button>
        <button type="button" class="quiet" onClick={() => save("keys.csv", keysCsv(voters))}>
          {t("save_keys")}
        </button>
        {cards.length <= SHOWN_MAX && (
          <button type="button" class="quiet" aria-expanded={shown} onClick={() => show(!shown)}>
            {t("show_cards")}
          </button>
        )}
        {shown && (
          <button type="button" class="quiet" onClick={() => [print(), saved()]}>
            {t("print_cards")}
          </button>
        )}
      </p>
      {cards.length > SHOWN_MAX && <p>{t("cards_many", { n: SHOWN_MAX })}</p>}
      {shown && (
        <ul class="cards">
          {cards.map((card) => (
            <li key={card.code}>
              <strong>{title}</strong>
              <span>
                {t("card_of", { name: card.name || card.id })}
                {card.weight > 1 && ` (${t("votes_n", { n: card.weight })})`}
              </span>
              <code class="code">{card.code}</code>
              <Qr text={codeQr(card.code)} label={`${t("your_code")}: ${card.name || card.id}`} />
              <small>{t("card_secret")}</small>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

const local = (ms: number | null) => {
  if (ms === null) return "";
  const at = new Date(ms);
  return new Date(ms - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

/** The time that a field says. The field has minutes alone: a time that nobody has touched stays as it is now, to the millisecond. */
export const timeOf = (text: string | null, now: number | null): number | null =>
  text === null || text === local(now) ? now : when(text);

function Times({ e, act }: { e: Managed; act: Doing }) {
  const [touched, touch] = useState<{ opens: string | null; closes: string | null }>({
    opens: null,
    closes: null,
  });
  const [why, setWhy] = useState("");
  const [opens, closes] = [
    touched.opens ?? local(e.opens_at),
    touched.closes ?? local(e.closes_at),
  ];
  const change = async (event: Event) => {
    event.preventDefault();
    const times = {
      opens_at: timeOf(touched.opens, e.opens_at),
      closes_at: timeOf(touched.closes, e.closes_at),
      reason: why.trim(),
    };
    if (await act([{ times }])) touch({ opens: null, closes: null });
  };
  return (
    <details>
      <summary>{t("change_times")}</summary>
      <form onSubmit={change}>
        {e.phase === "draft" && (
          <Text
            label={t("e_opens")}
            hint={opens ? utc(when(opens)!) : t("e_opens_by_hand")}
            type="datetime-local"
            value={opens}
            say={(opens) => touch({ ...touched, opens })}
          />
        )}
        <Text
          label={t("e_closes")}
          hint={closes ? utc(when(closes)!) : t("e_closes_by_hand")}
          type="datetime-local"
          value={closes}
          say={(closes) => touch({ ...touched, closes })}
        />
        <Text label={t("public_reason")} value={why} say={setWhy} required />
        <button type="submit">{t("change_times")}</button>
      </form>
    </details>
  );
}

/** Keys one a line, of which some have no weight. */
const withWeights = (typed: string) =>
  typed
    .split("\n")
    .map((line) => (line.trim() && !line.includes(",") ? `${line},` : line))
    .join("\n");

function ChangeRoll({ e, act }: { e: Managed; act: Doing }) {
  const [remove, setRemove] = useState("");
  const [add, setAdd] = useState("");
  const [why, setWhy] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const change = (event: Event) => {
    event.preventDefault();
    const listed = (header: string, typed: string, weights: boolean) =>
      typed.trim() ? readTyped(`${header}\n${typed}`, weights) : { people: [], faults: [] };
    const [gone, come] = [
      listed("key", remove, true),
      listed("key,weight", withWeights(add), e.voters === "weighted roll"),
    ];
    const bad = [...gone.faults, ...come.faults];
    const out = gone.people.map((one) => one.key!).sort();
    const into = come.people
      .map((one): Voter => [one.key!, one.weight])
      .sort(([a], [b]) => (a < b ? -1 : 1));
    if (bad[0]) return setFault(`${t("roll_line", { n: bad[0].line - 1 })}: ${told(bad[0])}`);
    if (out.length + into.length === 0) return setFault(t("keys_count"));
    setFault(null);
    void act(changing(out, into, why.trim()));
  };
  return (
    <details>
      <summary>{t("change_roll")}</summary>
      <form onSubmit={change}>
        <p>{t("change_roll_hint")}</p>
        <Text
          label={t("roll_remove")}
          hint={t("keys_hint")}
          value={remove}
          say={setRemove}
          rows={2}
        />
        <Text label={t("roll_add")} hint={t("keys_hint")} value={add} say={setAdd} rows={2} />
        <Text label={t("public_reason")} value={why} say={setWhy} required />
        <Problem why={fault} />
        <button type="submit">{t("change_roll")}</button>
      </form>
    </details>
  );
}

function Cancel({ act }: { act: Doing }) {
  const [why, setWhy] = useState("");
  const cancel = (event: Event) => {
    event.preventDefault();
    void act([{ cancel: why.trim() }]);
  };
  return (
    <details>
      <summary>{t("cancel_now")}</summary>
      <form onSubmit={cancel}>
        <p>{t("cancel_hint")}</p>
        <Text label={t("public_reason")} value={why} say={setWhy} required />
        <button type="submit" class="danger">
          {t("cancel_now")}
        </button>
      </form>
    </details>
  );
}
