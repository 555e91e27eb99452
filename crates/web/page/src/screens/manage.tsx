// What the organiser of an election can do to it, in the browser that holds the organiser's key.

import { useState } from "preact/hooks";
import { type Detail, type Phase, post } from "../api";
import { codeQr, codeSeed, newCode } from "../encoding/codes";
import { type Act, type Voter, organise, publicKey, sign } from "../encoding/ledger";
import { organiser } from "../keys";
import { t } from "../texts";
import { Problem, Qr, reason } from "../ui";

/** Voters that one act can name. */
const ACT_VOTERS_MAX = 1700;

interface Card { name: string; code: string }

/** Has acts decided, one after the other. */
async function decide(e: Detail, acts: Act[]): Promise<void> {
  const key = organiser(e.chain);
  for (const act of acts) await post("/transactions", sign(e.chain, key.seed, organise(e.election, act)));
}

export function Manage({ e, phase, done }: { e: Detail; phase: Phase; done: () => void }) {
  const [fault, setFault] = useState<string | null>(null);
  const [text, setText] = useState("");
  const [why, setWhy] = useState("");
  const [cards, setCards] = useState<Card[]>([]);
  const act = (acts: Act[]) => {
    setFault(null);
    return decide(e, acts).then(done, (error) => setFault(reason(error)));
  };
  const add = async (event: Event) => {
    event.preventDefault();
    const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
    const made: Card[] = [];
    const voters: Voter[] = lines.map((line) => {
      if (/^[0-9a-f]{64}$/.test(line)) return [line, 1];
      const code = newCode();
      made.push({ name: line, code });
      return [publicKey(codeSeed(code)!), 1];
    });
    voters.sort(([a], [b]) => (a < b ? -1 : 1));
    const acts: Act[] = [];
    for (let at = 0; at < voters.length; at += ACT_VOTERS_MAX) acts.push({ add: voters.slice(at, at + ACT_VOTERS_MAX) });
    setCards([...cards, ...made]);
    await act(acts);
    setText("");
  };
  const over = phase === "closed" || phase === "cancelled";
  if (over && !cards.length) return null;
  return (
    <section class="card manage">
      <h2>{t("organise")}</h2>
      {e.voters !== "anyone" && <p>{t("roll")}: {e.roll.voters}</p>}
      {phase === "draft" && e.voters !== "anyone" && (
        <form onSubmit={add}>
          <label class="field">{t("roll_hint")}<textarea rows={5} value={text} onInput={(event) => setText(event.currentTarget.value)} /></label>
          <button type="submit">{t("add_voters")}</button>
        </form>
      )}
      {cards.length > 0 && <Cards title={e.title} cards={cards} />}
      <p class="buttons">
        {phase === "draft" && <button type="button" onClick={() => act([{ open: true }])}>{t("open_now")}</button>}
        {phase === "open" && <button type="button" onClick={() => act([{ close: true }])}>{t("close_now")}</button>}
      </p>
      {!over && (
        <form class="row" onSubmit={(event) => { event.preventDefault(); void act([{ cancel: why.trim() }]); }}>
          <label class="field">{t("cancel_reason")}<input value={why} required maxLength={100} onInput={(event) => setWhy(event.currentTarget.value)} /></label>
          <button type="submit" class="quiet">{t("cancel_now")}</button>
        </form>
      )}
      <Problem why={fault} />
    </section>
  );
}

function Cards({ title, cards }: { title: string; cards: Card[] }) {
  return (
    <>
      <h3>{t("cards")}</h3>
      <p>{t("cards_hint")}</p>
      <button type="button" onClick={() => print()}>{t("print_cards")}</button>
      <ul class="cards">
        {cards.map(({ name, code }) => (
          <li key={code}>
            <strong>{title}</strong> <span>{name}</span> <code class="tracker">{code}</code> <Qr text={codeQr(code)} label={t("your_code")} />
          </li>
        ))}
      </ul>
    </>
  );
}
