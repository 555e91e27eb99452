import { useState } from "preact/hooks";
import { type Info, post } from "../api";
import { type Contest, type Election, RULES, type Rule, createElection, sign } from "../encoding/ledger";
import { organiser } from "../keys";
import { type Key as Text, t, time } from "../texts";
import { Heading, Problem, reason } from "../ui";

interface Draft { title: string; choices: string; rule: Rule; seats: number; abstain: boolean }

const empty = (): Draft => ({ title: "", choices: "", rule: "plurality", seats: 1, abstain: false });

const single = (rule: Rule) => rule === "plurality" || rule === "yes-no";

/** A contest with nothing out of the ordinary. */
function contest(draft: Draft): Contest {
  const lines = draft.choices.split("\n").map((line) => line.trim()).filter(Boolean);
  const choices = lines.length ? lines : null;
  const rule = choices ? draft.rule : "plurality";
  const one = single(rule);
  return {
    title: draft.title.trim(), choices, rule, seats: one || rule === "irv" ? 1 : draft.seats, min: one ? 1 : 0, max: one ? 1 : lines.length, abstention: draft.abstain,
    majority: rule === "yes-no" ? { numerator: 1, denominator: 2, more: true, base: "votes" } : null, shuffle: false,
  };
}

export function Organise({ info }: { info: Info }) {
  const [title, setTitle] = useState("");
  const [description, setDescription] = useState("");
  const [voters, setVoters] = useState<Election["voters"]>("anyone");
  const [revotes, setRevotes] = useState(0);
  const [closes, setCloses] = useState("");
  const [drafts, setDrafts] = useState<Draft[]>([empty()]);
  const [fault, setFault] = useState<string | null>(null);
  const change = (at: number, by: Partial<Draft>) => setDrafts(drafts.map((draft, place) => (place === at ? { ...draft, ...by } : draft)));
  const closes_at = closes ? new Date(closes).getTime() : null;
  const contests = drafts.map(contest);
  const create = async (event: Event) => {
    event.preventDefault();
    setFault(null);
    const salt = crypto.getRandomValues(new BigUint64Array(1))[0]!;
    const election: Election = {
      title: title.trim(), description: description.trim(), contests, voters, opens_at: null, closes_at, quorum: null, revotes, results: "live", tie_break: "", salt,
    };
    try {
      const { id } = await post<{ id: string }>("/transactions", sign(info.chain, organiser(info.chain).seed, createElection(election)));
      location.hash = `#/election/${id}`;
    } catch (error) {
      setFault(reason(error));
    }
  };
  return (
    <>
      <Heading>{t("new_election")}</Heading>
      <p>{t("organiser_hint")}</p>
      <form onSubmit={create}>
        <div class="card">
          <label class="field">{t("e_title")}<input required maxLength={100} value={title} onInput={(event) => setTitle(event.currentTarget.value)} /></label>
          <label class="field">{t("e_description")}<textarea rows={3} maxLength={4000} value={description} onInput={(event) => setDescription(event.currentTarget.value)} /></label>
          <label class="field">
            {t("e_voters")}
            <select value={voters} onChange={(event) => setVoters(event.currentTarget.value as Election["voters"])}>
              <option value="anyone">{t("anyone")}</option>
              <option value="roll">{t("roll")}</option>
            </select>
          </label>
          <label class="field">{t("e_revotes")}<input type="number" min={0} max={1000} value={revotes} onInput={(event) => setRevotes(Number(event.currentTarget.value))} /></label>
          <label class="field">{t("e_closes")}<input type="datetime-local" value={closes} onInput={(event) => setCloses(event.currentTarget.value)} /></label>
        </div>
        {drafts.map((draft, at) => (
          <fieldset class="card" key={at}>
            <legend>{t("e_contest", { n: at + 1 })}</legend>
            {drafts.length > 1 && <label class="field">{t("e_contest_title")}<input required maxLength={100} value={draft.title} onInput={(event) => change(at, { title: event.currentTarget.value })} /></label>}
            <label class="field">{t("e_choices")}<textarea rows={4} value={draft.choices} onInput={(event) => change(at, { choices: event.currentTarget.value })} /></label>
            <label class="field">
              {t("e_rule")}
              <select value={draft.rule} onChange={(event) => change(at, { rule: event.currentTarget.value as Rule })}>
                {RULES.map((rule) => <option key={rule} value={rule}>{t(`rule_${rule}` as Text)}</option>)}
              </select>
            </label>
            <label class="field">{t("e_seats")}<input type="number" min={1} max={500} value={draft.seats} onInput={(event) => change(at, { seats: Number(event.currentTarget.value) || 1 })} /></label>
            <label class="option"><input type="checkbox" checked={draft.abstain} onChange={(event) => change(at, { abstain: event.currentTarget.checked })} /> {t("e_abstain")}</label>
          </fieldset>
        ))}
        <button type="button" class="quiet" onClick={() => setDrafts([...drafts, empty()])}>{t("add_contest")}</button>
        <section class="card">
          <h2>{t("preview")}</h2>
          <p><strong>{title}</strong> · {t("closes")}: {closes_at ? time(closes_at) : t("by_hand")}</p>
          <ul>
            {contests.map((one, at) => (
              <li key={at}>{t("r_counted", { title: one.title || title, rule: t(`rule_${one.rule}` as Text), seats: one.seats })} {one.choices?.join(", ") ?? t("hint_write")}</li>
            ))}
          </ul>
        </section>
        <Problem why={fault} />
        <button type="submit">{t("create")}</button>
      </form>
    </>
  );
}
