// The elections, those that can be voted in first, and of each phase the newest first; a page at a
// time.

import { useEffect, useRef, useState } from "preact/hooks";
import { type Phase as PhaseName, type Summary, get, returns } from "../api";
import { mayBeVoterCode } from "../encoding/codes";
import { t } from "../texts";
import { Heading, Phase, Problem, Text, Time, reason } from "../ui";

const ORDER: PhaseName[] = ["open", "draft", "closed", "cancelled"];
const PAGE = 25;
/** So many are asked for again when there is a new block. */
const FRESH_MAX = 99;

/** Where a page begins: in a phase, after an election. */
interface Place {
  phase: number;
  after: string | null;
}
interface Page {
  elections: Summary[];
  next: Place | null;
}

const START: Place = { phase: 0, after: null };

/** So many elections from a place on, through the phases. */
export async function list(from: Place, title: string, size: number): Promise<Page> {
  const found: Summary[] = [];
  let { phase, after } = from;
  // One more than is shown says whether more follow.
  while (phase < ORDER.length && found.length <= size) {
    const query = new URLSearchParams({
      phase: ORDER[phase]!,
      limit: String(size + 1 - found.length),
      title,
    });
    if (after) query.set("after", after);
    const { elections, more } = await get<{ elections: Summary[]; more: boolean }>(
      `/elections?${query}`,
    );
    found.push(...elections);
    const last = elections.at(-1);
    if (more && last) after = last.election;
    else [phase, after] = [phase + 1, null];
  }
  const last = found[size - 1];
  return {
    elections: found.slice(0, size),
    next:
      found.length > size && last
        ? { phase: ORDER.indexOf(last.phase), after: last.election }
        : null,
  };
}

/** A page and what came after it before; what has moved up is not there twice. */
function joined(fresh: Page, before: Page): Page {
  if (fresh.elections.length >= before.elections.length) return fresh;
  const known = new Set(fresh.elections.map(({ election }) => election));
  return {
    elections: [
      ...fresh.elections,
      ...before.elections
        .slice(fresh.elections.length)
        .filter(({ election }) => !known.has(election)),
    ],
    next: before.next,
  };
}

export function Elections({
  height,
  signedIn,
  creates,
}: {
  height: number;
  signedIn: boolean;
  creates: boolean;
}) {
  const [shown, show] = useState<Page | null>(null);
  const [query, setQuery] = useState("");
  const [title, setTitle] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [told, tell] = useState("");
  const focus = useRef<string | null>(null);
  const back = returns.use();
  useEffect(() => {
    let live = true;
    const count = Math.min(Math.max(shown?.elections.length ?? 0, PAGE), FRESH_MAX);
    list(START, title, count).then(
      (fresh) =>
        live &&
        (show((before) => (before && fresh.next ? joined(fresh, before) : fresh)), setFault(null)),
      (error) => live && error.code !== "gone" && setFault(reason(error)),
    );
    return () => void (live = false);
  }, [height, title, back]);
  useEffect(() => {
    // Who asked for more goes on with the first of them.
    if (focus.current) document.getElementById(focus.current)?.focus();
    focus.current = null;
  });
  const search = (event: Event) => {
    event.preventDefault();
    setFault(null);
    // It is a secret: it is sent nowhere.
    if (mayBeVoterCode(query)) return setFault(t("fault_no_tracker"));
    if (query.trim() === title) return;
    show(null);
    setTitle(query.trim());
  };
  const more = async () => {
    if (!shown?.next) return;
    await list(shown.next, title, PAGE).then(
      (page) => {
        focus.current = page.elections[0] ? `election-${page.elections[0].election}` : null;
        const elections = [...shown.elections, ...page.elections];
        show({ elections, next: page.next });
        tell(t("shown_n", { n: elections.length }));
      },
      (error) => setFault(reason(error)),
    );
  };
  const elections = shown?.elections ?? [];
  return (
    <>
      <Heading>{t("elections")}</Heading>
      <p>{t("intro")}</p>
      {!signedIn && (
        <p>
          <a class="button" href="#/sign-in">
            {t("sign_in")}
          </a>
        </p>
      )}
      <form role="search" class="search" onSubmit={search} noValidate>
        <Text label={t("search_title")} value={query} say={setQuery} type="search" />
        <button type="submit" class="quiet">
          {t("search")}
        </button>
      </form>
      <Problem why={fault} />
      {!shown && !fault && <p>{t("loading")}</p>}
      {shown && !elections.length && (
        <p role="status">
          {title ? (
            t("none_fit")
          ) : (
            <>
              {t("none_yet")} {creates && <a href="#/organise">{t("new_election")}</a>}
            </>
          )}
        </p>
      )}
      <ul class="list">
        {elections.map((one) => (
          <li key={one.election}>
            <a class="title" id={`election-${one.election}`} href={`#/election/${one.election}`}>
              {one.title}
            </a>{" "}
            <Phase phase={one.phase} />
            <p>
              {one.voters === null
                ? t("ballots_n", { n: one.ballots })
                : t("of_voters", { n: one.ballots, all: one.voters })}
              {one.contests > 1 && <> · {t("contests_n", { n: one.contests })}</>}
              {one.phase === "open" && (
                <>
                  {" "}
                  · {t("closes")}:{" "}
                  {one.closes_at === null ? t("by_hand") : <Time ms={one.closes_at} from />}
                </>
              )}
              {one.phase === "draft" && (
                <>
                  {" "}
                  · {t("opens")}:{" "}
                  {one.opens_at === null ? t("by_hand") : <Time ms={one.opens_at} from />}
                </>
              )}
            </p>
          </li>
        ))}
      </ul>
      {shown?.next && (
        <p>
          <button type="button" class="quiet" onClick={() => void more()}>
            {t("show_more")}
          </button>
        </p>
      )}
      <p class="hidden" role="status">
        {told}
      </p>
    </>
  );
}
