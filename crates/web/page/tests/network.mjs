// A network of real processes with the page on one of its nodes: `cluster up --gui`. Ports are the
// system's choice, files are in a temporary folder, and each process is ended by its handle, or by
// the number that the network has given for it.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

// The programs may be built first, since the page is a part of one of them.
const START_MS = 400_000;

/** Starts a program; gives its handle, and the line of JSON that it prints when it is ready. */
function begin(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ready = new Promise((done, failed) => {
    const timer = setTimeout(
      () => (child.kill("SIGTERM"), failed(new Error(`${program} says nothing`))),
      START_MS,
    );
    createInterface(child.stdout).on(
      "line",
      (line) => (clearTimeout(timer), done(JSON.parse(line))),
    );
    child.once("error", failed);
    child.once("exit", (code) => failed(new Error(`${program} has ended with ${code}`)));
  });
  return { child, ready };
}

const ended = (child, signal) =>
  new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    child.once("exit", done);
    child.kill(signal);
  });

/** The network. Its programs are those of the debug build, or in the folder BOOTH_PROGRAMS. */
export async function start() {
  const folder = resolve(
    process.env.BOOTH_PROGRAMS ??
      fileURLToPath(new URL("../../../../target/debug", import.meta.url)),
  );
  if (!existsSync(`${folder}/cluster`))
    throw new Error(
      `there are no programs in ${folder}: cargo build --workspace --bins, or set BOOTH_PROGRAMS`,
    );
  const { child: cluster, ready } = begin(`${folder}/cluster`, [
    "up",
    "--gui",
    "--anyone",
    "--json",
  ]);
  let again = null;
  // Also when the tests end early.
  const kill = () => [again, cluster].forEach((child) => child?.kill("SIGTERM"));
  process.once("exit", kill);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  const network = await ready;
  const node = network.nodes[0];
  return {
    url: network.page.url,
    socket: node.app_socket,
    /** Kills the node of the page, as a power cut would. */
    async gone() {
      if (again) await ended(again, "SIGKILL");
      else process.kill(node.pid, "SIGKILL");
    },
    async back() {
      const args = [
        "--json",
        "--allow-attacks",
        "--name",
        node.name,
        "--data-dir",
        node.data_dir,
        "--socket",
        node.app_socket,
        "--bootstrap",
        network.bootstrap.address,
      ];
      const started = begin(`${folder}/node`, args);
      again = started.child;
      await started.ready;
    },
    async stop() {
      if (again) await ended(again, "SIGTERM");
      await ended(cluster, "SIGTERM");
      process.off("exit", kill);
    },
  };
}
