// Receipts: the one that a voter gets, what has become of a ballot, and checking a receipt.

import { useEffect, useRef, useState } from "preact/hooks";
import { type Info, type Trace, file, get, post } from "../api";
import { readTracker, tracker, trackerQr, trackerWords } from "../encoding/codes";
import { t } from "../texts";
import { Command, Copy, FileField, Heading, Id, Problem, Qr, Raw, Text, Time, reason, save, useGet } from "../ui";
import { codeFault } from "./sign_in";

interface CardProps { ballot: string; height: number; counter: number; chain: string; fresh: boolean }

export function ReceiptCard({ ballot, height, counter, chain, fresh }: CardProps) {
  const [fault, setFault] = useState<string | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (fresh) heading.current?.focus();
  }, [fresh, ballot]);
  const download = () => file(`/receipts/${ballot}`).then((bytes) => save(`${ballot.slice(0, 16)}.receipt`, bytes), (error) => setFault(reason(error)));
  const code = tracker(ballot);
  return (
    <section class="card receipt" aria-labelledby="receipt">
      <h3 id="receipt" tabIndex={-1} ref={heading}>{t("receipt")}</h3>
      <p class="good">{t("cast_in", { n: height })}</p>
      {counter > 0 && <p>{t("replaces")}</p>}
      <div class="two">
        <dl>
          <dt>{t("tracker")}</dt><dd><code class="code">{code}</code> <Copy text={code} what={t("tracker")} /></dd>
          <dt>{t("words")}</dt><dd class="words" lang="en">{trackerWords(ballot)}</dd>
          <dt>{t("ballot")}</dt><dd><Id id={ballot} href={`#/ballot/${ballot}`} /></dd>
          <dt>{t("height")}</dt><dd><a href={`#/block/${height}`}>{t("block_n", { n: height })}</a></dd>
        </dl>
        <Qr text={trackerQr(ballot)} label={`${t("tracker")}: ${code}`} />
      </div>
      <p>{t("receipt_says")}</p>
      <Problem why={fault} />
      <p class="buttons">
        <button type="button" class="quiet" onClick={download}>{t("download")}</button>
        <button type="button" class="quiet" onClick={() => print()}>{t("print")}</button>
      </p>
      <details>
        <summary>{t("verify")}</summary>
        <Command lines={[`vote-cli receipt check ${ballot.slice(0, 16)}.receipt --chain ${chain}`]} />
      </details>
    </section>
  );
}

/** What has become of a ballot. */
function Fate({ trace }: { trace: Trace }) {
  return (
    <>
      <p class={trace.counts ? "good" : "verdict"}>{t(trace.phase === "cancelled" ? "counts_cancelled" : trace.counts ? "counts" : "superseded")}</p>
      <dl class="rules">
        <dt>{t("ballot")}</dt><dd><Id id={trace.ballot} /></dd>
        <dt>{t("tracker")}</dt><dd><code>{tracker(trace.ballot)}</code> <Copy text={tracker(trace.ballot)} what={t("tracker")} /></dd>
        <dt>{t("words")}</dt><dd class="words" lang="en">{trackerWords(trace.ballot)}</dd>
        <dt>{t("included")}</dt><dd><a href={`#/block/${trace.height}`}>{t("block_n", { n: trace.height })}</a></dd>
        <dt>{t("election")}</dt><dd><a href={`#/election/${trace.election}`}>{t("to_election")}</a></dd>
        {trace.superseded_by && <><dt>{t("superseded_by")}</dt><dd><Id id={trace.superseded_by} href={`#/ballot/${trace.superseded_by}`} /></dd></>}
      </dl>
    </>
  );
}

export function BallotScreen({ id, height }: { id: string; height: number }) {
  const { value: trace, fault } = useGet<Trace>(`/ballots/${id}`, height);
  return (
    <>
      <Heading>{t("ballot")}</Heading>
      <Problem why={fault} />
      {trace && <><Fate trace={trace} /><Qr text={trackerQr(trace.ballot)} label={`${t("tracker")}: ${tracker(trace.ballot)}`} /><Raw value={trace} /></>}
    </>
  );
}

interface Checked { height: number; time: number; ballot: string; chain: string; block: string; signatures: number; node: Trace | null }

export function CheckReceipt({ info }: { info: Info }) {
  const [text, setText] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [trace, setTrace] = useState<Trace | null>(null);
  const [checked, setChecked] = useState<Checked | null>(null);
  const clear = () => [setFault(null), setTrace(null), setChecked(null)];
  const look = async (event: Event) => {
    event.preventDefault();
    clear();
    const prefix = readTracker(text);
    if (typeof prefix !== "string") return setFault(codeFault(prefix, "tracker"));
    await get<Trace>(`/ballots/${prefix}`).then(setTrace, (error) => setFault(reason(error)));
  };
  const check = async (bytes: Uint8Array) => {
    clear();
    await post<Checked>("/receipts/check", bytes).then((said) => [setChecked(said), setTrace(said.node)], (error) => setFault(reason(error)));
  };
  return (
    <>
      <Heading>{t("check")}</Heading>
      <p>{t("check_intro")}</p>
      <form class="card" onSubmit={look} noValidate>
        <Text label={t("check_hint")} hint={t("check_hint_more")} value={text} say={setText} autocomplete="off" />
        <button type="submit">{t("find_ballot")}</button>
      </form>
      <div class="card"><FileField label={t("check_file")} hint={t("check_file_more")} read={(bytes) => void check(bytes)} /></div>
      <Problem why={fault} />
      <div role="status">
        {checked && (
          <>
            <p class="good">{t("valid")}</p>
            <dl class="rules">
              <dt>{t("block")}</dt><dd><a href={`#/block/${checked.height}`}>{t("block_n", { n: checked.height })}</a>, <Time ms={checked.time} /></dd>
              <dt>{t("chain")}</dt><dd><Id id={checked.chain} /> {t(checked.chain === info.chain ? "chain_own" : "chain_other")}</dd>
              <dt>{t("signatures")}</dt><dd>{checked.signatures}</dd>
            </dl>
          </>
        )}
        {trace && <Fate trace={trace} />}
        {checked && !trace && <p>{t("node_unaware")}</p>}
        {(trace || checked) && <p>{t("receipt_says")}</p>}
      </div>
    </>
  );
}
