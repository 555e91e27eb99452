// Receipts: the one that a voter gets, what has become of a ballot, and checking a receipt. What a
// ballot says is read from what was signed.

import { useEffect, useRef, useState } from "preact/hooks";
import { type Info, Refused, type Trace, get } from "../api";
import { readTracker, tracker, trackerQr, trackerWords } from "../encoding/codes";
import type { Contest, Selection } from "../encoding/ledger";
import { type Kept, checkReceipt } from "../encoding/receipt";
import { type SignedBallot, type SignedElection, Unsound } from "../encoding/signed";
import { type Proven, provenOf, spelled } from "../proof";
import { words } from "../selection";
import { t } from "../texts";
import {
  Command,
  Copy,
  FileField,
  Heading,
  Id,
  Problem,
  Qr,
  Raw,
  Text,
  Time,
  reason,
  save,
  useAsked,
  useGet,
} from "../ui";
import { codeFault } from "./sign_in";

/** What is said to each contest, in words. */
export function Says({
  contests,
  selections,
}: {
  contests: Contest[];
  selections: (Selection | null)[];
}) {
  return (
    <dl class="review">
      {contests.map((contest, at) => (
        <div key={at}>
          <dt>{contest.title || t("your_ballot")}</dt>
          <dd>
            {words(contest, selections[at] ?? null).map((line) => (
              <div key={line}>{line}</div>
            ))}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** What a ballot says, from its own bytes and those of its election. */
export function Spelled({
  ballot,
  election,
}: {
  ballot: SignedBallot | null;
  election: SignedElection | null;
}) {
  if (!ballot || !election) return <p>{t("says_nothing")}</p>;
  return (
    <section class="card" aria-label={t("says")}>
      <p>
        <strong>{t("says")}</strong>
      </p>
      <p>
        <a href={`#/election/${election.election}`}>{election.title}</a>
      </p>
      <Says contests={election.contests} selections={ballot.selections} />
      <dl class="rules">
        <dt>{t("name")}</dt>
        <dd>{ballot.name || t("none")}</dd>
        <dt>{t("signer")}</dt>
        <dd>
          <Id id={ballot.voter} />
        </dd>
        <dt>{t("r_replacing")}</dt>
        <dd>{ballot.counter ? t("replaces_n", { n: ballot.counter }) : t("first_ballot")}</dd>
      </dl>
      <p class="soft">{t("says_checked")}</p>
    </section>
  );
}

export function ReceiptCard({ proven, fresh }: { proven: Proven; fresh: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { transaction: id, height, chain } = proven.receipt;
  useEffect(() => {
    if (fresh) heading.current?.focus();
  }, [fresh, id]);
  const code = tracker(id);
  const name = `${id.slice(0, 16)}.receipt`;
  return (
    <section class="card receipt" aria-labelledby="receipt">
      <h3 id="receipt" tabIndex={-1} ref={heading}>
        {t("receipt")}
      </h3>
      <p class="good">{t("cast_in", { n: height })}</p>
      {proven.ballot && proven.ballot.counter > 0 && <p>{t("replaces")}</p>}
      <div class="two">
        <dl>
          <dt>{t("tracker")}</dt>
          <dd>
            <code class="code">{code}</code> <Copy text={code} what={t("tracker")} />
          </dd>
          <dt>{t("words")}</dt>
          <dd class="words" lang="en">
            {trackerWords(id)}
          </dd>
          <dt>{t("ballot")}</dt>
          <dd>
            <Id id={id} href={`#/ballot/${id}`} />
          </dd>
          <dt>{t("height")}</dt>
          <dd>
            <a href={`#/block/${height}`}>{t("block_n", { n: height })}</a>
          </dd>
        </dl>
        <Qr text={trackerQr(id)} label={`${t("tracker")}: ${code}`} />
      </div>
      {proven.withheld ? (
        <p>{t("withheld_ballot")}</p>
      ) : (
        <Spelled ballot={proven.ballot} election={proven.election} />
      )}
      <p>{t(proven.withheld ? "receipt_bare" : "receipt_says")}</p>
      <p class="buttons">
        <button type="button" class="quiet" onClick={() => save(name, proven.file)}>
          {t("download")}
        </button>
        <button type="button" class="quiet" onClick={() => print()}>
          {t("print")}
        </button>
      </p>
      <details>
        <summary>{t("verify")}</summary>
        <Command lines={[`vote-cli receipt check ${name} --chain ${chain}`]} />
      </details>
    </section>
  );
}

/** Another ballot that takes a ballot's place: the same voter has signed it later. */
async function checkSuccessor(id: string, chain: string, of: SignedBallot): Promise<void> {
  const { ballot, withheld } = await provenOf(id, chain);
  if (withheld) return;
  if (ballot?.voter !== of.voter || ballot.election !== of.election || ballot.counter <= of.counter)
    throw new Unsound("other", "it replaces another ballot");
}

/** What a node says of a ballot, after its receipt and what was signed were checked. */
async function traced(trace: Trace, prefix: string, chain: string): Promise<Proven> {
  const proven = await provenOf(trace.ballot, chain);
  const { ballot, receipt } = proven;
  // Of a ballot whose kind this page does not know nothing more is said.
  const same = !ballot || (ballot.election === trace.election && ballot.counter === trace.counter);
  const said =
    trace.ballot.startsWith(prefix) &&
    receipt.height === trace.height &&
    trace.counts === (trace.superseded_by === null);
  if (!same || !said) throw new Unsound("other", "it is not what the node says");
  if (trace.superseded_by && ballot) await checkSuccessor(trace.superseded_by, chain, ballot);
  return proven;
}

/** What has become of a ballot. What it says is in its file, if one was given. */
function Fate({
  trace,
  prefix,
  chain,
  file,
}: {
  trace: Trace;
  prefix: string;
  chain: string;
  file?: Kept | null;
}) {
  const { value: proven, fault } = useAsked(() => traced(trace, prefix, chain), trace);
  if (fault) return <Problem why={fault} />;
  if (!proven) return <p>{t("loading")}</p>;
  const id = proven.receipt.transaction;
  return (
    <>
      <p class={trace.counts ? "good" : "verdict"}>
        {t(
          trace.phase === "cancelled" ? "counts_cancelled" : trace.counts ? "counts" : "superseded",
        )}
      </p>
      <p class="soft">{t("counts_said")}</p>
      {proven.withheld && !file?.ballot ? (
        <p>{t("withheld_ballot")}</p>
      ) : (
        <Spelled
          ballot={proven.ballot ?? file?.ballot ?? null}
          election={proven.election ?? file?.election ?? null}
        />
      )}
      <dl class="rules">
        <dt>{t("ballot")}</dt>
        <dd>
          <Id id={id} />
        </dd>
        <dt>{t("tracker")}</dt>
        <dd>
          <code>{tracker(id)}</code> <Copy text={tracker(id)} what={t("tracker")} />
        </dd>
        <dt>{t("words")}</dt>
        <dd class="words" lang="en">
          {trackerWords(id)}
        </dd>
        <dt>{t("included")}</dt>
        <dd>
          <a href={`#/block/${proven.receipt.height}`}>
            {t("block_n", { n: proven.receipt.height })}
          </a>
        </dd>
        {trace.superseded_by && (
          <>
            <dt>{t("superseded_by")}</dt>
            <dd>
              <Id id={trace.superseded_by} href={`#/ballot/${trace.superseded_by}`} />
            </dd>
          </>
        )}
      </dl>
    </>
  );
}

export function BallotScreen({ id, chain, height }: { id: string; chain: string; height: number }) {
  const { value: trace, fault } = useGet<Trace>(`/ballots/${id}`, height);
  return (
    <>
      <Heading>{t("ballot")}</Heading>
      <Problem why={fault} />
      {trace && (
        <>
          <Fate trace={trace} prefix={id} chain={chain} />
          <Qr text={trackerQr(trace.ballot)} label={`${t("tracker")}: ${tracker(trace.ballot)}`} />
          <Raw value={trace} />
        </>
      )}
    </>
  );
}

/** A receipt file that holds, and what its ballot says, if the file or the node has it. */
async function read(file: Uint8Array): Promise<Kept> {
  const kept = await checkReceipt(file);
  return spelled(kept).catch((error) => {
    if (error instanceof Refused) return kept;
    throw error;
  });
}

export function CheckReceipt({ info }: { info: Info }) {
  const [text, setText] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [found, setFound] = useState<{ prefix: string; trace: Trace } | null>(null);
  const [checked, setChecked] = useState<Kept | null>(null);
  const clear = () => [setFault(null), setFound(null), setChecked(null)];
  const find = async (prefix: string) =>
    setFound({ prefix, trace: await get<Trace>(`/ballots/${prefix}`) });
  const look = async (event: Event) => {
    event.preventDefault();
    clear();
    const prefix = readTracker(text);
    if (typeof prefix !== "string") return setFault(codeFault(prefix, "tracker"));
    await find(prefix).catch((error) => setFault(reason(error)));
  };
  const check = async (bytes: Uint8Array) => {
    clear();
    const kept = await read(bytes).catch((error) => void setFault(reason(error)));
    if (!kept) return;
    setChecked(kept);
    // Without a node the receipt holds all the same.
    if (kept.receipt.chain === info.chain) await find(kept.receipt.transaction).catch(() => {});
  };
  return (
    <>
      <Heading>{t("check")}</Heading>
      <p>{t("check_intro")}</p>
      <form class="card" onSubmit={look} noValidate>
        <Text
          label={t("check_hint")}
          hint={t("check_hint_more")}
          value={text}
          say={setText}
          autocomplete="off"
        />
        <button type="submit">{t("find_ballot")}</button>
      </form>
      <div class="card">
        <FileField
          label={t("check_file")}
          hint={t("check_file_more")}
          read={(bytes) => void check(bytes)}
        />
      </div>
      <Problem why={fault} />
      <div role="status">
        {checked && (
          <>
            <p class="good">{t("valid")}</p>
            <dl class="rules">
              <dt>{t("block")}</dt>
              <dd>
                <a href={`#/block/${checked.receipt.height}`}>
                  {t("block_n", { n: checked.receipt.height })}
                </a>
                , <Time ms={checked.receipt.time} />
              </dd>
              <dt>{t("chain")}</dt>
              <dd>
                {checked.receipt.chainName} <Id id={checked.receipt.chain} />{" "}
                {t(checked.receipt.chain === info.chain ? "chain_own" : "chain_other")}
              </dd>
              <dt>{t("signatures")}</dt>
              <dd>{checked.receipt.signatures}</dd>
            </dl>
            {!found && <Spelled ballot={checked.ballot} election={checked.election} />}
          </>
        )}
        {found && (
          <Fate trace={found.trace} prefix={found.prefix} chain={info.chain} file={checked} />
        )}
        {checked && !found && <p>{t("node_unaware")}</p>}
        {(found || checked) && <p>{t("receipt_says")}</p>}
      </div>
    </>
  );
}
