// Small pieces that screens share.

import type { ComponentChildren } from "preact";
import { useEffect, useErrorBoundary, useId, useRef, useState } from "preact/hooks";
import { renderSVG } from "uqr";
import { Refused, get, returns } from "./api";
import { Unsound } from "./encoding/signed";
import { hasText, language, t, time, utc } from "./texts";

export const short = (id: string) => id.slice(0, 16);

/** An id that can be copied whole. */
export function Id({ id, href }: { id: string; href?: string }) {
  const shown = <code title={id}>{short(id)}…</code>;
  return (
    <span class="id">
      {href ? <a href={href}>{shown}</a> : shown} <Copy text={id} what={short(id)} />
    </span>
  );
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [done, setDone] = useState(false);
  const copy = () =>
    void navigator.clipboard?.writeText(text).then(
      () => setDone(true),
      () => {},
    );
  return (
    <button
      type="button"
      class="quiet small"
      aria-label={`${t(done ? "copied" : "copy")}: ${what}`}
      onClick={copy}
    >
      {t(done ? "copied" : "copy")}
    </button>
  );
}

/** Lines for a terminal. */
export function Command({ lines }: { lines: string[] }) {
  return (
    <div class="command">
      <pre tabIndex={0} aria-label={t("command")}>
        <code>{lines.join("\n")}</code>
      </pre>
      <Copy text={lines.join("\n")} what={t("command")} />
    </div>
  );
}

/** All that the server has said, for other programs. */
export function Raw({ value }: { value: unknown }) {
  const [open, show] = useState(false);
  return (
    <details onToggle={(event) => show(event.currentTarget.open)}>
      <summary>{t("raw")}</summary>
      {open && (
        <pre tabIndex={0} aria-label={t("raw")}>
          <code>{JSON.stringify(value, null, 1)}</code>
        </pre>
      )}
    </details>
  );
}

export function Problem({ why }: { why: string | null }) {
  return <div role="alert">{why && <p class="problem">{why}</p>}</div>;
}

/** A screen, or why it cannot be shown: an answer of another form than this page knows ends a screen, not the page. */
export function Boundary({ children }: { children: ComponentChildren }) {
  const [error] = useErrorBoundary();
  return error ? <Problem why={t("unsound_said")} /> : <>{children}</>;
}

/** Why something was not done, for people. The sentence of the server is in English. */
export function reason(error: unknown): string {
  if (error instanceof Unsound) return t(`unsound_${error.fault}`);
  if (!(error instanceof Refused))
    return t("error", { reason: error instanceof Error ? error.message : String(error) });
  const known = `code_${error.code}`;
  return hasText(known)
    ? t(known, { reason: error.message })
    : t("error", { reason: error.message });
}

/** What is at a path, asked for again when `again` changes, and when the node is back. */
export function useGet<T>(
  path: string | null,
  again: unknown = null,
): { value: T | null; fault: string | null } {
  const [state, set] = useState<{ path: string | null; value: T | null; fault: string | null }>({
    path: null,
    value: null,
    fault: null,
  });
  const back = returns.use();
  useEffect(() => {
    let live = true;
    if (path) {
      get<T>(path).then(
        (value) => live && set({ path, value, fault: null }),
        // While the node is gone the banner says so, and what is shown stays.
        (error: Refused) =>
          live &&
          set((before) => ({
            path,
            value: before.path === path ? before.value : null,
            fault: error.code === "gone" ? null : reason(error),
          })),
      );
    }
    return () => void (live = false);
  }, [path, again, back]);
  return state.path === path ? state : { value: null, fault: null };
}

/** What comes of asking, asked again when `again` changes, and when the node is back; of nothing if there is nothing to ask. */
export function useAsked<T>(
  ask: (() => Promise<T>) | null | "" | undefined,
  again: unknown,
): { value: T | null; fault: string | null } {
  const [state, set] = useState<{ value: T | null; fault: string | null }>({
    value: null,
    fault: null,
  });
  const back = returns.use();
  useEffect(() => {
    let live = true;
    if (!ask) return set({ value: null, fault: null });
    // While the node is gone the banner says so, and what is shown stays.
    ask().then(
      (value) => live && set({ value, fault: null }),
      (error) =>
        live &&
        !(error instanceof Refused && error.code === "gone") &&
        set({ value: null, fault: reason(error) }),
    );
    return () => void (live = false);
  }, [again, back]);
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
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  return (
    <h1 tabIndex={-1} ref={heading}>
      {children}
    </h1>
  );
}

