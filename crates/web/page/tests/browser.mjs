// The page in a real browser, by what people see of it: roles and labels alone. `npm run browser`
// starts a network for it, and ends it.
//
// BOOTH_PROGRAMS the folder of the network's programs; ../../../target/debug if not set BOOTH_DIST
// a folder, such as ../dist: its files take the place of those that the server has in it CHROMIUM
// the browser; /usr/bin/chromium if not set

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";
import { start } from "./network.mjs";

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** How long something may take to be final. */
const FINAL_MS = 30_000;

let browser, network, url, base;
const run = Date.now().toString(36);

before(async () => {
  network = await start();
  url = network.url;
  base = url.split("#")[0];
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ARGS,
  });
});

after(async () => {
  await browser?.close();
  await network?.stop();
});

/** A browser of somebody's own: other keys, nothing remembered. */
async function person(options = {}) {
  const context = await browser.newContext({
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    ...options,
  });
  context.setDefaultTimeout(10_000);
  if (process.env.BOOTH_DIST) {
    for (const [path, type] of [
      ["", "text/html"],
      ["app.js", "text/javascript"],
      ["app.css", "text/css"],
    ]) {
      await context.route(base + path, async (route) => {
        const policy = (await fetch(base + path)).headers.get("content-security-policy");
        const body = readFileSync(`${process.env.BOOTH_DIST}/${path || "index.html"}`);
        await route.fulfill({
          body,
          headers: { "content-security-policy": policy, "content-type": type },
        });
      });
    }
  }
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on(
    "console",
    (said) => /Content Security Policy/.test(said.text()) && page.faults.push(said.text()),
  );
  await page.goto(url);
  await page.getByRole("heading", { level: 1, name: "Elections" }).waitFor();
  assert.ok(!page.url().includes("token"), "the token is taken out of the address");
  return page;
}

/** Answers are the node's own again. One that is being changed is waited for: it could be given to nobody otherwise. */
const honest = (page) => page.unrouteAll({ behavior: "wait" });

const done = async (page) => {
  assert.deepEqual(page.faults, []);
  await honest(page);
  await page.context().close();
};

const go = async (page, path) => {
  if (page.url() !== base + path) await page.goto(base + path);
};

const button = (page, name) => page.getByRole("button", { name, exact: true });

async function signIn(page, name) {
  await page.getByRole("link", { name: "Sign in" }).first().click();
  await page.getByLabel("Your name").fill(name);
  await button(page, "Sign in").click();
  await page.getByRole("link", { name: `Signed in as ${name}` }).waitFor();
}

/** Creates an election with the form; gives the path of its page. */
async function create(
  page,
  {
    title,
    contests,
    voters = "anyone, one ballot for each key",
    revotes = 0,
    results,
    quorum,
    names,
  },
) {
  await go(page, "#/organise");
  await page.getByRole("heading", { name: "New election" }).waitFor();
  await page.getByLabel("Title", { exact: true }).fill(title);
  await page.getByLabel("Who may vote").selectOption(voters);
  await page.getByLabel("How often a ballot can be replaced").fill(String(revotes));
  if (results) await page.getByLabel("When the count is shown").selectOption({ index: 1 });
  if (names) await page.getByLabel("Voting is by name").check();
  if (quorum) await page.getByLabel("Quorum").selectOption(quorum);
  for (const [at, one] of contests.entries()) {
    if (at) await button(page, "Add a contest").click();
    const form = page.getByRole("group", { name: `Contest ${at + 1}`, exact: true });
    await form.getByLabel("Choices", { exact: true }).fill((one.choices ?? []).join("\n"));
    if (one.rule) await form.getByLabel("Counted by").selectOption(one.rule);
    if (one.seats) await form.getByLabel("Seats").fill(String(one.seats));
    if (one.max) await form.getByLabel("At most so many choices").fill(String(one.max));
    if (one.min) await form.getByLabel("At least so many choices").fill(String(one.min));
    if (one.abstain) await form.getByLabel("Voters can abstain").check();
  }
  for (const [at, one] of contests.entries()) {
    if (contests.length > 1)
      await page
        .getByRole("group", { name: `Contest ${at + 1}`, exact: true })
        .getByLabel("Contest's title")
        .fill(one.title);
  }
  await button(page, "Preview").click();
  await button(page, "Put it on the ledger").click();
  await page
    .getByRole("heading", { level: 1, name: title, exact: true })
    .waitFor({ timeout: FINAL_MS });
  return new URL(page.url()).hash;
}

const lunch = (more = {}) => ({
  title: `Lunch ${run} ${Math.random().toString(36).slice(2, 6)}`,
  contests: [{ choices: ["Soup", "Pasta", "Salad"] }],
  ...more,
});

const row = (page, name) =>
  page
    .getByRole("region", { name: /^Result/ })
    .getByRole("row", { name })
    .first();

/** Votes of a choice, once they are so many. */
const votes = (page, name, n) =>
  row(page, name)
    .getByRole("cell", { name: String(n), exact: true })
    .first()
    .waitFor({ timeout: FINAL_MS });

async function cast(page) {
  await button(page, "Review my ballot").click();
  await page.getByRole("heading", { name: "Review your ballot" }).waitFor();
  await button(page, "Cast my vote").click();
  await page.getByRole("heading", { name: "Your receipt" }).waitFor({ timeout: FINAL_MS });
}

/** Something, once it has the focus. */
async function focused(target) {
  for (let n = 0; n < 50; n++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await target.page().waitForTimeout(100);
  }
  assert.fail(`without the focus: ${target}`);
}

const says = (page, text) =>
  page.getByRole("status").filter({ hasText: text }).first().waitFor({ timeout: FINAL_MS });

