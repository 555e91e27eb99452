import { expect, test, vi } from "vitest";

vi.stubGlobal("localStorage", { getItem: () => "en" });
const { LANGUAGES, TEXTS } = await import("./texts");

test("every text is there in every language, with the same gaps", () => {
  const gaps = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort();
  for (const [name, row] of Object.entries(TEXTS)) {
    expect(row, name).toHaveLength(Object.keys(LANGUAGES).length);
    for (const text of row) {
      expect(text.trim(), name).not.toBe("");
      expect(gaps(text), `${name}: ${text}`).toEqual(gaps(row[0]));
      // One or more of a number: no third form, and none is empty.
      expect(
        text.split("|").every(Boolean) && text.split("|").length <= 2,
        `${name}: ${text}`,
      ).toBe(true);
    }
  }
});
