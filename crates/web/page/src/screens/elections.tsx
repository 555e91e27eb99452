import type { Summary } from "../api";
import { t } from "../texts";
import { Heading, Phase, Problem, Time, useGet } from "../ui";

const ORDER = ["open", "draft", "closed", "cancelled"];

export function Elections({ height, signedIn }: { height: number; signedIn: boolean }) {
  const { value, fault } = useGet<{ elections: Summary[] }>("/elections", height);
  const sorted = [...(value?.elections ?? [])].sort((a, b) => ORDER.indexOf(a.phase) - ORDER.indexOf(b.phase) || b.created_at - a.created_at);
  return (
    <>
      <Heading>{t("elections")}</Heading>
      <p>{t("intro")}</p>
      {!signedIn && <p><a class="button" href="#/sign-in">{t("sign_in")}</a></p>}
      <Problem why={fault} />
      {!value && !fault && <p>{t("loading")}</p>}
      {value && !sorted.length && <p>{t("none_yet")} <a href="#/organise">{t("new_election")}</a></p>}
      <ul class="list">
        {sorted.map((one) => (
          <li key={one.election}>
            <a class="title" href={`#/election/${one.election}`}>{one.title}</a> <Phase phase={one.phase} />
            <p>
              {one.voters === null ? t("ballots_n", { n: one.ballots }) : t("of_voters", { n: one.ballots, all: one.voters })}
              {one.contests > 1 && <> · {t("contests_n", { n: one.contests })}</>}
              {one.phase === "open" && <> · {t("closes")}: {one.closes_at === null ? t("by_hand") : <Time ms={one.closes_at} from />}</>}
              {one.phase === "draft" && <> · {t("opens")}: {one.opens_at === null ? t("by_hand") : <Time ms={one.opens_at} from />}</>}
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}