test("vote with the mouse; the tally changes in a second page; nothing is asked in between", async () => {
  const [ada, watcher] = [await person(), await person()];
  const path = await create(ada, lunch());
  await signIn(ada, "Ada");
  await go(watcher, path);
  await votes(watcher, /^Pasta/, 0);
  await go(ada, path);
  await ada.getByRole("radio", { name: "Pasta" }).waitFor();
  await says(ada, "Not cast yet");
  const asked = [];
  const note = (request) => asked.push(request.url());
  ada.on("request", note);
  await ada.getByRole("radio", { name: "Pasta" }).check();
  await button(ada, "Review my ballot").click();
  await ada.getByRole("heading", { name: "Review your ballot" }).waitFor();
  assert.deepEqual(
    asked,
    [],
    "between opening the ballot and casting it, the network is not asked anything",
  );
  ada.off("request", note);
  await says(ada, "Not cast yet");
  await button(ada, "Cast my vote").click();
  await says(ada, /Cast, final in block \d+/);
  await votes(watcher, /^Pasta/, 1);
  await votes(ada, /^Pasta/, 1);
  await ada.getByText("You have voted, and the ballot cannot be replaced.").waitFor();
  await done(ada);
  await done(watcher);
});

test("a second vote with one key is refused, and says why", async () => {
  const ada = await person();
  const path = await create(ada, lunch());
  await signIn(ada, "Ada");
  // The same key in another browser.
  const again = await person({ storageState: await ada.context().storageState() });
  for (const [page, choice] of [
    [ada, "Soup"],
    [again, "Pasta"],
  ]) {
    await go(page, path);
    await page.getByRole("radio", { name: choice }).check();
  }
  await cast(ada);
  await button(again, "Review my ballot").click();
  await button(again, "Cast my vote").click();
  await again
    .getByRole("alert")
    .filter({ hasText: "Your ballot was not taken" })
    .waitFor({ timeout: FINAL_MS });
  await votes(again, /^Soup/, 1);
  await votes(again, /^Pasta/, 0);
  await done(ada);
  await done(again);
});

test("a ballot is replaced as often as the rules allow", async () => {
  const ada = await person();
  const path = await create(ada, lunch({ revotes: 1 }));
  await signIn(ada, "Ada");
  await go(ada, path);
  await ada.getByRole("radio", { name: "Soup" }).check();
  await cast(ada);
  await button(ada, "Replace my ballot").click();
  await ada.getByRole("radio", { name: "Salad" }).check();
  await cast(ada);
  await ada.getByText("It replaces your earlier ballot.").waitFor();
  await votes(ada, /^Salad/, 1);
  await votes(ada, /^Soup/, 0);
  await ada.getByText("You have voted, and the ballot cannot be replaced.").waitFor();
  assert.equal(await button(ada, "Replace my ballot").count(), 0);
  await done(ada);
});

test("a ballot that was filled in when its election ended is said not to be cast, also on other screens", async () => {
  const [organiser, ada] = [await person(), await person()];
  await signIn(ada, "Ada");
  for (const how of ["closed", "was cancelled"]) {
    const path = await create(organiser, lunch());
    await go(ada, path);
    await ada.getByRole("radio", { name: "Soup" }).check();
    if (how === "closed") {
      await button(ada, "Review my ballot").click();
      await ada.getByRole("heading", { name: "Review your ballot" }).waitFor();
      await button(organiser, "Close now").click();
    } else {
      await organiser.getByText("Cancel the election").first().click();
      await organiser
        .getByRole("group")
        .filter({ hasText: "Cancel the election" })
        .getByLabel("Reason, for everybody to read")
        .fill("typo");
      await button(organiser, "Cancel the election").click();
    }
    const words = `Not cast: the election ${how} before you cast your ballot`;
    await ada.getByRole("alert").filter({ hasText: words }).waitFor({ timeout: FINAL_MS });
    await go(ada, "#/network");
    await says(ada, words);
    await go(ada, path);
    await ada.getByRole("alert").filter({ hasText: words }).waitFor();
  }
  await done(organiser);
  await done(ada);
});

test("while a count is withheld a voter sees their own ballot, and nobody another's", async () => {
  const [organiser, ada] = [await person(), await person()];
  const path = await create(organiser, lunch({ results: true }));
  await signIn(ada, "Ada");
  await go(ada, path);
  await ada.getByRole("radio", { name: "Salad" }).check();
  await cast(ada);
  const words = ada.getByRole("region", { name: "What the ballot says" });
  await words.getByText("Salad").waitFor();
  const ballot = await ada
    .getByRole("region", { name: "Your receipt" })
    .getByRole("link")
    .first()
    .getAttribute("href");
  const withheld = "what this ballot says is shown once it has closed";
  for (const at of [path, ballot]) {
    await go(organiser, at);
    await organiser
      .getByText(at === path ? "show the count once it has closed" : withheld)
      .waitFor();
  }
  assert.equal(await organiser.getByRole("link", { name: "Download the archive" }).count(), 0);
  // Once Ada has left, nothing but the receipt's file has it; also for whoever is at her browser
  // next.
  await ada.getByRole("link", { name: "Signed in as Ada" }).click();
  await button(ada, "Sign out").click();
  await go(ada, ballot);
  await ada.getByText(withheld).waitFor();
  await signIn(ada, "Ada");
  await go(ada, path);
  await ada.getByText(withheld).waitFor();
  await go(organiser, path);
  await button(organiser, "Close now").click();
  await votes(organiser, /^Salad/, 1);
  await words.getByText("Salad").waitFor({ timeout: FINAL_MS });
  await organiser.getByRole("link", { name: "Download the archive" }).waitFor();
  await done(organiser);
  await done(ada);
});

