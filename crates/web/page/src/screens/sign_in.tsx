// Who votes: a name, a voter code or a key file. The key stays in the page.

import { useState } from "preact/hooks";
import { type Fault, codeSeed } from "../encoding/codes";
import { labelFault } from "../encoding/ledger";
import { type Key, keyFile, knows, readKeyFile, signIn, signOut } from "../keys";
import { type Name, t } from "../texts";
import { Copy, FileField, Heading, Problem, Text, Tick, save, short } from "../ui";

type How = "name" | "code" | "file";

/** What is wrong with a code, in a sentence. */
export const codeFault = (fault: Fault, kind: "code" | "tracker"): string =>
  t(
    (fault.fault === "other" ? `fault_no_${kind}` : `fault_${fault.fault}`) as Name,
    fault as unknown as Record<string, string | number>,
  );

export function SignIn({ chain, done }: { chain: string; done: (key: Key) => void }) {
  const [how, setHow] = useState<How>("name");
  const [text, setText] = useState("");
  const [seed, setSeed] = useState<Uint8Array | null>(null);
  const [remember, setRemember] = useState(true);
  const [fault, setFault] = useState<string | null>(null);
  const enter = (event: Event) => {
    event.preventDefault();
    setFault(null);
    if (how === "name") {
      const name = text.trim();
      return labelFault(name)
        ? setFault(t("bad_label"))
        : done(signIn(chain, name, null, remember));
    }
    const found = how === "code" ? codeSeed(text) : seed;
    if (!found) return setFault(t("bad_file"));
    if (!(found instanceof Uint8Array)) return setFault(codeFault(found, "code"));
    done(signIn(chain, "", found, remember));
  };
  const choose = (to: How) => {
    setHow(to);
    setText("");
    setSeed(null);
    setFault(null);
    setRemember(to === "name");
  };
  const ways: [How, string][] = [
    ["name", t("by_name")],
    ["code", t("by_code")],
    ["file", t("by_file")],
  ];
  return (
    <form class="card" onSubmit={enter} noValidate>
      <fieldset>
        <legend>{t("who")}</legend>
        {ways.map(([way, label]) => (
          <label class="option" key={way}>
            <input type="radio" name="how" checked={how === way} onChange={() => choose(way)} />{" "}
            {label}
          </label>
        ))}
      </fieldset>
      {how === "file" && (
        <FileField
          key="file"
          label={t("key_file")}
          hint={t("file_hint")}
          read={(bytes) => setSeed(readKeyFile(new TextDecoder().decode(bytes)))}
        />
      )}
      {how === "name" && (
        <Text
          key="name"
          label={t("your_name")}
          hint={knows(chain, text.trim()) ? t("name_known") : t("name_hint")}
          value={text}
          say={setText}
          autocomplete="name"
        />
      )}
      {how === "code" && (
        <Text
          key="code"
          label={t("your_code")}
          hint={t("code_hint")}
          value={text}
          say={setText}
          autocomplete="off"
        />
      )}
      <Tick label={t("remember")} on={remember} say={setRemember} />
      <small>{t("remember_hint")}</small>
      <Problem why={fault} />
      <button type="submit">{t("sign_in")}</button>
    </form>
  );
}

export const called = (voter: Key) => voter.name || short(voter.key);

/** Signing in, or who is signed in. */
export function Account({
  chain,
  voter,
  change,
}: {
  chain: string;
  voter: Key | null;
  change: (to: Key | null) => void;
}) {
  const [forget, setForget] = useState(false);
  if (!voter)
    return (
      <>
        <Heading>{t("sign_in")}</Heading>
        <SignIn chain={chain} done={change} />
      </>
    );
  const leave = () => {
    signOut(chain, voter, forget);
    change(null);
  };
  return (
    <>
      <Heading>{t("signed_in", { name: called(voter) })}</Heading>
      <div class="card">
        <dl>
          <dt>{t("public_key")}</dt>
          <dd>
            <code>{voter.key}</code> <Copy text={voter.key} what={t("public_key")} />
          </dd>
        </dl>
        <p>{t("public_key_hint")}</p>
        <p class="buttons">
          <button type="button" class="quiet" onClick={() => save("voter.key", keyFile(voter))}>
            {t("save_key")}
          </button>
        </p>
        <p>{t("save_key_hint")}</p>
        {voter.name && <Tick label={t("forget")} on={forget} say={setForget} />}
        <p class="buttons">
          <button type="button" onClick={leave}>
            {t("sign_out")}
          </button>
          <a class="button quiet" href="#/">
            {t("elections")}
          </a>
        </p>
      </div>
    </>
  );
}