/** A heading within a screen that takes the focus when it comes up. */
export function Arrival({ children }: { children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <h3 tabIndex={-1} ref={heading}>
      {children}
    </h3>
  );
}

/** A time where the reader is, in UTC, and from now. */
export function Time({ ms, from }: { ms: number; from?: boolean }) {
  // A number can name a time that no calendar has.
  if (Number.isNaN(new Date(ms).getTime())) return <span>{ms}</span>;
  return (
    <time dateTime={new Date(ms).toISOString()}>
      {time(ms)}{" "}
      <span class="soft">
        ({utc(ms)}
        {from && `; ${away(ms)}`})
      </span>
    </time>
  );
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];

export function away(ms: number): string {
  const by = ms - Date.now();
  const [unit, size] = UNITS.find(([, size]) => Math.abs(by) >= size) ?? ["second", 1000];
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(
    Math.round(by / size),
    unit,
  );
}

export function save(name: string, bytes: Uint8Array | string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes as BlobPart]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function Phase({ phase }: { phase: "draft" | "open" | "closed" | "cancelled" }) {
  return <span class={`phase ${phase}`}>{t(phase)}</span>;
}

/** A table that may be wider than the screen: it scrolls by itself, also with the keyboard. */
export function Wide({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  );
}

interface FieldProps {
  label: string;
  hint?: string;
  children: (ids: { id: string; "aria-describedby": string | undefined }) => ComponentChildren;
}

/** A label, its control, and a hint that is read with it. */
export function Field({ label, hint, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": hint ? `${id}-hint` : undefined })}
      {hint && <small id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}

interface TextProps {
  label: string;
  hint?: string;
  value: string;
  say: (text: string) => void;
  rows?: number;
  required?: boolean;
  type?: "search" | "number" | "datetime-local";
  autocomplete?: string;
  min?: number;
  max?: number;
}

/** A field for text, a number, or a time. */
export function Text({ label, hint, value, say, rows, ...more }: TextProps) {
  return (
    <Field label={label} {...(hint ? { hint } : {})}>
      {(ids) =>
        rows ? (
          <textarea
            {...ids}
            rows={rows}
            value={value}
            spellcheck={false}
            onInput={(event) => say(event.currentTarget.value)}
          />
        ) : (
          <input
            {...ids}
            {...(more as object)}
            value={value}
            spellcheck={false}
            onInput={(event) => say(event.currentTarget.value)}
          />
        )
      }
    </Field>
  );
}

export function Choice<T extends string>({
  label,
  hint,
  value,
  say,
  options,
}: {
  label: string;
  hint?: string;
  value: T;
  say: (to: T) => void;
  options: [T, string][];
}) {
  return (
    <Field label={label} {...(hint ? { hint } : {})}>
      {(ids) => (
        <select {...ids} value={value} onChange={(event) => say(event.currentTarget.value as T)}>
          {options.map(([to, name]) => (
            <option key={to} value={to}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function Tick({
  label,
  on,
  say,
}: {
  label: string;
  on: boolean;
  say: (on: boolean) => void;
}) {
  return (
    <label class="option">
      <input type="checkbox" checked={on} onChange={(event) => say(event.currentTarget.checked)} />{" "}
      {label}
    </label>
  );
}

/** A file; of one with more than so many bytes, one byte more than that is read. */
export function FileField({
  label,
  hint,
  bytes = 1 << 26,
  read,
}: {
  label: string;
  hint?: string;
  bytes?: number;
  read: (bytes: Uint8Array) => void;
}) {
  const chosen = async (event: Event) => {
    const file = (event.currentTarget as HTMLInputElement).files?.[0];
    if (file) read(new Uint8Array(await file.slice(0, bytes + 1).arrayBuffer()));
  };
  return (
    <Field label={label} {...(hint ? { hint } : {})}>
      {(ids) => <input {...ids} type="file" onChange={chosen} />}
    </Field>
  );
}
