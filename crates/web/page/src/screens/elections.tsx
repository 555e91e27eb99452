import type { Summary } from "../api";
import { t, time } from "../texts";
import { Heading, Problem, useGet } from "../ui";

export function Elections({ height }: { height: number }) {
  const { value, fault } = useGet<{ elections: Summary[] }>("/elections", height);
  const order = ["open", "draft", "closed", "cancelled"];
  const sorted = [...(value?.elections ?? [])].sort((a, b) => order.indexOf(a.phase) - order.indexOf(b.phase) || b.created_at - a.created_at);
  return (
    <>
      <Heading>{t("elections")}</Heading>
      <Problem why={fault} />
      {value && !sorted.length && <p>{t("none_yet")}</p>}
      <ul class="list">
        {sorted.map((one) => (
          <li key={one.election}>
            <a href={`#/election/${one.election}`}>{one.title}</a> <span class={`phase ${one.phase}`}>{t(one.phase)}</span>
            <p>
              {one.voters === null ? t("ballots_n", { n: one.ballots }) : t("of_voters", { n: one.ballots, all: one.voters })}
              {one.phase === "open" && <> · {t("closes")}: {one.closes_at === null ? t("by_hand") : time(one.closes_at)}</>}
              {one.phase === "draft" && <> · {t("opens")}: {one.opens_at === null ? t("by_hand") : time(one.opens_at)}</>}
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}
