// The booth: which screen is shown, who is signed in, and whether the node is there.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type Info, type Status, follow, get, openSession } from "./api";
import { type Key, signOut, voter as kept } from "./keys";
import { BlockScreen, Explorer } from "./screens/explorer";
import { ElectionScreen } from "./screens/election";
import { Elections } from "./screens/elections";
import { Attacks, Network } from "./screens/network";
import { Organise } from "./screens/organise";
import { CheckReceipt } from "./screens/receipt";
import { SignIn } from "./screens/sign_in";
import "./style.css";
import { LANGUAGES, type Language, language, setLanguage, t } from "./texts";
import { Problem, reason, short } from "./ui";

const route = () => location.hash.replace(/^#\/?/, "").split("/");

function useRoute(): string[] {
  const [at, go] = useState(route);
  useEffect(() => {
    const changed = () => go(route());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return at;
}

function App({ info }: { info: Info }) {
  const [screen = "", id = ""] = useRoute();
  const [voter, setVoter] = useState<Key | null>(() => kept(info.chain));
  const [status, setStatus] = useState<Status | null>(null);
  const [gone, setGone] = useState(false);
  useEffect(() => follow<Status>("/live", "status", setStatus, setGone), []);
  const links: [string, string][] = [["", t("elections")], ["check", t("check")], ["explorer", t("explorer")], ["network", t("network")]];
  if (!info.public) links.push(["attacks", t("attacks")]);
  links.push(["organise", t("organise")]);
  const height = status?.height ?? 0;
  const body = () => {
    switch (screen) {
      case "election":
        return (
          <>
            <ElectionScreen key={`${id}${voter?.key}`} id={id} voter={voter} gone={setGone} />
            {!voter && <SignIn chain={info.chain} done={setVoter} />}
          </>
        );
      case "check": return <CheckReceipt />;
      case "explorer": return <Explorer height={height} />;
      case "block": return <BlockScreen key={id} height={id} />;
      case "network": return <Network status={status} />;
      case "attacks": return <Attacks info={info} />;
      case "organise": return <Organise info={info} />;
      default: return (
        <>
          <Elections height={height} />
          {!voter && <SignIn chain={info.chain} done={setVoter} />}
        </>
      );
    }
  };
  const leave = () => {
    signOut(info.chain);
    setVoter(null);
  };
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.querySelector<HTMLElement>("main h1")?.focus(); }}>{t("skip")}</a>
      <header>
        <p class="brand">{info.chain_name}</p>
        <nav aria-label={t("title")}>
          <ul>
            {links.map(([to, label]) => <li key={to}><a href={`#/${to}`} aria-current={screen === to || (to === "" && screen === "election") ? "page" : undefined}>{label}</a></li>)}
          </ul>
        </nav>
        {voter && <p class="who">{t("signed_in", { name: voter.name || short(voter.key) })} <button type="button" class="quiet" onClick={leave}>{t("sign_out")}</button></p>}
      </header>
      <p class={gone ? "gone" : "hidden"} role="status">{gone ? t("gone") : ""}</p>
      <main id="main">{body()}</main>
      <footer>
        <p>{t("footer", { bundle: short(info.bundle), version: info.version, chain: short(info.chain) })}</p>
        <label>{t("language")} <select value={language} onChange={(event) => setLanguage(event.currentTarget.value as Language)}>
          {Object.entries(LANGUAGES).map(([code, name]) => <option key={code} value={code}>{name}</option>)}
        </select></label>
      </footer>
    </>
  );
}

function Start() {
  const [info, setInfo] = useState<Info | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const ask = () => get<Info>("/info").then(setInfo, (error) => {
      setFault(reason(error));
      timer = setTimeout(ask, 2000);
    });
    openSession().catch((error) => setFault(reason(error))).finally(ask);
    return () => clearTimeout(timer);
  }, []);
  return info ? <App info={info} /> : <main><h1>{t("title")}</h1><p>{t("loading")}</p><Problem why={fault} /></main>;
}

document.documentElement.lang = language;
render(<Start />, document.getElementById("app")!);