const rules = [
  { title: "Treasurer", choices: ["Ada", "Grace", "Joan"], abstain: true },
  { title: "Board", choices: ["Kim", "Lee", "Max", "Noa"], rule: "stv", seats: 2, min: 1 },
  { title: "Courses", choices: ["First aid", "Welding", "Rust"], rule: "approval", max: 2, min: 1 },
  { title: "Films", choices: ["Metropolis", "Alien"], rule: "score" },
  { title: "Printer", choices: ["Yes", "No"], rule: "yes-no" },
  { title: "Logo", choices: ["Blue", "Green", "Orange"], rule: "schulze" },
  { title: "Cat", choices: [], abstain: true },
];

async function fill(page) {
  const contest = (name) => page.getByRole("group", { name, exact: true });
  await contest("Treasurer").getByRole("radio", { name: "Abstain" }).check();
  await button(contest("Board"), "Move Noa up").click();
  await button(contest("Board"), "Move Kim up").click();
  await button(contest("Board"), "Move Kim up").click();
  await contest("Board").getByLabel("Rank of Lee").selectOption("2");
  await contest("Courses").getByRole("checkbox", { name: "Rust" }).check();
  await contest("Films").getByLabel("Alien").selectOption("9");
  await contest("Printer").getByRole("radio", { name: "Yes" }).check();
  await contest("Logo").getByLabel("Rank of Green").selectOption("1");
  await contest("Cat").getByLabel("Your choice").fill("Byte");
}

test("a voter code votes in an election with a roll, by every kind of rule; others may not", async () => {
  const organiser = await person();
  const title = `Assembly ${run}`;
  const path = await create(organiser, {
    title,
    contests: rules,
    voters: "those on a roll, one vote each",
    quorum: "at least 1/3",
  });
  await organiser.getByLabel("Voters", { exact: true }).fill("Ada\nGrace\nAda,0");
  await organiser
    .getByRole("alert")
    .filter({ hasText: 'Line 3: the weight "0" is not a whole number' })
    .waitFor();
  await organiser.getByLabel("Voters", { exact: true }).fill("Ada\nGrace");
  await button(organiser, "Add to the roll").click();
  await says(organiser, "1 of 1 acts are final.");
  const saved = organiser.waitForEvent("download");
  await button(organiser, "Download the codes (secret)").click();
  const file = readFileSync(await (await saved).path(), "utf8");
  const code = /^,Ada,,,1,[0-9a-f]{64},(.+)$/m.exec(file)[1];
  // The same people again get no other code: neither those of this page, nor those whose keys the
  // list brings.
  await organiser.getByLabel("Voters", { exact: true }).fill("ada\nGrace");
  await organiser.getByText("2 voters; 0 voter codes are made.").waitFor();
  await organiser
    .getByText("2 have a code that was made here, keep it, and get no other.")
    .waitFor();
  await organiser
    .getByLabel("Or from a file")
    .setInputFiles({ name: "voters.csv", mimeType: "text/csv", buffer: Buffer.from(file) });
  await organiser.getByText('column 7, "code", is not read').waitFor();
  await organiser.getByText("2 voters; 0 voter codes are made.").waitFor();
  await organiser.getByLabel("Voters", { exact: true }).fill("");
  await button(organiser, "Show the cards").click();
  await organiser.getByRole("listitem").filter({ hasText: code }).waitFor();

  const ada = await person();
  await go(ada, path);
  await ada.getByRole("link", { name: "Sign in" }).last().click();
  await ada.getByLabel("With a voter code").check();
  await ada
    .getByLabel("Voter code", { exact: true })
    .fill(code.slice(0, -1) + (code.endsWith("7") ? "8" : "7"));
  await button(ada, "Sign in").click();
  await ada.getByRole("alert").filter({ hasText: "mistyped" }).waitFor();
  await ada.getByLabel("Voter code", { exact: true }).fill(code.toLowerCase().replaceAll("-", " "));
  await button(ada, "Sign in").click();
  await ada.getByText("Not yet: it has not opened.").waitFor();
  await button(organiser, "Open now").click();
  await says(organiser, "1 of 1 acts are final.");
  await ada.getByRole("group", { name: "Treasurer", exact: true }).waitFor({ timeout: FINAL_MS });

  await button(ada, "Review my ballot").click();
  await ada.getByRole("alert").filter({ hasText: "contests are not answered" }).waitFor();
  await fill(ada);
  await button(ada, "Review my ballot").click();
  const review = ada.getByRole("region", { name: "Review your ballot" });
  for (const line of [
    "Abstain",
    "1. Kim",
    "2. Lee = Noa",
    "Rust",
    "Alien: 9",
    "Yes",
    "1. Green",
    "Byte",
  ])
    await review.getByText(line, { exact: true }).waitFor();
  await review.getByText("ballots are open").waitFor();
  await button(ada, "Cast my vote").click();
  await says(ada, /Cast, final in block \d+/);
  await ada.getByText("1 of 2 voters have voted").waitFor();
  await votes(ada, /^Byte/, 1);
  await ada
    .getByText("The quorum (at least 1/3 of the roll's votes) is reached: 1 of 2.")
    .waitFor();

  const eve = await person();
  await signIn(eve, "Eve");
  await go(eve, path);
  await eve.getByText("No: you are not on the roll.").waitFor();
  assert.equal(await button(eve, "Review my ballot").count(), 0);

  await button(organiser, "Close now").click();
  await organiser
    .getByText("It is over: nothing more can be done to it.")
    .waitFor({ timeout: FINAL_MS });
  await ada.getByText("Byte has won.").waitFor({ timeout: FINAL_MS });
  for (const page of [organiser, ada, eve]) await done(page);
});

