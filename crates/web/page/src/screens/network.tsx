import { useState } from "preact/hooks";
import { type Info, type Status, post } from "../api";
import { t } from "../texts";
import { Heading, Id, Problem, reason, useGet } from "../ui";

interface Member { name: string; key: string | null; power: number | null; height: number | null; this: boolean }

export function Network({ status }: { status: Status | null }) {
  const { value: members, fault } = useGet<{ members: Member[] }>("/members", status?.height ?? 0);
  const { value: evidence } = useGet<{ evidence: { height: number; validator: string; what: string }[] }>("/evidence", status?.height ?? 0);
  return (
    <>
      <Heading>{t("network")}</Heading>
      <Problem why={fault} />
      {status && (
        <>
          <p class="verdict">{t(status.quorum ? "has_quorum" : "no_quorum")}</p>
          <p>{t(status.tracker ? "tracker_yes" : "tracker_no")} {t("pending")}: {status.pending}.</p>
        </>
      )}
      <div class="scroll" tabIndex={0} role="region" aria-label={t("network")}>
        <table>
          <thead><tr><th scope="col">{t("name")}</th><th scope="col">{t("role")}</th><th scope="col">{t("power")}</th><th scope="col">{t("height")}</th><th scope="col">{t("lag")}</th></tr></thead>
          <tbody>
            {members?.members.map((one, at) => (
              <tr key={at}>
                <th scope="row">{one.name} {one.this && `(${t("this_node")})`}</th>
                <td>{t(one.power === null ? "follower" : "validator")}</td>
                <td>{one.power ?? "–"}</td>
                <td>{one.height ?? "?"}</td>
                <td>{one.height === null || !status ? "?" : Math.max(0, status.height - one.height)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <h2>{t("evidence")}</h2>
      {evidence?.evidence.length ? <ul>{evidence.evidence.map((one, at) => <li key={at}>{t("block_n", { n: one.height })}: <Id id={one.validator} /> {one.what}</li>)}</ul> : <p>{t("no_evidence")}</p>}
    </>
  );
}

interface Report { height: number; verdicts: { name: string; verdict: string; reason: string }[] }

export function Attacks({ info }: { info: Info }) {
  const [report, setReport] = useState<Report | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [name, setName] = useState(info.attacks[0]?.name ?? "");
  const run = async (event: Event) => {
    event.preventDefault();
    setFault(null);
    setReport(null);
    await post<Report>(`/attacks/${name}`).then(setReport, (error) => setFault(reason(error)));
  };
  const verdict = (word: string) => t(word === "refused" ? "refused" : word === "ACCEPTED" ? "accepted" : "silent");
  return (
    <>
      <Heading>{t("attacks")}</Heading>
      <p>{info.allow_attacks ? t("attack_hint") : t("no_attacks")}</p>
      {info.allow_attacks && (
        <form class="card" onSubmit={run}>
          <label class="field">
            {t("attacks")}
            <select value={name} onChange={(event) => setName(event.currentTarget.value)}>
              {info.attacks.map((one) => <option key={one.name} value={one.name}>{one.name}: {one.description}</option>)}
            </select>
          </label>
          <button type="submit">{t("run")}</button>
        </form>
      )}
      <Problem why={fault} />
      <div role="status">
        {report && (
          <div class="scroll" tabIndex={0} role="region" aria-label={t("verdict")}>
            <table>
              <thead><tr><th scope="col">{t("peer")}</th><th scope="col">{t("verdict")}</th><th scope="col">{t("reason")}</th></tr></thead>
              <tbody>{report.verdicts.map((row) => <tr key={row.name}><th scope="row">{row.name}</th><td>{verdict(row.verdict)}</td><td>{row.reason}</td></tr>)}</tbody>
            </table>
          </div>
        )}
      </div>
    </>
  );
}
