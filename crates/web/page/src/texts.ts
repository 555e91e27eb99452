// What the page says, in the language that its reader has chosen: each language is a file of `texts/`.

import { de } from "./texts/de";
import { type Catalogue, type Name, en } from "./texts/en";
import { es } from "./texts/es";
import { fr } from "./texts/fr";

export type { Name };

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español" };
export type Language = keyof typeof LANGUAGES;

export const TEXTS: Record<Language, Catalogue> = { en, de, fr, es };

export const hasText = (name: string): name is Name => Object.hasOwn(en, name);

const isLanguage = (text: string | null): text is Language =>
  text !== null && Object.hasOwn(LANGUAGES, text);

function chosen(): Language {
  const stored = localStorage.getItem("language");
  if (isLanguage(stored)) return stored;
  return navigator.languages.map((code) => code.slice(0, 2)).find(isLanguage) ?? "en";
}

export const language: Language = chosen();
/** Of all languages that there are so far. A catalogue that is written from right to left says so here. */
export const direction: "ltr" | "rtl" = "ltr";

export function setLanguage(to: Language): void {
  localStorage.setItem("language", to);
  location.reload();
}

export const number = (n: number): string => n.toLocaleString(language);

const plural = new Intl.PluralRules(language);

/** What the page says, with its gaps filled. */
export function t(name: Name, gaps: Record<string, string | number> = {}): string {
  const [one, more = one] = TEXTS[language][name].split("|");
  const text = plural.select(Number(gaps["n"])) === "one" ? one! : more!;
  return text.replace(/\{(\w+)\}/g, (_, gap: string) => {
    const value = gaps[gap] ?? "";
    return typeof value === "number" ? number(value) : value;
  });
}

/** A time where the reader is. */
export const time = (ms: number): string =>
  new Date(ms).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });

export const utc = (ms: number): string =>
  Number.isFinite(ms) ? `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC` : "";