test("rules and results say what holds: ties, what the bars are, and counts that were cut or not made", async () => {
  const page = await person();
  const ranked = { title: "Board", choices: ["Kim", "Lee"], rule: "irv" };
  const plain = { title: "Treasurer", choices: ["Ada", "Grace"] };
  const rules = page.getByRole("region", { name: "The rules of this vote" });
  await create(page, lunch({ contests: [plain] }));
  await rules
    .getByText("By plurality, several with the most votes are a tie, and stay one.", {
      exact: true,
    })
    .waitFor();
  await create(page, lunch({ contests: [{ choices: ["Yes", "No"], rule: "yes-no" }] }));
  await rules.getByText("The count").waitFor();
  await rules
    .getByText(
      "By yes or no there are no ties: the first choice has its majority, or it has not.",
      { exact: true },
    )
    .waitFor();
  const path = await create(
    page,
    lunch({
      contests: [
        ranked,
        plain,
        { ...ranked, title: "Cook", rule: "approval" },
        { ...ranked, title: "Film", rule: "score" },
      ],
    }),
  );
  await rules
    .getByText(
      /else a lot decides\. By plurality, several .* By approval, a tie for a seat is broken by lot\. By score, .* Lots are drawn from the election's id\./,
    )
    .waitFor();
  for (const [name, heading] of [
    ["Board", "First preferences"],
    ["Treasurer", "Votes"],
    ["Cook", "Approvals"],
    ["Film", "Points"],
  ]) {
    await page
      .getByRole("table", { name, exact: true })
      .getByRole("columnheader", { name: heading, exact: true })
      .waitFor();
  }
  // No ballots that people fill in get so far: the answer of the node is changed.
  await page.route(/\/live$/, (route) => route.abort());
  await page.route(`**/api/elections/${path.split("/").at(-1)}`, async (route) => {
    const answer = await (await route.fetch()).json();
    const [cut, late] = answer.result.contests;
    Object.assign(cut, {
      votes: 3,
      leaders: ["Kim"],
      outcome_cut: true,
      rounds: [],
      pairwise: null,
      ties: [],
    });
    Object.assign(late, { complete: false, counts: [], leaders: [] });
    await route.fulfill({ json: answer });
  });
  await page.reload();
  await page.getByText("Rounds, pairs and ties are too many to be shown here").waitFor();
  assert.equal(
    await page.getByText("Rounds, pairs and ties are too many to be shown here").count(),
    1,
  );
  await page
    .getByText(
      "Nobody is named: counting so many different ballots takes longer than there was time for.",
    )
    .waitFor();
  assert.equal(await page.getByRole("table", { name: "Treasurer" }).count(), 0);
  await done(page);
});

test("vote with the keyboard alone", async () => {
  const organiser = await person();
  const path = await create(
    organiser,
    lunch({
      contests: [
        { title: "Main", choices: ["Soup", "Pasta"] },
        { title: "Dessert", choices: ["Cake", "Fruit", "Ice"], rule: "irv" },
      ],
    }),
  );
  await done(organiser);
  const page = await person();
  await go(page, path);
  await page.getByRole("heading", { name: "May I vote?" }).waitFor();
  /** Tabs until something has the focus. */
  const reach = async (target, key = "Tab") => {
    for (let n = 0; n < 120; n++) {
      if (await target.evaluate((element) => element === document.activeElement)) return;
      await page.keyboard.press(key);
    }
    assert.fail(`not reached with ${key}: ${target}`);
  };
  await reach(page.getByRole("link", { name: "Sign in" }).last());
  await page.keyboard.press("Enter");
  await reach(page.getByLabel("Your name"));
  await page.keyboard.type("Grace");
  await page.keyboard.press("Enter");
  await page.getByRole("group", { name: "Main", exact: true }).waitFor();
  const main = page.getByRole("group", { name: "Main", exact: true });
  await reach(main.getByRole("radio", { name: "Soup" }));
  await page.keyboard.press("ArrowDown");
  const dessert = page.getByRole("group", { name: "Dessert", exact: true });
  await reach(button(dessert, "Move Ice up"));
  await page.keyboard.press("Enter");
  await reach(button(dessert, "Move Cake up"));
  await page.keyboard.press("Space");
  // The focus stays with what moves.
  await focused(button(dessert, "Move Cake up"));
  await page.keyboard.press("Space");
  await dessert.getByText("Your ranking: 1. Cake, 2. Ice").waitFor();
  await reach(button(page, "Review my ballot"));
  await page.keyboard.press("Enter");
  await reach(button(page, "Cast my vote"));
  await page.keyboard.press("Enter");
  await says(page, /Cast, final in block \d+/);
  await focused(page.getByRole("heading", { name: "Your receipt" }));
  await votes(page, /^Pasta/, 1);
  await done(page);
});

