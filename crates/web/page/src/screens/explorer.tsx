import { useEffect, useState } from "preact/hooks";
import { type Block, get } from "../api";
import { t, time } from "../texts";
import { Heading, Id, Problem, reason, useGet } from "../ui";

interface Found { kind: string; id: string; height: number; title?: string }

const address = ({ kind, id, height }: Found) => (kind === "election" ? `#/election/${id}` : `#/block/${height}`);

export function Explorer({ height }: { height: number }) {
  const [query, setQuery] = useState("");
  const [found, setFound] = useState<Found[] | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [blocks, setBlocks] = useState<Block[]>([]);
  useEffect(() => {
    const heights = [...Array(8).keys()].map((n) => height - n).filter((h) => h > 0);
    Promise.all(heights.map((h) => blocks.find((block) => block.header.height === h) ?? get<Block>(`/blocks/${h}`))).then(setBlocks, () => {});
  }, [height]);
  const search = async (event: Event) => {
    event.preventDefault();
    setFault(null);
    await get<{ found: Found[] }>(`/find?q=${encodeURIComponent(query)}`).then((said) => setFound(said.found), (error) => setFault(reason(error)));
  };
  return (
    <>
      <Heading>{t("explorer")}</Heading>
      <form role="search" class="search" onSubmit={search}>
        <label class="field">{t("search_hint")}<input type="search" value={query} onInput={(event) => setQuery(event.currentTarget.value)} /></label>
        <button type="submit">{t("search")}</button>
      </form>
      <Problem why={fault} />
      <div role="status">
        {found && (found.length ? <ul class="list">{found.map((one) => <li key={one.id}><a href={address(one)}>{one.title ?? one.id.slice(0, 16)}</a> {one.kind}</li>)}</ul> : <p>{t("nothing_found")}</p>)}
      </div>
      <h2>{t("latest")}</h2>
      <ul class="list">
        {blocks.map(({ header, transactions }) => (
          <li key={header.height}><a href={`#/block/${header.height}`}>{t("block_n", { n: header.height })}</a> {time(header.time)} · {t("transactions")}: {transactions.length}</li>
        ))}
      </ul>
    </>
  );
}

export function BlockScreen({ height }: { height: string }) {
  const { value: block, fault } = useGet<Block>(`/blocks/${height}`);
  if (!block) return fault ? <Problem why={fault} /> : <p>{t("loading")}</p>;
  const { header } = block;
  return (
    <>
      <Heading>{t("block_n", { n: header.height })}</Heading>
      <dl>
        <dt>{t("time")}</dt><dd>{time(header.time)}</dd>
        <dt>Hash</dt><dd><Id id={block.hash} /></dd>
        <dt>{t("previous")}</dt><dd>{header.height > 1 ? <Id id={header.parent} href={`#/block/${header.height - 1}`} /> : "–"}</dd>
        <dt>{t("proposer")}</dt><dd><Id id={header.proposer} /></dd>
        <dt>{t("signed_by", { n: block.signed_by.length })}</dt><dd>{block.signed_by.map((key) => <Id key={key} id={key} />)}</dd>
      </dl>
      <h2>{t("transactions")}</h2>
      <ul class="list">
        {block.transactions.map((one) => (
          <li key={one.id}><Id id={one.id} /> {one.kind} {one.what} {one.election && <a href={`#/election/${one.election}`}>→</a>}</li>
        ))}
      </ul>
      <details><summary>{t("raw")}</summary><pre><code>{JSON.stringify(block, null, 1)}</code></pre></details>
    </>
  );
}
