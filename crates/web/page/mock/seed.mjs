// Elections to look at: one of each kind and phase.

import { createHash } from "node:crypto";

const id = (text) => createHash("sha256").update(text).digest("hex");
// Of the voter code 000G-40R4-0M30-E209-185G-R38E-1XM9-HF0P.
const CODE_KEY = "95daf89d78f8fba0736031aefeeff0337ceaa29d72c810567f5fd148bb6fd2c8";

const plain = { title: "", choices: ["Soup", "Pasta", "Salad"], rule: "plurality", seats: 1, min: 1, max: 1, abstention: false, majority: null, shuffle: false };
const people = ["Ada Lovelace", "Grace Hopper", "Joan Clarke", "Katherine Johnson", "Mary Jackson"];

export function seed(world) {
  const start = Date.now() - 3 * 86_400_000;
  let at = start;
  const add = (name, more, ballots = [], roll = []) => {
    const election = id(name);
    at += 60_000;
    const base = {
      election, title: name, description: "", organiser: id("organiser"), created_at: at, opens_at: at, closes_at: null, cancelled_at: null, voters: "anyone", revotes: 0, results: "live",
      tie_break: "", quorum: null, contests: [plain], roll: new Map(roll), cast: new Map(), log: [], ...more,
    };
    world.elections.set(election, base);
    world.block(at, [{ id: election, kind: "create election", what: name, signer: base.organiser, election }]);
    ballots.forEach((selections, n) => {
      const [ballot, signer] = [id(`${name} ballot ${n}`), roll[n]?.[0] ?? id(`${name} voter ${n}`)];
      at += 1_500;
      base.cast.set(signer, { transaction: ballot, height: world.blocks.length + 1, counter: 0, name: `Voter ${n + 1}`, selections });
      world.ballots.set(ballot, { ballot, height: world.blocks.length + 1, election, counter: 0, superseded_by: null });
      world.block(at, [{ id: ballot, kind: "ballot", what: `in ${election.slice(0, 16)} by Voter ${n + 1}`, signer, election }]);
    });
    return base;
  };
  const roll = [[CODE_KEY, 1], ...Array.from({ length: 11 }, (_, n) => [id(`voter ${n}`), 1])];

  add("Burgomaster 2025", { closes_at: start + 86_400_000, contests: [{ ...plain, choices: people, rule: "irv", min: 0, max: 5 }] },
    [[[4, [[0], [1]]]], [[4, [[0], [2]]]], [[4, [[1], [0]]]], [[4, [[1], [2]]]], [[4, [[2], [1]]]], [[4, [[3], [1]]]], [[4, [[4], [0]]]]]);
  add("Colour of the new logo", { closes_at: start + 86_400_000, contests: [{ ...plain, choices: ["Blue", "Green", "Orange"], rule: "schulze", min: 0, max: 3 }] },
    [[[4, [[0], [1], [2]]]], [[4, [[1], [0]]]], [[4, [[2], [1]]]], [[4, [[1], [0, 2]]]]]);
  add("Summer party", { cancelled_at: start + 7_200_000 });
  add("Budget for next year", { voters: "weighted roll", opens_at: null, quorum: { numerator: 1, denominator: 3, more: false } }, [], [[CODE_KEY, 12], [id("voter 0"), 5]]);
  add("Chair of the board", { voters: "roll", results: "at closing", quorum: { numerator: 1, denominator: 2, more: true }, closes_at: Date.now() + 5 * 86_400_000, contests: [{ ...plain, choices: people.slice(0, 3), abstention: true }] },
    [[[0, 0]], [[0, 2]], [5]], roll.slice(1));
  add("General assembly", {
    description: "The board for the next two years, and what else there is to decide.\nBring your own cup.", voters: "roll", revotes: 2, quorum: { numerator: 1, denominator: 4, more: false },
    closes_at: Date.now() + 2 * 86_400_000,
    contests: [
      { ...plain, title: "Treasurer", choices: people.slice(0, 3), abstention: true, shuffle: true },
      { ...plain, title: "Board", choices: people, rule: "stv", seats: 2, min: 1, max: 5, abstention: true, shuffle: true },
      { ...plain, title: "Courses", choices: ["First aid", "Welding", "Rust", "Singing"], rule: "approval", seats: 2, min: 1, max: 2 },
      { ...plain, title: "Films", choices: ["Metropolis", "Alien", "Amélie"], rule: "score", min: 0, max: 3 },
      { ...plain, title: "Buy the printer?", choices: ["Yes", "No"], rule: "yes-no", abstention: true, majority: { numerator: 2, denominator: 3, more: false, base: "votes" } },
      { ...plain, title: "Name of the cat", choices: null, abstention: true },
    ],
  }, [[[0, 1], [4, [[1], [0]]], [2, [0, 2]], [3, [7, 9, 3]], [0, 0], [1, "Byte"]], [[0, 0], [4, [[2], [3]]], [2, [2]], [3, [2, 10, 8]], [0, 1], 5], [5, 5, [2, [1, 2]], [3, [0, 4, 10]], [0, 0], [1, "Byte"]]], roll.slice(1));
  const assembly = world.elections.get(id("General assembly"));
  assembly.roll = new Map(roll);
  assembly.log.push({ height: world.blocks.length, time: at, transaction: id("add"), act: "add-voters", what: "12 voters with 12 votes added to the roll" }, { height: world.blocks.length, time: at, transaction: id("open"), act: "open", what: "opened" });
  add("What is for lunch?", { revotes: 1 }, [[[0, 1]], [[0, 1]], [[0, 2]]]);
}