test("a receipt is checked by tracker, words and file; a voter code is sent nowhere", async () => {
  const ada = await person();
  const path = await create(ada, lunch({ revotes: 1 }));
  await signIn(ada, "Ada");
  await go(ada, path);
  await ada.getByRole("radio", { name: "Soup" }).check();
  await cast(ada);
  const receipt = ada.getByRole("region", { name: "Your receipt" });
  const [tracker] = /[0-9A-Z]{4}(-[0-9A-Z]{4}){7}/.exec(await receipt.innerText());
  const [words] = /([a-z]+ ){11}[a-z]+/.exec(await receipt.innerText());
  await receipt.getByRole("img", { name: `Tracker: ${tracker}` }).waitFor();
  const saved = ada.waitForEvent("download");
  await button(receipt, "Download the receipt").click();
  const file = await (await saved).path();
  await button(ada, "Replace my ballot").click();
  await ada.getByRole("radio", { name: "Salad" }).check();
  await cast(ada);

  const anybody = await person();
  await anybody.getByRole("link", { name: "Check a receipt" }).click();
  for (const text of [tracker, words]) {
    await anybody.getByLabel("Tracker of a ballot").fill(text);
    await button(anybody, "Find the ballot").click();
    await says(anybody, "This ballot no longer counts");
  }
  await anybody.getByLabel("Receipt file").setInputFiles(file);
  await says(anybody, "The receipt holds");
  await says(anybody, "This ballot no longer counts");
  await anybody.getByRole("link", { name: "Explorer" }).click();
  await anybody.getByRole("searchbox").fill(tracker);
  await button(anybody, "Search").click();
  await anybody.getByRole("heading", { name: "1 found" }).waitFor();
  const asked = [];
  anybody.on(
    "request",
    (request) => /find|ballots|receipts/.test(request.url()) && asked.push(request.url()),
  );
  const secret = "000G-40R4-0M30-E209-185G-R38E-1XM9-HF0P";
  for (const slip of [secret, secret.replace("P", "Q")]) {
    await anybody.getByRole("searchbox").fill("");
    await button(anybody, "Search").click();
    await anybody.getByRole("searchbox").fill(slip);
    await button(anybody, "Search").click();
    await anybody.getByRole("alert").filter({ hasText: "This is a voter code." }).waitFor();
  }
  await anybody.getByRole("link", { name: "Check a receipt" }).click();
  await anybody.getByLabel("Tracker of a ballot").fill(secret);
  await button(anybody, "Find the ballot").click();
  await anybody.getByRole("alert").filter({ hasText: "This is a voter code." }).waitFor();
  assert.deepEqual(asked, []);
  await anybody.getByLabel("Receipt file").setInputFiles({
    name: "x.receipt",
    mimeType: "application/octet-stream",
    buffer: Buffer.from("no receipt"),
  });
  await anybody.getByRole("alert").filter({ hasText: "This cannot be read" }).waitFor();
  await done(ada);
  await done(anybody);
});

test("a node that turns two choices round is found out, and nobody can vote there", async () => {
  const ada = await person();
  const path = await create(ada, lunch());
  await signIn(ada, "Ada");
  const sent = [];
  ada.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
  await ada.route(`**/api/elections/${path.split("/").at(-1)}`, async (route) => {
    const answer = await (await route.fetch()).json();
    answer.contests[0].choices = ["Pasta", "Soup", "Salad"];
    await route.fulfill({ json: answer });
  });
  await ada.reload();
  const alarm = ada
    .getByRole("alert")
    .filter({ hasText: "shows another election than the one that its organiser has signed" });
  await alarm.getByRole("listitem").filter({ hasText: "Contest 1: Choices" }).waitFor();
  await ada
    .getByText("Not here: the node shows another election than the one that was signed.")
    .waitFor();
  assert.equal(await ada.getByRole("radio").count(), 0);
  assert.equal(await button(ada, "Review my ballot").count(), 0);
  assert.deepEqual(sent, []);
  // Bytes that are not the election's are not even shown.
  await honest(ada);
  await ada.route(`**/api/transactions/${path.split("/").at(-1)}`, (route) =>
    route.fulfill({ body: Buffer.from("a0", "hex"), contentType: "application/octet-stream" }),
  );
  await ada.reload();
  await ada
    .getByRole("alert")
    .filter({ hasText: "The node gives something else than what was signed under this id." })
    .waitFor();
  assert.equal(await ada.getByRole("radio").count(), 0);
  await honest(ada);
  await ada.reload();
  await ada.getByRole("radio", { name: "Soup" }).waitFor();
  await done(ada);
});

test("a ballot is not said to be cast without a receipt that holds", async () => {
  const ada = await person();
  const path = await create(ada, lunch());
  await signIn(ada, "Ada");
  await go(ada, path);
  await ada.getByRole("radio", { name: "Soup" }).check();
  await ada.route("**/api/receipts/*", async (route) => {
    const bytes = await (await route.fetch()).body();
    bytes[Math.floor(bytes.length / 3)] ^= 1;
    await route.fulfill({ body: bytes, contentType: "application/octet-stream" });
  });
  await button(ada, "Review my ballot").click();
  await button(ada, "Cast my vote").click();
  await says(ada, "NOT shown to be cast");
  assert.equal(await ada.getByRole("heading", { name: "Your receipt" }).count(), 0);
  await honest(ada);
  await says(ada, /Cast, final in block \d+/);
  await ada.getByRole("heading", { name: "Your receipt" }).waitFor();
  await done(ada);
});

test("receipt, ballot and block say in words what was cast", async () => {
  const ada = await person();
  const { title, ...more } = lunch({ names: true });
  const path = await create(ada, { title, ...more });
  await signIn(ada, "Ada");
  await go(ada, path);
  await ada.getByText("This vote is by name: everybody can read your name").waitFor();
  await ada.getByRole("radio", { name: "Pasta" }).check();
  await cast(ada);
  const read = async (page) => {
    const said = page.getByRole("region", { name: "What the ballot says" });
    for (const words of [title, "Pasta", "Ada", "It is the voter's first ballot here."])
      await said.getByText(words, { exact: true }).waitFor();
  };
  const receipt = ada.getByRole("region", { name: "Your receipt" });
  await read(receipt);
  const saved = ada.waitForEvent("download");
  await button(receipt, "Download the receipt").click();
  const file = await (await saved).path();
  const [ballot, block] = [
    await receipt.getByRole("link").first().getAttribute("href"),
    await receipt.getByRole("link", { name: /^Block/ }).getAttribute("href"),
  ];
  const anybody = await person();
  await go(anybody, ballot);
  await read(anybody);
  await go(anybody, block);
  await anybody.getByText("What the ballot says").first().click();
  await read(anybody);
  // The file says it by itself: without the node too.
  await anybody.getByRole("link", { name: "Check a receipt" }).click();
  await anybody.route("**/api/ballots/*", (route) => route.abort());
  await anybody.route("**/api/transactions/*", (route) => route.abort());
  await anybody.getByLabel("Receipt file").setInputFiles(file);
  await says(anybody, "The receipt holds");
  await read(anybody);
  await done(ada);
  await done(anybody);
});

