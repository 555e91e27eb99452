"""Runs the programs on a small network and checks what they print as JSON against docs/schemas.

Usage: schemas.py FOLDER_OF_PROGRAMS. Needs jsonschema (PyPI).
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
BURLINGTON = Path(__file__).parents[2] / "testdata" / "burlington-2009-mayor.blt"


def check(name, value):
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    faults = [f"{'/'.join(map(str, fault.path))}: {fault.message}" for fault in Draft202012Validator(schema).iter_errors(value)]
    assert not faults, f"{name}: {faults[:5]}\n{json.dumps(value)[:2000]}"
    return name


def main():
    programs = Path(sys.argv[1])
    checked = []
    with tempfile.TemporaryDirectory() as folder:
        cluster = subprocess.Popen([programs / "cluster", "up", "--anyone", "-n", "1", "--json"], stdout=subprocess.PIPE, text=True)
        try:
            up = json.loads(cluster.stdout.readline())
            env = {**os.environ, "VOTE_SOCKET": up["nodes"][0]["app_socket"], "VOTE_DATA_DIR": folder}

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
            first = said("cast", election, "Ada > Grace", "Yes", "--name", "a")
            said("cast", election, "Joan", "abstain", "--name", "a")
            said("cast", election, "Grace = Joan", "No", "--name", "b")
            said("election", "times", election, "--closes", "+1h", "--reason", "sooner")
            checked.append(check("result", said("tally", election)))
            shown = said("election", "show", election)
            checked.append(check("election", shown))
            checked.append(check("result", shown["result"]))
            assert [contest["choices"] for contest in shown["contests"]][0] == ["Ada", "Grace", "Joan"], shown["contests"]
            draft = said("election", "create", "--title", "Later", "--choice", "Soup", "--choice", "Pasta", "--roll")["election"]
            shown = said("election", "show", draft)
            assert check("election", shown) and shown["contests"][0]["choices"] == ["Soup", "Pasta"], shown
            checked.append(refused(2, "tally", "--colour"))
            checked.append(refused(2))
            checked.append(refused(2, "election", "create", "--title", "t", "--choice", "A", "--choice", "A"))
            checked.append(refused(3, "tally", "no such election"))
            stranger = str(Path(folder) / "stranger.key")
            cli("credential", "new", stranger)
            checked.append(refused(4, "election", "cancel", draft, "--reason", "mine", "--credential", stranger))
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
            said("export", election, "-o", archive)
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
