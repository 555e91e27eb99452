import { useEffect, useState } from "preact/hooks";
import { type Block, type Found, get } from "../api";
import { mayBeVoterCode } from "../encoding/codes";
import { spelledOf } from "../proof";
import { type Name, hasText, t } from "../texts";
import { Heading, Id, Problem, Raw, Text, Time, reason, short, useAsked, useGet } from "../ui";
import { Spelled } from "./receipt";

const LATEST = 10;

const address = ({ kind, id, height }: Found) =>
  kind === "election"
    ? `#/election/${id}`
    : kind === "ballot"
      ? `#/ballot/${id}`
      : `#/block/${height}`;

/** The name of a kind of thing or act; as it came, if there is none. */
const kindName = (kind: string) => {
  const name = `kind_${kind.replace(/[ -]/g, "_")}`;
  return hasText(name) ? t(name as Name) : kind;
};

export function Explorer({ height }: { height: number }) {
  const [query, setQuery] = useState("");
  const [found, setFound] = useState<Found[] | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [blocks, setBlocks] = useState<Block[]>([]);
  useEffect(() => {
    let live = true;
    const heights = [...Array(LATEST).keys()].map((n) => height - n).filter((h) => h > 0);
    const known = (h: number) => blocks.find((block) => block.header.height === h);
    Promise.all(heights.map((h) => known(h) ?? get<Block>(`/blocks/${h}`))).then(
      (all) => live && setBlocks(all),
      () => {},
    );
    return () => void (live = false);
  }, [height]);
  const search = async (event: Event) => {
    event.preventDefault();
    setFault(null);
    setFound(null);
    if (!query.trim()) return;
    // It is a secret: it is sent nowhere.
    if (mayBeVoterCode(query)) return setFault(t("fault_no_tracker"));
    await get<{ found: Found[] }>(`/find?q=${encodeURIComponent(query.trim())}`).then(
      (said) => setFound(said.found),
      (error) => setFault(reason(error)),
    );
  };
  return (
    <>
      <Heading>{t("explorer")}</Heading>
      <form role="search" class="search" onSubmit={search} noValidate>
        <Text
          label={t("search")}
          hint={t("search_hint")}
          value={query}
          say={setQuery}
          type="search"
        />
        <button type="submit">{t("search")}</button>
      </form>
      <Problem why={fault} />
      <div role="status">
        {found && !found.length && <p>{t("nothing_found")}</p>}
        {found && found.length > 0 && (
          <>
            <h2>{t("found_n", { n: found.length })}</h2>
            <ul class="list">
              {found.map((one) => (
                <li key={one.kind + one.id}>
                  {kindName(one.kind)}:{" "}
                  <a href={address(one)}>
                    {one.title ??
                      (one.kind === "block"
                        ? t("block_n", { n: one.height })
                        : `${short(one.id)}…`)}
                  </a>
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
      <h2>{t("latest")}</h2>
      {!blocks.length && <p>{t(height ? "loading" : "no_blocks")}</p>}
      <ul class="list">
        {blocks.map(({ header, transactions }) => (
          <li key={header.height}>
            <a class="title" href={`#/block/${header.height}`}>
              {t("block_n", { n: header.height })}
            </a>
            <p>
              {t("transactions_n", { n: transactions.length })} · <Time ms={header.time} from />
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}

/** What a ballot says, once somebody wants to see it. */
function BallotWords({ id, chain }: { id: string; chain: string }) {
  const [open, show] = useState(false);
  const { value, fault } = useAsked(open ? () => spelledOf(id, chain) : null, open);
  return (
    <details onToggle={(event) => show(event.currentTarget.open)}>
      <summary>{t("says")}</summary>
      <Problem why={fault} />
      {value && <Spelled ballot={value.ballot} election={value.election} />}
    </details>
  );
}

export function BlockScreen({
  height,
  chain,
  last,
}: {
  height: string;
  chain: string;
  last: number;
}) {
  const { value: block, fault } = useGet<Block>(`/blocks/${encodeURIComponent(height)}`);
  const { value: set } = useGet<{ validators: { name: string; key: string }[] }>("/validators");
  const named = (key: string) => set?.validators.find((one) => one.key === key)?.name;
  if (!block)
    return fault ? (
      <>
        <Heading>{t("block_n", { n: height })}</Heading>
        <Problem why={fault} />
      </>
    ) : (
      <p>{t("loading")}</p>
    );
  const { header } = block;
  return (
    <>
      <Heading>{t("block_n", { n: header.height })}</Heading>
      <nav aria-label={t("block")}>
        <ul>
          {header.height > 1 && (
            <li>
              <a href={`#/block/${header.height - 1}`} rel="prev">
                ← {t("block_n", { n: header.height - 1 })}
              </a>
            </li>
          )}
          {header.height < last && (
            <li>
              <a href={`#/block/${header.height + 1}`} rel="next">
                {t("block_n", { n: header.height + 1 })} →
              </a>
            </li>
          )}
        </ul>
      </nav>
      <dl class="rules">
        <dt>{t("time")}</dt>
        <dd>
          <Time ms={header.time} from />
        </dd>
        <dt>{t("hash")}</dt>
        <dd>
          <Id id={block.hash} />
        </dd>
        <dt>{t("previous")}</dt>
        <dd>
          {header.height > 1 ? (
            <Id id={header.parent} href={`#/block/${header.height - 1}`} />
          ) : (
            t("first_block")
          )}
        </dd>
        <dt>{t("proposer")}</dt>
        <dd>
          {named(header.proposer)} <Id id={header.proposer} />
        </dd>
        <dt>{t("signed_by")}</dt>
        <dd>
          {t("signed_n", { n: block.signed_by.length, of: set?.validators.length ?? "?" })}:{" "}
          {block.signed_by.map((key) => named(key) ?? short(key)).join(", ")}
        </dd>
        <dt>{t("state_root")}</dt>
        <dd>
          <Id id={header.state_root} />
        </dd>
      </dl>
      <h2>
        {t("transactions")} ({block.transactions.length})
      </h2>
      <ul class="list">
        {block.transactions.map((one) => (
          <li key={one.id}>
            <strong>{kindName(one.kind)}</strong> <span lang="en">{one.what}</span>
            <p>
              <Id id={one.id} {...(one.kind === "ballot" ? { href: `#/ballot/${one.id}` } : {})} />{" "}
              <span class="pair">
                {t("signer")}: <Id id={one.signer} />
              </span>{" "}
              {one.election && (
                <a class="pair" href={`#/election/${one.election}`}>
                  {t("to_election")}
                </a>
              )}
            </p>
            {one.kind === "ballot" && <BallotWords id={one.id} chain={chain} />}
          </li>
        ))}
      </ul>
      <Raw value={block} />
    </>
  );
}
