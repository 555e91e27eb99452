"""Runs the programs on a small network and checks what they print as JSON against docs/schemas.

Usage: schemas.py FOLDER_OF_PROGRAMS. Needs jsonschema (PyPI).
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
ANSWERS = Path(__file__).parents[2] / "crates" / "web" / "page" / "tests" / "answers.json"
BURLINGTON = Path(__file__).parents[2] / "testdata" / "burlington-2009-mayor.blt"


def check(name, value):
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    faults = [f"{'/'.join(map(str, fault.path))}: {fault.message}" for fault in Draft202012Validator(schema).iter_errors(value)]
    assert not faults, f"{name}: {faults[:5]}\n{json.dumps(value)[:2000]}"
    return name


def of_api(api, path, answer):
    """An answer of the page's API, as the server's tests have recorded it; files are no JSON."""
    if not isinstance(answer, dict):
        return []
    answer = answer["data"] if "event" in answer else answer
    shape = re.sub(r"(?<=/elections/)[0-9a-f]{64}", "{election}", path.split("?")[0])
    shape = re.sub(r"(?<=/voters/)[0-9a-f]{64}", "{key}", shape)
    shape = re.sub(r"(?<=/ballots/)[0-9a-f]{64}", "{ballot}", shape)
    [name] = [name for name in api["properties"] if f"/api{shape}" in re.split(r",? ", name)]
    part = {"$defs": api["$defs"], **api["properties"][name]}
    faults = [fault.message for fault in Draft202012Validator(part).iter_errors(answer)]
    assert not faults, f"{path}: {faults[:5]}"
    return [f"api {shape}"]


def main():
    programs = Path(sys.argv[1])
    checked = []
    with tempfile.TemporaryDirectory() as folder:
        cluster = subprocess.Popen([programs / "cluster", "up", "--anyone", "-n", "1", "--json"], stdout=subprocess.PIPE, text=True)
        try:
            up = json.loads(cluster.stdout.readline())
            env = {**os.environ, "VOTE_SOCKET": up["nodes"][0]["app_socket"], "VOTE_DATA_DIR": folder}

            def printed(name, program, *args):
                """What another program prints in one line."""
                done = subprocess.run([programs / program, *map(str, args), "--json"], env=env, capture_output=True, text=True, check=True)
                checked.append(check(name, json.loads(done.stdout)))

            def cli(*args):
                done = subprocess.run([programs / "vote-cli", *args], env=env, capture_output=True, text=True)
                assert done.returncode == 0, (args, done.stderr)
                return done.stdout

            def said(*args):
                return json.loads(cli(*args, "--json"))

            def refused(code, *args):
                """What is said of a failure, on one line; nothing goes to standard output."""
                done = subprocess.run([programs / "vote-cli", *args, "--json"], env=env, capture_output=True, text=True)
                error = json.loads(done.stderr)
                assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), (args, done)
                return check("error", error)

            file = Path(folder) / "assembly.toml"
            cli("election", "new", str(file))
            text = file.read_text().replace('opens = "+10m"\n', "").replace("revotes = 0", "revotes = 1")
            file.write_text(text)
            checked.append(check("election-file", tomllib.loads(text)))
            election = said("election", "create", str(file))["election"]
            checked.append(check("election-check", said("election", "create", str(file), "--check")))
            first = said("cast", election, "Ada > Grace", "Yes", "--name", "a")
            checked.append(check("cast", first))
            checked.append(check("cast", said("cast", election, "Joan", "abstain", "--name", "a")))
            said("cast", election, "Grace = Joan", "No", "--name", "b")
            checked.append(check("block", said("block")))
            checked.append(check("election-times", said("election", "times", election, "--closes", "+1h", "--reason", "sooner")))
            for name, args in {"status": ["status"], "members": ["members"], "validators": ["validator", "list"], "organisers": ["organiser", "list"],
                               "credential": ["organiser", "key"], "evidence": ["evidence"], "attacks": ["attack", "list"],
                               "elections": ["election", "list"], "count": ["count", BURLINGTON, "--rule", "irv"]}.items():
                checked.append(check(name, said(*map(str, args))))
            for rule in ["stv", "meek", "schulze", "borda", "approval"]:
                check("count", said("count", str(BURLINGTON), "--rule", rule, "--seats", "1"))
            checked.append(check("result", said("tally", election)))
            shown = said("election", "show", election)
            checked.append(check("election", shown))
            checked.append(check("result", shown["result"]))
            assert [contest["choices"] for contest in shown["contests"]][0] == ["Ada", "Grace", "Joan"], shown["contests"]
            created = said("election", "create", "--title", "Later", "--choice", "Soup", "--choice", "Pasta", "--roll")
            checked.append(check("election-create", created))
            draft = created["election"]
            shown = said("election", "show", draft)
            assert check("election", shown) and shown["contests"][0]["choices"] == ["Soup", "Pasta"], shown
            checked.append(refused(2, "tally", "--colour"))
            checked.append(refused(2))
            checked.append(refused(2, "election", "create", "--title", "t", "--choice", "A", "--choice", "A"))
            checked.append(refused(3, "tally", "no such election"))
            stranger = str(Path(folder) / "stranger.key")
            cli("credential", "new", stranger)
            checked.append(refused(4, "election", "cancel", draft, "--reason", "mine", "--credential", stranger))
            issued = said("roll", "issue", "--count", "3", "--title", "Later", "-o", str(Path(folder) / "cards"))
            checked.append(check("roll-issue", issued))
            keys = ["roll", "import", issued["keys"], draft, "--yes"]
            checked.append(check("roll-preview", said(*keys, "--preview")))
            checked.append(check("roll-import", said(*keys)))
            checked.append(check("roll", said("roll", "show", draft)))
            checked.append(check("election-open", said("election", "open", draft)))
            key = said("credential", "new", str(Path(folder) / "new.key"))["key"]
            checked.append(check("roll-change", said("roll", "change", draft, "--add", key, "--reason", "came late")))
            checked.append(check("roll-check", said("roll", "check", key, draft)))
            checked.append(check("election-close", said("election", "close", draft)))
            third = said("election", "create", "--title", "Never", "--choice", "Soup", "--choice", "Pasta", "--roll")["election"]
            checked.append(check("election-cancel", said("election", "cancel", third, "--reason", "never mind")))
            # Two who organise together: what the one proposes, the other approves.
            second = str(Path(folder) / "second.key")
            key = said("credential", "new", second)["key"]
            other = said("credential", "new", str(Path(folder) / "third.key"))["key"]
            together = [*["election", "create", "--title", "Both", "--choice", "Soup", "--choice", "Pasta", "--roll"],
                        *["--organiser", key, "--organiser", other, "--needed", "2"]]
            both = said(*together)["election"]
            checked.append(check("roll-import", said("roll", "import", issued["keys"], both, "--yes")))
            shown = said("election", "show", both)
            checked.append(check("election", shown))
            added = shown["committee"]["waiting"][0]["proposal"]
            checked.append(check("election-proposed", said("election", "proposed", both, added)))
            checked.append(check("election-approve", said("election", "approve", both, added, "--credential", second)))
            proposed = said("election", "cancel", both, "--reason", "never mind")
            checked.append(check("election-propose", proposed))
            checked.append(check("election-withdraw", said("election", "withdraw", proposed["proposal"], both)))
            checked.append(check("election-log", said("election", "log", both)))
            alone = said(*together[:-1], "1", "--description", "One is enough.")["election"]
            new = said("credential", "new", str(Path(folder) / "fourth.key"))["key"]
            replaced = said("election", "replace-organiser", alone, "--old", other, "--new", new, "--reason", "lost")
            checked.append(check("election-replace-organiser", replaced))
            checked.append(refused(2, "tally", "--csv"))
            checked.append(refused(5, "status", "--socket", "/nowhere/at-all"))
            checked.append(refused(6, "verify", "archive", str(file)))
            checked.append(check("result", said("tally", up["election"])))
            checked.append(check("ballot", said("receipt", "check", first["tracker"])))
            checked.append(check("receipt", said("receipt", "check", first["receipt"])))
            checked.append(check("receipt", said("receipt", "check", first["receipt"], "--node")))
            checked.append(check("receipt", said("receipt", "show", first["ballot"])))
            words = [(contest["title"], contest["says"]) for contest in said("receipt", "check", first["receipt"])["says"]["contests"]]
            assert [says for _, says in words] == ["Ada > Grace", "Yes"], words
            # An act is no ballot: its receipt says nothing.
            act = said("election", "log", election)["log"][0]["transaction"]
            assert check("receipt", said("receipt", "show", act)) and said("receipt", "show", act)["says"] is None
            checked.append(check("election-log", said("election", "log", election)))
            archive = str(Path(folder) / "assembly.archive")
            checked.append(check("export", said("export", election, "-o", archive)))
            check("export", said("export", draft, "-o", str(Path(folder) / "later.csv")))
            checked.append(check("up", up))
            tracker = Path(up["folder"]) / "bootstrap"
            printed("bootstrap-list", "bootstrap", "list", "--data-dir", tracker)
            printed("node-key", "node", "key", "--data-dir", Path(folder) / "planned")
            validator = f"a={json.loads(cli('status', '--json'))['key']}"
            printed("node-genesis", "node", "genesis", "--name", "Club", "--validator", validator, "--output", Path(folder) / "club.genesis")
            recorded = json.loads(ANSWERS.read_text())
            api = json.loads((SCHEMAS / "api.schema.json").read_text())
            for path, answer in {**recorded["before"], **recorded["after"]}.items():
                checked.extend(of_api(api, path, answer))
            checked.append(check("verified-archive", said("verify", "archive", archive)))
        finally:
            cluster.send_signal(signal.SIGINT)
            cluster.wait(60)
    for rule in ["plurality", "stv", "schulze"]:
        load = [programs / "cluster", "load", BURLINGTON, "-n", "1", "--rule", rule, "--roll", "--json"]
        checked.append(check("load", json.loads(subprocess.run(load, capture_output=True, text=True, check=True).stdout)))
    bad = {"title": "t", "choices": ["A", "B"], "colour": 1}
    schema = json.loads((SCHEMAS / "election-file.schema.json").read_text())
    assert not Draft202012Validator(schema).is_valid(bad), "a schema that takes anything shows nothing"
    print("as the schemas say:", ", ".join(sorted(set(checked))))


main()