test("many elections are shown a page at a time, and found by their titles", async () => {
  const page = await person();
  const many = [
    ["open", 30],
    ["closed", 40],
  ].flatMap(([phase, count]) =>
    [...Array(count).keys()].map((n) => ({
      election: `${n + (phase === "open" ? 100 : 200)}`.padStart(64, "0"),
      title: `Vote ${phase} ${n}`,
      phase,
      created_at: 1e12 - n,
      opens_at: null,
      closes_at: 1e12,
      ballots: n,
      voters: null,
      contests: 1,
    })),
  );
  const titles = [];
  await page.route(/\/api\/elections\?/, (route) => {
    const query = new URL(route.request().url()).searchParams;
    titles.push(query.get("title"));
    const fit = many.filter(
      ({ phase, title }) => phase === query.get("phase") && title.includes(query.get("title")),
    );
    const from = query.get("after")
      ? fit.findIndex(({ election }) => election === query.get("after")) + 1
      : 0;
    const elections = fit.slice(from, from + Number(query.get("limit")));
    return route.fulfill({ json: { elections, more: from + elections.length < fit.length } });
  });
  await page.reload();
  const links = page.getByRole("main").getByRole("listitem").getByRole("link");
  await page.getByRole("link", { name: "Vote open 24", exact: true }).waitFor();
  assert.equal(await links.count(), 25);
  await button(page, "Show more").focus();
  await page.keyboard.press("Enter");
  await says(page, "50 elections are shown.");
  await focused(page.getByRole("link", { name: "Vote open 25", exact: true }));
  assert.equal(await links.count(), 50);
  assert.equal(await links.nth(30).innerText(), "Vote closed 0");
  await button(page, "Show more").click();
  await says(page, "70 elections are shown.");
  await button(page, "Show more").waitFor({ state: "detached" });
  await page.getByRole("searchbox", { name: "Words of a title" }).fill("closed 3");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Vote closed 39", exact: true }).waitFor();
  assert.equal(await links.count(), 11);
  await page.getByRole("searchbox").fill("nothing of the kind");
  await button(page, "Search").click();
  await says(page, "No election has these words in its title.");
  // A secret is sent nowhere.
  await page.getByRole("searchbox").fill("000G-40R4-0M30-E209-185G-R38E-1XM9-HF0P");
  await button(page, "Search").click();
  await page.getByRole("alert").filter({ hasText: "This is a voter code." }).waitFor();
  assert.ok(!titles.some((title) => title.includes("40R4")));
  await done(page);
});

test("the explorer finds what there is, and shows blocks whole", async () => {
  const page = await person();
  const { title, ...more } = lunch();
  await create(page, { title, ...more });
  await page.getByRole("link", { name: "Explorer" }).click();
  await page.getByRole("searchbox").fill(title.toLowerCase());
  await button(page, "Search").click();
  await page.getByRole("link", { name: title }).waitFor();
  await page
    .getByRole("link", { name: /^Block \d+$/ })
    .first()
    .click();
  await page.getByRole("heading", { level: 1, name: /^Block \d+$/ }).waitFor();
  await page.getByText("Raw JSON").click();
  assert.match(await page.getByText('"state_root"').innerText(), /"hash": "[0-9a-f]{64}"/);
  await done(page);
});

test("every peer refuses every attack, and says why", async () => {
  const page = await person();
  await page.getByRole("link", { name: "Attacks" }).click();
  await page.getByRole("group", { name: "Which attack?" }).waitFor();
  const attacks = await page.getByRole("radio").all();
  assert.equal(attacks.length, 13);
  for (const attack of attacks) {
    await attack.check();
    const [name] = (await attack.locator("..").innerText()).split(":");
    await button(page, "Run the attack").click();
    await page.getByRole("heading", { level: 2, name, exact: true }).waitFor({ timeout: FINAL_MS });
    const verdicts = await page
      .getByRole("region", { name: "Verdict" })
      .getByRole("row")
      .allInnerTexts();
    // Every peer has answered: refused, and a reason.
    assert.equal(verdicts.length - 1, 3, name);
    for (const verdict of verdicts.slice(1)) assert.match(verdict, /^n\d\trefused\t.+/, name);
    await page.getByText("All 3 peers have refused.").waitFor();
  }
  await done(page);
});

test("the network page is live", async () => {
  const page = await person();
  await page.getByRole("link", { name: "Network" }).click();
  await page.getByText("Enough validators are connected to decide blocks.").waitFor();
  const height = async () =>
    Number(
      /\d+/.exec(
        await page
          .getByRole("row", { name: /this node/ })
          .innerText()
          .then((text) => text.replace(/n\d+ \(this node\)|validator|\t1\t/g, "")),
      )[0],
    );
  const first = await height();
  const other = await person();
  await create(other, lunch());
  await page.waitForFunction(() => true);
  for (let n = 0; n < 50 && (await height()) <= first; n++) await page.waitForTimeout(200);
  assert.ok((await height()) > first, "the height goes up by itself");
  await done(page);
  await done(other);
});

test("the network page does not say that all is well while nothing is decided", async () => {
  const page = await person();
  const status = await (await page.request.get(`${base}api/status`)).json();
  const said = {
    ...status,
    stalled: true,
    deciding_ms: 42_500,
    unreachable: ["n3", "n4"],
    clock_ahead_ms: -2300,
    evidence: 2,
    signing: "waits",
    signing_waits_for: "it does not know yet what it has signed",
  };
  await page.route("**/api/live", (route) =>
    route.fulfill({
      contentType: "text/event-stream",
      body: `event: status\ndata: ${JSON.stringify(said)}\n\n`,
    }),
  );
  await page.reload();
  await page.getByRole("link", { name: "Network" }).click();
  await says(page, "NO BLOCK IS DECIDED: one has been open for 42 seconds.");
  await page.getByText("n3, n4", { exact: true }).waitFor();
  await page.getByText("2.3 s behind the validators'").waitFor();
  await page
    .getByText("This validator waits before it signs: it does not know yet what it has signed")
    .waitFor();
  await page.getByText("2 proofs are kept.").waitFor();
  assert.equal(await page.getByText("Enough validators are connected").count(), 0);
  await done(page);
});

