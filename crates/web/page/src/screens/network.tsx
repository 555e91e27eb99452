// The nodes and how they are doing, and attacks to stage against them.

import { useState } from "preact/hooks";
import {
  type AttackReport,
  type Info,
  type Members,
  type Status,
  type Validators,
  post,
} from "../api";
import { number, t } from "../texts";
import { Heading, Id, Problem, Time, Wide, reason, useGet } from "../ui";

/** Whether blocks are decided: connections are not enough while one is open and nothing comes of it. */
function deciding({ quorum, stalled, deciding_ms }: Status): string {
  if (!quorum) return t("no_quorum");
  return stalled ? t("stuck", { n: Math.floor((deciding_ms ?? 0) / 1000) }) : t("has_quorum");
}

/** A clock that is off by less is as good as right, in milliseconds. */
const CLOCK_OFF_MS = 500;

function clock(ahead: number | null): string {
  if (ahead === null) return t("clock_unknown");
  if (Math.abs(ahead) < CLOCK_OFF_MS) return t("clock_same");
  return t(ahead > 0 ? "clock_ahead" : "clock_behind", {
    n: number(Math.round(Math.abs(ahead) / 100) / 10),
  });
}

/** By which protocol version the chain goes, and will; and whether this node can follow. */
function protocol({ version, planned, newest }: Status["protocol"]): string {
  if (planned === null) return String(version);
  const move = t("protocol_planned", {
    version,
    to: planned.version,
    from: number(planned.from),
  });
  return planned.version > newest ? `${move}. ${t("protocol_lacking")}` : move;
}

