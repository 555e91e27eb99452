// Counts, roughly: enough to look at. What it gets right is the shape of results; the rules of counting are the node's.

const names = (contest) => contest.choices ?? [];

function sums(contest, ballots) {
  const votes = new Map(names(contest).map((name) => [name, 0]));
  const add = (name, n) => votes.set(name, (votes.get(name) ?? 0) + n);
  for (const { selection: [kind, what], weight } of ballots) {
    if (kind === 0) add(contest.choices[what], weight);
    if (kind === 1) add(what, weight);
    if (kind === 2) what.forEach((place) => add(contest.choices[place], weight));
    if (kind === 3) what.forEach((score, place) => add(contest.choices[place], weight * score));
    if (kind === 4 && what[0]) what[0].forEach((place) => what[0].length === 1 && add(contest.choices[place], weight));
  }
  return [...votes].map(([choice, votes]) => ({ choice, votes }));
}

function runoff(contest, ballots) {
  const left = new Set(contest.choices.keys());
  const rounds = [];
  for (;;) {
    const votes = new Map([...contest.choices.keys()].map((place) => [place, 0]));
    let exhausted = 0;
    for (const { selection: [, ranks], weight } of ballots) {
      const first = ranks.map((rank) => rank.filter((place) => left.has(place))).find((rank) => rank.length);
      if (first?.length === 1) votes.set(first[0], votes.get(first[0]) + weight);
      else exhausted += weight;
    }
    const all = [...left].sort((a, b) => votes.get(b) - votes.get(a) || a - b);
    const said = Object.fromEntries(contest.choices.map((name, place) => [name, votes.get(place)]));
    const total = all.reduce((sum, place) => sum + votes.get(place), 0);
    if (left.size <= contest.seats || (contest.seats === 1 && votes.get(all[0]) * 2 > total)) {
      const won = all.slice(0, contest.seats).map((place) => contest.choices[place]);
      rounds.push({ votes: said, exhausted, actions: [`elected: ${won.join(", ")}`] });
      return { rounds, won, quota: contest.rule === "irv" ? null : Math.floor(total / (contest.seats + 1)) + 1 };
    }
    const out = all.at(-1);
    left.delete(out);
    rounds.push({ votes: said, exhausted, actions: [`${contest.choices[out]} is excluded`] });
  }
}

function pairwise(contest, ballots) {
  const n = contest.choices.length;
  const wins = Array.from({ length: n }, () => Array(n).fill(0));
  for (const { selection: [, ranks], weight } of ballots) {
    const rank = (place) => { const at = ranks.findIndex((some) => some.includes(place)); return at < 0 ? n : at; };
    for (let a = 0; a < n; a++) for (let b = 0; b < n; b++) if (rank(a) < rank(b)) wins[a][b] += weight;
  }
  return wins;
}

const reached = (share, votes, of) => (share.more ? votes * share.denominator > of * share.numerator : votes * share.denominator >= of * share.numerator);

export const check = (share, votes, of) => share && { share: `${share.more ? "more than" : "at least"} ${share.numerator}/${share.denominator}`, votes, of, reached: reached(share, votes, of) };

export function counted(contest, ballots, rollVotes, over) {
  const cast = ballots.filter(({ selection }) => Array.isArray(selection));
  const sum = (some) => some.reduce((total, { weight }) => total + weight, 0);
  const counts = sums(contest, cast).sort((a, b) => (contest.choices ? 0 : b.votes - a.votes || (a.choice < b.choice ? -1 : 1)));
  const [votes, ranked] = [sum(cast), [...counts].sort((a, b) => b.votes - a.votes)];
  const most = ranked[0]?.votes ?? 0;
  const result = {
    title: contest.title, rule: contest.rule, seats: contest.seats, votes, abstentions: sum(ballots) - votes, counts, other_choices: 0, other_votes: 0,
    leaders: votes ? ranked.filter((row, at) => (contest.seats === 1 ? row.votes === most : at < contest.seats)).map(({ choice }) => choice) : [],
    majority: null, decided: false, complete: true,
  };
  if (["irv", "stv", "meek", "schulze", "borda"].includes(contest.rule) && votes) {
    const { rounds, won, quota } = runoff(contest, cast);
    Object.assign(result, { leaders: won, rounds: ["schulze", "borda"].includes(contest.rule) ? [] : rounds, quota, ties: [], pairwise: contest.rule === "schulze" ? pairwise(contest, cast) : null });
  }
  if (contest.rule === "yes-no" && votes) result.leaders = [contest.choices[reached(contest.majority, counts[0].votes, contest.majority.base === "roll" ? rollVotes : votes) ? 0 : 1]];
  if (contest.majority) {
    const for_ = contest.rule === "yes-no" ? counts[0].votes : most;
    result.majority = check(contest.majority, for_, contest.majority.base === "roll" ? rollVotes : votes);
  }
  result.tie = result.leaders.length > contest.seats;
  result.decided = over && votes > 0 && !result.tie && (contest.rule === "yes-no" || result.majority?.reached !== false);
  return result;
}