test("the node goes and comes back: it is said, no choice is lost, and the ballot gets through", async () => {
  const ada = await person();
  const path = await create(ada, lunch());
  await signIn(ada, "Ada");
  await go(ada, path);
  await ada.getByRole("radio", { name: "Soup" }).check();
  await network.gone();
  try {
    await says(ada, "The node does not answer.");
    assert.ok(await ada.getByRole("radio", { name: "Soup" }).isChecked());
    await button(ada, "Review my ballot").click();
    await button(ada, "Cast my vote").click();
    // A node that is dead, or one that only does not answer.
    await says(ada, /Not known yet whether it is cast|Casting: not final yet/);
  } finally {
    await network.back();
  }
  await says(ada, /Cast, final in block \d+/);
  await ada
    .getByText("The node does not answer.")
    .waitFor({ state: "detached", timeout: FINAL_MS });
  await votes(ada, /^Soup/, 1);
  await done(ada);
});

test("who leaves with a ballot that is not cast is warned; other screens keep it", async () => {
  const ada = await person();
  const path = await create(ada, lunch());
  await signIn(ada, "Ada");
  await go(ada, path);
  await ada.getByRole("radio", { name: "Soup" }).check();
  await ada.getByRole("link", { name: "Explorer" }).click();
  await says(ada, "Not cast yet");
  await ada.getByRole("status").getByRole("link").click();
  assert.ok(await ada.getByRole("radio", { name: "Soup" }).isChecked());
  const warned = ada.waitForEvent("dialog");
  const closing = ada.close({ runBeforeUnload: true });
  const dialog = await warned;
  assert.equal(dialog.type(), "beforeunload");
  await dialog.accept();
  await closing;
  await ada.context().close();
});

test("a ballot that can no longer be cast is not said to be waiting", async () => {
  const organiser = await person();
  const path = await create(organiser, lunch());
  const ada = await person();
  await signIn(ada, "Ada");
  await go(ada, path);
  await ada.getByRole("radio", { name: "Soup" }).check();
  await says(ada, "Not cast yet");
  await button(organiser, "Close now").click();
  await ada.getByText("No: it is over.").waitFor({ timeout: FINAL_MS });
  await ada.getByText("Not cast yet").waitFor({ state: "detached" });
  await done(organiser);
  await done(ada);
});

test("what others write is shown as text, whatever it is", async () => {
  const page = await person();
  let opened = 0;
  page.on("dialog", (dialog) => (opened++, dialog.dismiss()));
  const evil = `<img src=x onerror=alert(1)> ${run}`;
  const path = await create(page, {
    title: evil,
    contests: [{ choices: ["<script>alert(2)</script>", '"><svg onload=alert(3)>'] }],
    names: true,
  });
  await signIn(page, "<b>Eve</b>");
  await go(page, path);
  await page.getByRole("radio", { name: "<script>alert(2)</script>" }).check();
  await cast(page);
  await votes(page, /<script>/, 1);
  await page.getByRole("link", { name: "Elections", exact: true }).click();
  await page.getByRole("link", { name: evil }).waitFor();
  await go(page, path);
  await page
    .getByRole("region", { name: "Your receipt" })
    .getByRole("link", { name: /^Block/ })
    .click();
  await page.getByRole("listitem").filter({ hasText: "by <b>Eve</b>" }).waitFor();
  assert.equal(opened, 0);
  assert.equal(await page.getByRole("img").count(), 0);
  await done(page);
});

test("every language is there, says so, and fits narrow screens", async () => {
  const page = await person({ viewport: { width: 320, height: 640 } });
  const path = await create(page, lunch({ contests: rules }));
  await signIn(page, "Ada");
  for (const [code, name, heading] of [
    ["de", "Deutsch", "Abstimmungen"],
    ["fr", "Français", "Votes"],
    ["es", "Español", "Votaciones"],
    ["en", "English", "Elections"],
  ]) {
    await go(page, "#/");
    await page.getByRole("contentinfo").getByRole("combobox").selectOption({ label: name });
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    assert.deepEqual(
      await page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]),
      [code, "ltr"],
    );
    const links = await page.getByRole("navigation").getByRole("link").all();
    for (const to of [
      ...(await Promise.all(links.map((link) => link.getAttribute("href")))),
      path,
      "#/sign-in",
    ]) {
      await go(page, to);
      await page.getByRole("heading", { level: 1 }).waitFor();
      assert.doesNotMatch(await page.locator("body").innerText(), /\{\w+\}/);
      assert.ok(
        await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
        `${code} ${to}`,
      );
    }
  }
  await done(page);
});

