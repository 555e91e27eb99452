// The page's API without a network: `node mock/server.mjs [PORT]`. In memory; a transaction is final after a moment.
// POST /mock/gone and /mock/back take the node away and bring it back; POST /mock/slow?ms=N sets the moment.

import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Refusal, World } from "./world.mjs";
import { seed } from "./seed.mjs";

const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES = { "app.css": "text/css; charset=utf-8", "app.js": "text/javascript; charset=utf-8", "index.html": "text/html; charset=utf-8" };
const ATTACKS = {
  "forged-parent": "offers a block whose parent hash is wrong", "double-vote": "offers a block with two ballots of one credential",
  "bad-signature": "offers a block with a ballot whose signature is not the credential's", "wrong-chain": "offers a block made for another chain",
};
const dist = fileURLToPath(new URL("../../dist/", import.meta.url));

export function start(port = 0, token = "00".repeat(32)) {
  const world = new World();
  seed(world);
  let [gone, slow] = [false, 400];
  const streams = new Set();

  const json = (response, status, value) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  const file = (response, bytes) => response.writeHead(200, { "content-type": "application/octet-stream" }).end(bytes);
  const stream = (response, say) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const one = { say: () => say((name, data) => response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`), () => response.end()), gone: () => response.write("event: gone\ndata: {}\n\n") };
    streams.add(one);
    response.on("close", () => streams.delete(one));
    if (gone) one.gone();
    else one.say();
  };
  const tell = () => streams.forEach((one) => (gone ? one.gone() : one.say()));
  world.listeners.add(tell);
  // Times come without a block; and so does the status.
  setInterval(() => gone || tell(), 1000).unref();

  /** The 16 bytes of a code, its checksum unchecked; else the text. */
  const untracked = (text) => {
    const plain = text.toUpperCase().replaceAll("-", "");
    if (!/^[0-9A-HJKMNP-TV-Z]{32}$/.test(plain)) return text;
    const bits = [...plain].reduce((bits, c) => (bits << 5n) | BigInt("0123456789ABCDEFGHJKMNPQRSTVWXYZ".indexOf(c)), 0n);
    return bits.toString(16).padStart(40, "0").slice(0, 32);
  };

  const find = (q) => {
    const text = untracked(q.trim()).toLowerCase();
    const found = [];
    const block = world.blocks.find(({ header, hash }) => String(header.height) === text || (text.length > 3 && hash.startsWith(text)));
    if (block) found.push({ kind: "block", id: block.hash, height: block.header.height });
    for (const { header, transactions } of world.blocks) {
      for (const one of transactions) if (text.length > 3 && one.id.startsWith(text)) found.push({ kind: world.ballots.has(one.id) ? "ballot" : "transaction", id: one.id, height: header.height });
    }
    for (const e of world.elections.values()) if (e.title.toLowerCase().includes(text)) found.push({ kind: "election", id: e.election, height: world.blocks.length, title: e.title });
    return { found };
  };

  const answer = async (request, response, path, query, body) => {
    const [what, id, more, key] = path;
    if (what === "info") {
      return json(response, 200, {
        version: "0.1.0", bundle: "ab".repeat(32), chain: world.chain, chain_name: "Mock co-op", public: false, node: "n1", allow_attacks: true,
        attacks: Object.entries(ATTACKS).map(([name, description]) => ({ name, description })),
      });
    }
    if (what === "status") return json(response, 200, world.status());
    if (what === "members") {
      const height = world.blocks.length;
      const members = world.validators.map((one, at) => ({ ...one, peer: `12D3KooWMock${at}`, height: Math.max(0, height - (at === 3 ? 2 : 0)), addresses: [], this: at === 0 }));
      return json(response, 200, { members: [...members, { name: "reader", key: null, power: null, peer: "12D3KooWReader", height, addresses: [], this: false }] });
    }
    if (what === "validators") return json(response, 200, { validators: world.validators, after: null, pending: [{ change: "admit n5 (0123456789abcdef, power 1)", approved_by: [world.validators[0].key] }], faults_tolerated: 1 });
    if (what === "evidence") return json(response, 200, { evidence: [] });
    if (what === "live") return stream(response, (say) => say("status", world.status()));
    if (what === "find") return json(response, 200, find(query.get("q") ?? ""));
    if (what === "elections" && !id) return json(response, 200, { elections: [...world.elections.values()].map((e) => world.summary(e)) });
    if (what === "elections") {
      const e = world.known(id);
      if (!more) return json(response, 200, world.detail(e));
      if (more === "log") return json(response, 200, world.log(e));
      if (more === "voters") return json(response, 200, world.voter(e, key));
      if (more === "archive") return file(response, Buffer.from("mock archive"));
      let last = "";
      if (more === "live") {
        return stream(response, (say, end) => {
          const result = world.result(e);
          const { height, ...rest } = result;
          if (JSON.stringify(rest) !== last) say("result", result);
          last = JSON.stringify(rest);
          if (result.phase === "closed" || result.phase === "cancelled") end();
        });
      }
    }
    if (what === "blocks") {
      const block = id === "latest" ? world.blocks.at(-1) : world.blocks[Number(id) - 1];
      if (!block) throw new Refusal(404, "not_found", "there is no such block");
      return json(response, 200, block);
    }
    if (what === "ballots") return json(response, 200, world.trace(id));
    if (what === "receipts" && id === "check") {
      const ballot = body.toString("utf8").replace(/^mock receipt of /, "");
      if (!/^[0-9a-f]{64}$/.test(ballot)) throw new Refusal(422, "invalid", "this is no receipt file");
      const node = world.trace(ballot);
      const block = world.blocks[node.height - 1];
      return json(response, 200, { valid: true, ballot, chain: world.chain, chain_name: "Mock co-op", chain_pinned: false, height: node.height, time: block.header.time, block: block.hash, place: 0, signatures: 3, set_changes: 0, node });
    }
    if (what === "receipts") return file(response, Buffer.from(`mock receipt of ${id}`));
    if (what === "transactions") {
      world.pending++;
      await new Promise((done) => setTimeout(done, slow));
      world.pending--;
      if (gone) throw new Refusal(503, "gone", "the node does not answer; it may be back in a moment");
      return json(response, 200, { ...world.take(body), final: true });
    }
    if (what === "attacks" && ATTACKS[id]) {
      await new Promise((done) => setTimeout(done, slow));
      const verdicts = world.validators.slice(1).map(({ name }) => ({ name, peer: `12D3KooWMock${name}`, verdict: "refused", reason: `${id}: the block does not follow the rules` }));
      return json(response, 200, { attack: id, height: world.blocks.length + 1, verdicts });
    }
    throw new Refusal(404, "not_found", "there is nothing at this address");
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://mock");
    const path = url.pathname.split("/").filter(Boolean);
    for (const [name, value] of [["content-security-policy", CSP], ["x-content-type-options", "nosniff"], ["referrer-policy", "no-referrer"], ["cache-control", "no-store"]]) response.setHeader(name, value);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    try {
      if (path[0] === "mock") {
        if (path[1] === "gone" || path[1] === "back") {
          gone = path[1] === "gone";
          tell();
        }
        if (path[1] === "slow") slow = Number(url.searchParams.get("ms"));
        return response.writeHead(204).end();
      }
      if (path[0] !== "api") {
        const name = path[0] ?? "index.html";
        if (!TYPES[name] || path.length > 1) throw new Refusal(404, "not_found", "there is nothing at this address");
        return response.writeHead(200, { "content-type": TYPES[name] }).end(readFileSync(dist + name));
      }
      if (path[1] === "session") {
        if (JSON.parse(body).token !== token) throw new Refusal(401, "unauthorised", "this is not the token that was printed");
        return response.writeHead(204, { "set-cookie": `mock=${token}; HttpOnly; SameSite=Strict; Path=/api` }).end();
      }
      if (!(request.headers.cookie ?? "").includes(token)) throw new Refusal(401, "unauthorised", "open the page by the address that `vote-cli gui` has printed");
      if (gone && path[1] !== "live" && path[3] !== "live") throw new Refusal(503, "gone", "the node does not answer; it may be back in a moment");
      await answer(request, response, path.slice(1), url.searchParams, body);
    } catch (error) {
      json(response, error.status ?? 500, { code: error.code ?? "invalid", reason: error.message });
    }
  });
  return new Promise((done) => server.listen(port, "127.0.0.1", () => done({ url: `http://127.0.0.1:${server.address().port}/#token=${token}`, stop: () => (server.closeAllConnections(), server.close()) })));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await start(Number(process.argv[2] ?? 8787))).url);
