// Small pieces that screens share.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { renderSVG } from "uqr";
import { Refused, get } from "./api";
import { t } from "./texts";

export const short = (id: string) => id.slice(0, 16);

/** An id that can be copied whole. */
export function Id({ id, href }: { id: string; href?: string }) {
  const [done, setDone] = useState(false);
  const copy = () => void navigator.clipboard?.writeText(id).then(() => setDone(true));
  return (
    <span class="id">
      {href ? <a href={href}><code>{short(id)}</code></a> : <code>{short(id)}</code>}
      <button type="button" class="quiet" aria-label={`${t("copy")} ${short(id)}`} onClick={copy}>{done ? t("copied") : t("copy")}</button>
    </span>
  );
}

export function Problem({ why }: { why: string | null }) {
  return <p class="problem" role="alert">{why ? t("error", { reason: why }) : ""}</p>;
}

export const reason = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** What is at a path, asked for again when `again` changes. */
export function useGet<T>(path: string | null, again: unknown = null): { value: T | null; fault: string | null } {
  const [state, set] = useState<{ value: T | null; fault: string | null }>({ value: null, fault: null });
  useEffect(() => {
    let live = true;
    if (path) {
      get<T>(path).then(
        (value) => live && set({ value, fault: null }),
        // While the node is gone the banner says so, and what is shown stays.
        (error: Refused) => live && set((before) => ({ value: before.value, fault: error.code === "gone" ? null : reason(error) })),
      );
    }
    return () => void (live = false);
  }, [path, again]);
  return state;
}

export function Qr({ text, label }: { text: string; label: string }) {
  const svg = renderSVG(text, { ecc: "Q", border: 3 });
  return <img class="qr" alt={label} src={`data:image/svg+xml;utf8,${encodeURIComponent(svg)}`} />;
}

/** A heading that takes the focus when its screen comes up, so that whoever hears the page knows where they are. */
export function Heading({ children }: { children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${heading.current?.textContent ?? ""} · ${t("title")}`;
    heading.current?.focus();
  }, []);
  return <h1 tabIndex={-1} ref={heading}>{children}</h1>;
}

export function save(name: string, bytes: Uint8Array | string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes as BlobPart]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
