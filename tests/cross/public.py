"""Counts real elections whose ballots public packages carry, and compares with their known results.

Usage: public.py FOLDER_OF_PROGRAMS FOLDER. Downloads the source packages of votekit and abcvoting from PyPI into FOLDER (pip), converts their
ballots, and counts them with vote-cli; the ward is cast through a network of four nodes too.
"""

import csv
import json
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

# What stands in the files where no candidate does.
NOBODY = {"", "skipped", "undervote", "overvote", "UWI"}


def source(folder, package):
    """Unpacks a source package; gives its folder."""
    name = package.replace("==", "-")
    if not (folder / name).exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*pip, "--dest", folder, package], check=True)
        with tarfile.open(folder / f"{name}.tar.gz") as packed:
            packed.extractall(folder, filter="data")
    return folder / name


def ranked(rows):
    """Equal ballots together: each names a candidate once, at its first rank; ranks without one close up."""
    return Counter(tuple(dict.fromkeys(name for name in row if name not in NOBODY)) for row in rows)


def write_csv(path, ballots, names):
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["count", *names])
        for ballot, count in ballots.items():
            places = {name: at + 1 for at, name in enumerate(ballot)}
            table.writerow([count, *(places.get(name, "") for name in names)])
    return path


def portland(votekit, folder):
    """City council of Portland, Oregon, 2024, district 1: one row a ballot."""
    with (votekit / "tests/data/csv/Portland_D1_Condensed.csv").open(newline="") as file:
        ballots = ranked(row[1:] for row in list(csv.reader(file))[1:])
    return write_csv(folder / "portland.csv", ballots, sorted({name for ballot in ballots for name in ballot}))


def minneapolis(votekit, folder):
    """Mayor of Minneapolis, 2013: one row a ballot."""
    with (votekit / "examples/data/mn_2013_cast_vote_record.csv").open(newline="") as file:
        ballots = ranked(list(csv.reader(file))[1:])
    return write_csv(folder / "minneapolis.csv", ballots, sorted({name for ballot in ballots for name in ballot}))


def ward(votekit, folder):
    """A ward of Eilean Siar, 2012: a Scottish file, whose ballots are counts and places, and whose candidates follow."""
    rows = list(csv.reader((votekit / "notebooks/eilean_siar_2012_ward3.csv").open(newline="")))
    candidates, seats = int(rows[0][0]), int(rows[0][1])
    ballots = [row for row in rows[1:] if row[0].isdigit()]
    names = [row[1] for row in rows[1:] if row[0].startswith("Candidate")]
    assert len(names) == candidates, names
    lines = [f"{candidates} {seats}", *(" ".join([cell for cell in row if cell] + ["0"]) for row in ballots), "0"]
    path = folder / "ward.blt"
    path.write_text("\n".join([*lines, *(f'"{name}"' for name in names), '"Eilean Siar 2012"', ""]))
    return path


def main():
    programs, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    votekit, abcvoting = source(folder, "votekit==3.5.0"), source(folder, "abcvoting==2.19.2")

    def said(*command):
        return json.loads(subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout)

    def count(path, rule, seats):
        return said(programs / "vote-cli", "count", path, "--rule", rule, "--seats", seats, "--json")

    for rule in ["stv", "meek"]:
        council = count(portland(votekit, folder), rule, 3)
        assert {name.split()[-1] for name in council["winners"]} == {"Avalos", "Smith", "Dunphy"}, council["winners"]
    mayor = count(minneapolis(votekit, folder), "irv", 1)
    last = sorted(mayor["rounds"][-1]["votes"].values())[-2:]
    assert mayor["winners"] == ["BETSY HODGES"] and (last[1], sum(last)) == (38870, 63842), (mayor["winners"], last)
    blt = ward(votekit, folder)
    elected = count(blt, "stv", 3)["winners"]
    loaded = said(programs / "cluster", "load", blt, "--rule", "stv", "--roll", "--json")
    assert loaded["agree"] and loaded["winners"] == elected and len(elected) == 3, (loaded["winners"], elected)
    orders = abcvoting / "tests/data"
    read = [count(orders / name, "approval", 2)["ballots"] for name in ["test1.toi", "test3.toc", "test5.cat"]]
    assert read == [5, 5, 8], read
    broken = sorted((abcvoting / "tests/data-fail").iterdir())
    for file in broken:
        command = [programs / "vote-cli", "count", file, "--rule", "approval"]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 2, f"{file} is read"
    print(f"Portland: {', '.join(council['winners'])}; Minneapolis: {mayor['winners'][0]}; ward: {', '.join(elected)}; "
          f"{len(read)} PrefLib files read, {len(broken)} broken ones refused")


main()