/** Every screen, in a state that shows most of it. */
async function screens(page, look) {
  await look("elections");
  await page.getByRole("link", { name: "Sign in" }).first().click();
  await look("signing in");
  await button(page, "Sign in").click();
  await page.getByRole("alert").filter({ hasText: "Write 1 to 100 bytes" }).waitFor();
  await look("signing in, refused");
  await page.getByLabel("Your name").fill("Ada");
  await button(page, "Sign in").click();
  await page.getByRole("link", { name: "Signed in as Ada" }).click();
  await page.getByRole("heading", { name: "Signed in as Ada" }).waitFor();
  await look("signed in");
  await page.getByRole("link", { name: "Organise" }).click();
  await page.getByRole("heading", { name: "New election" }).waitFor();
  await look("new election");
  await button(page, "Preview").click();
  await page.getByRole("alert").filter({ hasText: "Title" }).waitFor();
  await look("new election, refused");
  await page.getByLabel("Title", { exact: true }).fill("Only looked at");
  await page.getByLabel("Choices", { exact: true }).fill("Soup\nPasta\nSalad");
  await page.getByLabel("Counted by").selectOption("irv");
  await button(page, "Preview").click();
  await page.getByRole("heading", { level: 1, name: "Preview: Only looked at" }).waitFor();
  await look("preview");
  await button(page, "Change").click();
  await page.getByLabel("Counted by").selectOption("plurality");
  const path = await create(page, {
    title: `Screens ${run} ${Math.random().toString(36).slice(2, 6)}`,
    contests: rules,
    revotes: 1,
  });
  await look("ballot and organiser");
  await button(page, "Review my ballot").click();
  await look("ballot with faults");
  await fill(page);
  await look("ballot, filled in");
  await button(page, "Review my ballot").click();
  await page.getByRole("heading", { name: "Review your ballot" }).waitFor();
  await look("review");
  await button(page, "Cast my vote").click();
  await says(page, /Cast, final in block \d+/);
  await page.getByRole("heading", { name: "Your receipt" }).waitFor();
  for (const name of [
    /^Rounds/,
    "One against one",
    "Verify it yourself",
    "Change the times",
    "Cancel the election",
  ])
    await page.getByRole("group").getByText(name).first().click();
  await look("receipt and result");
  const ballot = await page
    .getByRole("region", { name: "Your receipt" })
    .getByRole("link")
    .first()
    .getAttribute("href");
  await button(page, "Close now").click();
  await page
    .getByText("It is over: nothing more can be done to it.")
    .waitFor({ timeout: FINAL_MS });
  await look("closed election");
  await go(page, ballot);
  await page.getByText("This ballot counts.").waitFor();
  await page.getByText("Raw JSON").click();
  await page.getByText('"counts": true').waitFor();
  await look("what has become of a ballot");
  await create(page, lunch());
  await page.getByText("Cancel the election").first().click();
  await page.getByLabel("Reason, for everybody to read").last().fill("The printer is mended");
  await button(page, "Cancel the election").click();
  await page
    .getByText("The election was cancelled; nothing is decided.")
    .waitFor({ timeout: FINAL_MS });
  await page.getByText("Raw JSON").click();
  await page.getByText('"phase": "cancelled"').first().waitFor();
  await look("cancelled election");
  await create(page, lunch({ voters: "those on a roll, with as many votes as it says" }));
  await page.getByLabel("Voters", { exact: true }).fill("Ada,3\nGrace");
  await button(page, "Add to the roll").click();
  await says(page, "1 of 1 acts are final.");
  await button(page, "Show the cards").click();
  await look("roll with cards");
  await button(page, "Download the codes (secret)").click();
  await page.getByRole("link", { name: "Check a receipt" }).click();
  await page.getByLabel("Tracker of a ballot").fill("nonsense");
  await button(page, "Find the ballot").click();
  await look("checking a receipt");
  await page.getByRole("link", { name: "Explorer" }).click();
  await page.getByRole("searchbox").fill("Screens");
  await button(page, "Search").click();
  await page.getByRole("heading", { name: /found$/ }).waitFor();
  await look("explorer");
  await page
    .getByRole("link", { name: /^Block \d+$/ })
    .first()
    .click();
  await page.getByRole("heading", { level: 1, name: /^Block/ }).waitFor();
  await page.getByText("Raw JSON").click();
  await look("block");
  await page.getByRole("link", { name: "Network" }).click();
  await page.getByRole("row", { name: /this node/ }).waitFor();
  await look("network");
  const attacks = page.getByRole("link", { name: "Attacks" });
  if (await attacks.isVisible()) {
    await attacks.click();
    await button(page, "Run the attack").click();
    await page
      .getByText(/refused/)
      .first()
      .waitFor({ timeout: FINAL_MS });
    await look("attacks");
  }
  return path;
}

for (const colorScheme of ["light", "dark"]) {
  test(`no screen breaks a rule that axe knows: ${colorScheme}`, async () => {
    const page = await person({ colorScheme, reducedMotion: "reduce" });
    const broken = [];
    await screens(page, async (name) => {
      const { violations } = await new AxeBuilder({ page })
        .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
        .analyze();
      for (const { id, nodes } of violations)
        broken.push(
          `${name}: ${id}: ${nodes
            .map(({ html }) => html.slice(0, 160))
            .slice(0, 3)
            .join(" | ")}`,
        );
    });
    assert.deepEqual(broken, []);
    await done(page);
  });
}

for (const [name, width, size] of [
  ["320 pixels are wide enough, and targets are large", 320, "100%"],
  ["text may be twice as large", 640, "200%"],
])
  test(name, async () => {
    // A telephone: targets may be smaller where there is a mouse.
    const page = await person({ viewport: { width, height: 640 }, hasTouch: true, isMobile: true });
    const broken = [];
    // As readers set it in their browser.
    await page.evaluate(
      (size) => void (document.documentElement.style.fontSize = `calc(1.0625 * ${size})`),
      size,
    );
    await screens(page, async (name) => {
      const found = await page.evaluate(() => {
        const out = [];
        const { scrollWidth, clientWidth } = document.documentElement;
        if (scrollWidth > clientWidth) out.push(`wider by ${scrollWidth - clientWidth}`);
        for (const element of document.querySelectorAll(
          "button, select, input:not([type=radio], [type=checkbox]), nav a, summary, .option",
        )) {
          const { width, height } = element.getBoundingClientRect();
          if (width && (height < 43.5 || width < 43.5))
            out.push(
              `${element.tagName} ${element.textContent.slice(0, 20)}: ${Math.round(width)} × ${Math.round(height)}`,
            );
        }
        return out;
      });
      broken.push(...found.map((what) => `${name}: ${what}`));
    });
    assert.deepEqual(broken, []);
    await done(page);
  });