export function Network({ status }: { status: Status | null }) {
  const height = status?.height ?? 0;
  const { value: members, fault } = useGet<Members>("/members", status);
  const { value: set } = useGet<Validators>("/validators", height);
  const { value: evidence } = useGet<{
    evidence: { height: number; validator: string; what: string }[];
  }>("/evidence", height);
  // Validators that this node does not see.
  const away =
    set?.validators.filter(({ key }) => !members?.members.some((one) => one.key === key)) ?? [];
  const behind = (one: Members["members"][number]) =>
    one.height === null ? "?" : number(Math.max(0, height - one.height));
  return (
    <>
      <Heading>{t("network")}</Heading>
      <Problem why={fault} />
      {status && (
        <>
          <p class={status.quorum && !status.stalled ? "good" : "problem"} role="status">
            {deciding(status)}
          </p>
          {status.signing_waits_for !== null && (
            <p class="problem">{t("waits", { reason: status.signing_waits_for })}</p>
          )}
          <dl class="rules">
            <dt>{t("height")}</dt>
            <dd>
              <a href={`#/block/${height}`}>{number(height)}</a>
              {height > 0 && (
                <>
                  , <Time ms={status.time} />
                </>
              )}
            </dd>
            <dt>{t("power_connected")}</dt>
            <dd>
              {t("n_of", { n: number(status.power_connected), of: number(status.power_total) })}
            </dd>
            {set && (
              <>
                <dt>{t("faults")}</dt>
                <dd>{t("faults_tolerated", { n: set.faults_tolerated })}</dd>
              </>
            )}
            <dt>{t("pending")}</dt>
            <dd>{number(status.pending)}</dd>
            {status.unreachable.length > 0 && (
              <>
                <dt>{t("unreachable")}</dt>
                <dd>{status.unreachable.join(", ")}</dd>
              </>
            )}
            <dt>{t("clock")}</dt>
            <dd>{clock(status.clock_ahead_ms)}</dd>
            <dt>{t("protocol")}</dt>
            <dd>{protocol(status.protocol)}</dd>
            <dt>{t("tracker_of_nodes")}</dt>
            <dd>{t(status.tracker ? "tracker_yes" : "tracker_no")}</dd>
          </dl>
        </>
      )}
      <h2>{t("nodes")}</h2>
      <Wide label={t("nodes")}>
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">{t("name")}</th>
              <th scope="col">{t("role")}</th>
              <th scope="col">{t("power")}</th>
              <th scope="col">{t("height")}</th>
              <th scope="col">{t("lag")}</th>
            </tr>
          </thead>
          <tbody>
            {members?.members.map((one) => (
              <tr key={one.peer}>
                <th scope="row">
                  {one.name} {one.this && `(${t("this_node")})`}
                </th>
                <td>{t(one.power === null ? "follower" : "validator")}</td>
                <td>{one.power === null ? "–" : number(one.power)}</td>
                <td>{one.height === null ? "?" : number(one.height)}</td>
                <td>{behind(one)}</td>
              </tr>
            ))}
            {members &&
              away.map((one) => (
                <tr key={one.key} class="away">
                  <th scope="row">{one.name}</th>
                  <td>{t("validator")}</td>
                  <td>{number(one.power)}</td>
                  <td colSpan={2}>{t("not_connected")}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </Wide>
      <h2>{t("changes_waiting")}</h2>
      {set?.pending.length ? (
        <ul>
          {set.pending.map((one) => (
            <li key={one.change}>
              <span lang="en">{one.change}</span>: {t("approved_n", { n: one.approved_by.length })}
            </li>
          ))}
        </ul>
      ) : (
        <p>{t("none_waiting")}</p>
      )}
      <h2>{t("evidence")}</h2>
      {status && status.evidence > 0 && <p>{t("evidence_n", { n: status.evidence })}</p>}
      {evidence?.evidence.length ? (
        <ul>
          {evidence.evidence.map((one, at) => (
            <li key={at}>
              {t("height")} {one.height}: <Id id={one.validator} />{" "}
              <span lang="en">{one.what}</span>
            </li>
          ))}
        </ul>
      ) : (
        <p>{t("no_evidence")}</p>
      )}
    </>
  );
}

export function Attacks({ info }: { info: Info }) {
  const [report, setReport] = useState<AttackReport | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [name, setName] = useState(info.attacks[0]?.name ?? "");
  const run = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setFault(null);
    setReport(null);
    setBusy(true);
    await post<AttackReport>(`/attacks/${name}`).then(setReport, (error) =>
      setFault(reason(error)),
    );
    setBusy(false);
  };
  const verdict = (word: string) =>
    t(word === "refused" ? "refused" : word === "ACCEPTED" ? "accepted" : "silent");
  const summary = ({ verdicts }: AttackReport) => {
    const count = (word: string) => verdicts.filter((row) => row.verdict === word).length;
    if (count("ACCEPTED")) return t("some_accepted", { n: count("ACCEPTED") });
    return verdicts.length && count("refused") === verdicts.length
      ? t("all_refused", { n: verdicts.length })
      : t("some_silent", { n: count("refused"), of: verdicts.length });
  };
  return (
    <>
      <Heading>{t("attacks")}</Heading>
      <p>{t(info.allow_attacks ? "attack_hint" : "no_attacks")}</p>
      {info.allow_attacks && (
        <form class="card" onSubmit={run}>
          <fieldset>
            <legend>{t("pick_attack")}</legend>
            {info.attacks.map((one) => (
              <label class="option" key={one.name}>
                <input
                  type="radio"
                  name="attack"
                  checked={name === one.name}
                  onChange={() => setName(one.name)}
                />{" "}
                <span lang="en">
                  <strong>{one.name}</strong>: {one.description}
                </span>
              </label>
            ))}
          </fieldset>
          <button type="submit" aria-disabled={busy}>
            {t("run")}
          </button>
        </form>
      )}
      <Problem why={fault} />
      <div role="status">
        {busy && <p>{t("running")}</p>}
        {report && (
          <>
            <h2 lang="en">{report.attack}</h2>
            <p
              class={report.verdicts.some((row) => row.verdict === "ACCEPTED") ? "problem" : "good"}
            >
              {summary(report)}
            </p>
          </>
        )}
      </div>
      {report && (
        <Wide label={t("verdict")}>
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">{t("peer")}</th>
                <th scope="col">{t("verdict")}</th>
                <th scope="col">{t("reason")}</th>
              </tr>
            </thead>
            <tbody>
              {report.verdicts.map((row) => (
                <tr key={row.peer}>
                  <th scope="row">{row.name}</th>
                  <td>{verdict(row.verdict)}</td>
                  <td lang="en">{row.reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </>
  );
}
