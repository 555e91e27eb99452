// The booth: which screen is shown, who is signed in, whether the node is there, and whether a
// ballot is not cast yet.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type Info, type Status, followStatus, get, gone, openSession } from "./api";
import { ballots, leave, lostBallot, making, place, unfinished } from "./booth";
import { type Key, voter as kept, mayCreate } from "./keys";
import { BlockScreen, Explorer } from "./screens/explorer";
import { ElectionScreen } from "./screens/election";
import { Elections } from "./screens/elections";
import { issued } from "./screens/manage";
import { Attacks, Network } from "./screens/network";
import { Organise } from "./screens/organise";
import { BallotScreen, CheckReceipt } from "./screens/receipt";
import { Account, called } from "./screens/sign_in";
import "./style.css";
import { LANGUAGES, type Language, direction, language, setLanguage, t } from "./texts";
import { Boundary, Copy, Problem, reason, short } from "./ui";

const route = () => location.hash.replace(/^#\/?/, "").split("/");

function useRoute(): string[] {
  const [at, go] = useState(route);
  useEffect(() => {
    const changed = () => go(route());
    addEventListener("hashchange", changed);
    // What was gone to before this listened.
    if (route().join("/") !== at.join("/")) changed();
    return () => removeEventListener("hashchange", changed);
  }, []);
  return at;
}

function App({ info }: { info: Info }) {
  const [screen = "", id = ""] = useRoute();
  const [voter, setVoter] = useState<Key | null>(() => kept(info.chain));
  const [status, setStatus] = useState<Status | null>(null);
  const away = gone.use();
  useEffect(() => followStatus(setStatus), []);
  const links: [string, string][] = [
    ["", t("elections")],
    ["check", t("check")],
    ["explorer", t("explorer")],
    ["network", t("network")],
  ];
  if (!info.public) links.push(["attacks", t("attacks")]);
  if (info.takes_elections) links.push(["organise", t("organise")]);
  const height = status?.height ?? 0;
  const signed = (key: Key | null) => {
    if (voter) leave(voter);
    setVoter(key);
    // Back to where one was asked to sign in.
    if (key && cameFrom) location.hash = cameFrom;
  };
  const body = () => {
    // What this server does not take, it does not offer.
    switch (screen === "organise" && !info.takes_elections ? "" : screen) {
      case "election":
        return (
          <ElectionScreen
            key={`${id} ${voter?.key}`}
            id={id}
            chain={info.chain}
            voter={voter}
            manages={info.takes_elections}
          />
        );
      case "sign-in":
        return <Account key={voter?.key ?? ""} chain={info.chain} voter={voter} change={signed} />;
      case "check":
        return <CheckReceipt key="check" info={info} />;
      case "ballot":
        return <BallotScreen key={id} id={id} chain={info.chain} height={height} />;
      case "explorer":
        return <Explorer key="explorer" height={height} />;
      case "block":
        return <BlockScreen key={id} height={id} chain={info.chain} last={height} />;
      case "network":
        return <Network key="network" status={status} />;
      case "attacks":
        return <Attacks key="attacks" info={info} />;
      case "organise":
        return <Organise key="organise" info={info} />;
      default:
        return (
          <Elections
            key="elections"
            height={height}
            signedIn={voter !== null}
            creates={mayCreate(info)}
          />
        );
    }
  };
  const here =
    screen === "election" ? "" : screen === "block" || screen === "ballot" ? "explorer" : screen;
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.querySelector<HTMLElement>("main h1")?.focus();
        }}
      >
        {t("skip")}
      </a>
      <header>
        <div class="top">
          <p class="brand">{info.chain_name}</p>
          <p class="who">
            <a href="#/sign-in" aria-current={screen === "sign-in" ? "page" : undefined}>
              {voter ? t("signed_in", { name: called(voter) }) : t("sign_in")}
            </a>
          </p>
        </div>
        <nav aria-label={t("title")}>
          <ul>
            {links.map(([to, label]) => (
              <li key={to}>
                <a href={`#/${to}`} aria-current={here === to ? "page" : undefined}>
                  {label}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      </header>
      <div role="status" aria-live="assertive">
        {away && (
          <p class="gone">
            {t(
              ({ gone: "gone", at_fault: "at_fault", locked: "code_unauthorised" } as const)[away],
            )}
          </p>
        )}
      </div>
      <main id="main">
        <Boundary key={[screen, id, voter?.key].join(" ")}>{body()}</Boundary>
      </main>
      <footer>
        <p>
          <span class="pair">
            {t("footer", { version: info.version })}{" "}
            <span class="id">
              <code title={info.bundle}>{short(info.bundle)}…</code>{" "}
              <Copy text={info.bundle} what={t("bundle")} />
            </span>
          </span>{" "}
          <span class="pair">
            {t("chain")}{" "}
            <span class="id">
              <code title={info.chain}>{short(info.chain)}…</code>{" "}
              <Copy text={info.chain} what={t("chain")} />
            </span>
          </span>
        </p>
        <p>{t("bundle_hint")}</p>
        <label>
          {t("language")}{" "}
          <select
            value={language}
            onChange={(event) => setLanguage(event.currentTarget.value as Language)}
          >
            {Object.entries(LANGUAGES).map(([code, name]) => (
              <option key={code} value={code} lang={code}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </footer>
      <Bar election={screen === "election" ? id : null} voter={voter} />
    </>
  );
}

/** Whether a ballot is cast, for as long as one is being made. */
function Bar({ election, voter }: { election: string | null; voter: Key | null }) {
  const all = ballots.use();
  const codes = issued.use();
  const here = election && voter ? all[place(election, voter)] : undefined;
  const shown = here && (making(here) || here.step === "cast" || here.lost) ? here : undefined;
  const ballot = shown ?? unfinished(all) ?? lostBallot(all);
  const loose = unfinished(all) !== undefined || Object.values(codes).some((one) => !one.saved);
  useEffect(() => {
    if (!loose) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [loose]);
  const { step, height, lost } = ballot ?? { step: null, height: null, lost: null };
  const text = lost
    ? t(`lost_${lost}`)
    : step === "cast"
      ? t("cast_in", { n: height ?? 0 })
      : step === "casting"
        ? t("casting")
        : step === "unknown"
          ? t("casting_unknown")
          : step === "unproven"
            ? t("casting_unproven")
            : t("not_cast");
  return (
    <div class={`bar ${ballot ? step : "none"}`} role="status">
      {ballot && (
        <p>
          {text}
          {!shown && (
            <>
              {" "}
              · <a href={`#/election/${ballot.election.election}`}>{ballot.election.title}</a>
            </>
          )}
        </p>
      )}
    </div>
  );
}

/** The screen before that of signing in. */
let cameFrom = "";
addEventListener("hashchange", (event) => {
  if (location.hash.startsWith("#/sign-in")) cameFrom = new URL(event.oldURL).hash;
});

function Start() {
  const [info, setInfo] = useState<Info | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const ask = () =>
      get<Info>("/info").then(setInfo, (error) => {
        setFault(reason(error));
        timer = setTimeout(ask, 2000);
      });
    openSession()
      .catch((error) => setFault(reason(error)))
      .finally(ask);
    return () => clearTimeout(timer);
  }, []);
  return info ? (
    <App info={info} />
  ) : (
    <main>
      <h1>{t("title")}</h1>
      <p>{t("loading")}</p>
      <Problem why={fault} />
    </main>
  );
}

document.documentElement.lang = language;
document.documentElement.dir = direction;
render(<Start />, document.getElementById("app")!);
