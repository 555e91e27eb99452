import { useState } from "preact/hooks";
import { type Trace, file, get, post } from "../api";
import { readTracker, tracker, trackerQr, trackerWords } from "../encoding/codes";
import { t, time } from "../texts";
import { Heading, Id, Problem, Qr, reason, save } from "../ui";

export function ReceiptCard({ ballot, height, replaced }: { ballot: string; height: number; replaced: boolean }) {
  const [fault, setFault] = useState<string | null>(null);
  const download = () => file(`/receipts/${ballot}`).then((bytes) => save(`${ballot.slice(0, 16)}.receipt`, bytes), (error) => setFault(reason(error)));
  return (
    <section class="card receipt">
      <p class="bar cast" role="status">{t("cast_in", { n: height })}</p>
      <h3>{t("receipt")}</h3>
      {replaced && <p>{t("replaces")}</p>}
      <div class="two">
        <dl>
          <dt>{t("tracker")}</dt><dd><code class="tracker">{tracker(ballot)}</code></dd>
          <dt>{t("words")}</dt><dd>{trackerWords(ballot)}</dd>
          <dt>{t("ballot")}</dt><dd><Id id={ballot} /></dd>
        </dl>
        <Qr text={trackerQr(ballot)} label={`${t("tracker")}: ${tracker(ballot)}`} />
      </div>
      <p>{t("receipt_says")}</p>
      <Problem why={fault} />
      <button type="button" class="quiet" onClick={download}>{t("download")}</button>
    </section>
  );
}

type Checked = { height: number; time: number; ballot: string; node: Trace | null };

export function CheckReceipt() {
  const [text, setText] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [trace, setTrace] = useState<Trace | null>(null);
  const [checked, setChecked] = useState<Checked | null>(null);
  const clear = () => [setFault(null), setTrace(null), setChecked(null)];
  const look = async (event: Event) => {
    event.preventDefault();
    clear();
    const prefix = readTracker(text);
    if (!prefix) return setFault(t("no_tracker"));
    await get<Trace>(`/ballots/${prefix}`).then(setTrace, (error) => setFault(reason(error)));
  };
  const check = async (event: Event) => {
    clear();
    const chosen = (event.currentTarget as HTMLInputElement).files?.[0];
    if (!chosen) return;
    const bytes = new Uint8Array(await chosen.arrayBuffer());
    await post<Checked>("/receipts/check", bytes).then((said) => [setChecked(said), setTrace(said.node)], (error) => setFault(reason(error)));
  };
  return (
    <>
      <Heading>{t("check")}</Heading>
      <form class="card" onSubmit={look}>
        <label class="field">{t("check_hint")}<input value={text} onInput={(event) => setText(event.currentTarget.value)} spellcheck={false} autocomplete="off" /></label>
        <button type="submit">{t("check")}</button>
        <label class="field">{t("check_file")}<input type="file" onChange={check} /></label>
      </form>
      <Problem why={fault} />
      <div role="status">
        {checked && <p class="verdict">{t("valid")} {t("receipt_says")} <br />{time(checked.time)}</p>}
        {trace && (
          <p>
            <Id id={trace.ballot} /> {t("included", { n: trace.height })}. <strong>{t(trace.counts ? "counts" : "superseded")}</strong>{" "}
            <a href={`#/election/${trace.election}`}>{t("result")}</a>
          </p>
        )}
      </div>
    </>
  );
}
