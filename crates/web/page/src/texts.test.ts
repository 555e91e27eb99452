import { expect, test, vi } from "vitest";

vi.stubGlobal("localStorage", { getItem: () => "en" });
const { TEXTS } = await import("./texts");

test("every text is there in every language, with the same gaps", () => {
  const gaps = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort();
  const names = Object.keys(TEXTS.en).sort();
  for (const catalogue of Object.values(TEXTS)) {
    expect(Object.keys(catalogue).sort()).toEqual(names);
    for (const [name, text] of Object.entries(catalogue)) {
      expect(text.trim(), name).not.toBe("");
      expect(gaps(text), `${name}: ${text}`).toEqual(gaps(TEXTS.en[name as keyof typeof TEXTS.en]));
      // One or more of a number: no third form, and none is empty.
      expect(
        text.split("|").every(Boolean) && text.split("|").length <= 2,
        `${name}: ${text}`,
      ).toBe(true);
    }
  }
});
