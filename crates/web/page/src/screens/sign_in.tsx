import { useState } from "preact/hooks";
import { codeSeed } from "../encoding/codes";
import { type Key, readKeyFile, signIn } from "../keys";
import { t } from "../texts";
import { Problem } from "../ui";

type How = "name" | "code" | "file";

export function SignIn({ chain, done }: { chain: string; done: (key: Key) => void }) {
  const [how, setHow] = useState<How>("name");
  const [text, setText] = useState("");
  const [seed, setSeed] = useState<Uint8Array | null>(null);
  const [remember, setRemember] = useState(true);
  const [fault, setFault] = useState<string | null>(null);
  const enter = (event: Event) => {
    event.preventDefault();
    setFault(null);
    if (how === "name" && text.trim()) return done(signIn(chain, text.trim(), null, remember));
    const found = how === "code" ? codeSeed(text) : seed;
    if (!found) return setFault(how === "code" ? t("bad_code") : t("bad_file"));
    done(signIn(chain, "", found, remember));
  };
  const read = async (event: Event) => {
    const file = (event.currentTarget as HTMLInputElement).files?.[0];
    setSeed(file ? readKeyFile(await file.text()) : null);
  };
  const choose = (to: How) => {
    setHow(to);
    setText("");
    setFault(null);
    setRemember(to === "name");
  };
  const ways: [How, string][] = [["name", t("by_name")], ["code", t("by_code")], ["file", t("by_file")]];
  return (
    <form class="card" onSubmit={enter}>
      <fieldset>
        <legend>{t("who")}</legend>
        {ways.map(([way, label]) => (
          <label class="option" key={way}>
            <input type="radio" name="how" checked={how === way} onChange={() => choose(way)} /> {label}
          </label>
        ))}
      </fieldset>
      {how === "file" ? (
        <label class="field">{t("key_file")}<input type="file" onChange={read} /></label>
      ) : (
        <label class="field">
          {how === "name" ? t("your_name") : t("your_code")}
          <input value={text} onInput={(event) => setText(event.currentTarget.value)} autocomplete={how === "name" ? "name" : "off"} spellcheck={false} maxLength={100} />
          <small>{how === "name" ? t("name_hint") : t("code_hint")}</small>
        </label>
      )}
      <label class="option">
        <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.currentTarget.checked)} /> {t("remember")}
      </label>
      <small>{t("remember_hint")}</small>
      <Problem why={fault} />
      <button type="submit">{t("sign_in")}</button>
    </form>
  );
}
