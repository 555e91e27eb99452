// @vitest-environment happy-dom

import { expect, test } from "vitest";
import ties from "../../../../testdata/ties.json";
import type { Tie } from "./api";
import { tieWords } from "./screens/results";

test("a tie is said in the words of the server, whatever kind it is", () => {
  for (const tie of ties as Tie[]) expect(tieWords(tie)).toBe(tie.says);
});
