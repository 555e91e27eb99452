"""Counts a large file in each format with vote-cli and prints, as JSON, how long it took and how much memory.

Usage: large.py VOTE_CLI FOLDER [LINES] [CANDIDATES] [FORMAT...]. Writes the files into FOLDER. The seconds are also given as a ratio to those of
`wc -l` on the same file, which reads it once. Needs nothing but Python.
"""

import json
import os
import random
import sys
import time
import zipfile
from pathlib import Path


def measured(command):
    """Runs a command; gives the seconds, what it used, and what it printed."""
    read, write = os.pipe()
    started = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_CLOSE, read)])
    os.close(write)
    with os.fdopen(read) as output:
        text = output.read()
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, (command, text[:500])
    return time.monotonic() - started, usage, text


def ballots(lines, candidates):
    """Rankings by chance, most of them of several candidates."""
    chance = random.Random(1)
    places = list(range(candidates))
    for _ in range(lines):
        chance.shuffle(places)
        yield places[: chance.randint(1, candidates)]


def blt(file, lines, candidates):
    file.write(f"{candidates} 1\n")
    file.writelines(f"1 {' '.join(str(c + 1) for c in ranks)} 0\n" for ranks in ballots(lines, candidates))
    file.write("0\n" + "".join(f'"c{c}"\n' for c in range(candidates)) + '"T"\n')


def toi(file, lines, candidates):
    file.write(f"# NUMBER ALTERNATIVES: {candidates}\n# NUMBER VOTERS: {lines}\n")
    file.writelines(f"# ALTERNATIVE NAME {c + 1}: c{c}\n" for c in range(candidates))
    file.writelines(f"1: {','.join(str(c + 1) for c in ranks)}\n" for ranks in ballots(lines, candidates))


def abif(file, lines, candidates):
    file.writelines(f"=c{c}:[c{c}]\n" for c in range(candidates))
    file.writelines(f"1:{'>'.join(f'c{c}' for c in ranks)}\n" for ranks in ballots(lines, candidates))


def matrix(lines, candidates):
    for ranks in ballots(lines, candidates):
        at = {place: rank + 1 for rank, place in enumerate(ranks)}
        yield [str(at.get(c, "")) for c in range(candidates)]


def csv(file, lines, candidates):
    file.write(",".join(f"c{c}" for c in range(candidates)) + "\n")
    file.writelines(",".join(cells) + "\n" for cells in matrix(lines, candidates))


def ess(file, lines, candidates):
    file.write("Cast Vote Record,Precinct,Ballot Style," + ",".join(f"Mayor Choice {c + 1}" for c in range(candidates)) + "\n")
    for number, ranks in enumerate(ballots(lines, candidates)):
        names = [f"c{c}" for c in ranks] + ["undervote"] * (candidates - len(ranks))
        file.write(f"{number},P,A,{','.join(names)}\n")


def nist(file, lines, candidates):
    selections = ",".join(f'{{"@id":"s{c}","CandidateIds":["p{c}"]}}' for c in range(candidates))
    people = ",".join(f'{{"@id":"p{c}","Name":"c{c}"}}' for c in range(candidates))
    file.write(f'{{"Election":[{{"@id":"e","Candidate":[{people}],"Contest":[{{"@id":"k","ContestSelection":[{selections}]}}]}}],\n"CVR":[')
    for number, ranks in enumerate(ballots(lines, candidates)):
        marks = ",".join(f'{{"ContestSelectionId":"s{c}","Rank":{at + 1},"SelectionPosition":[{{"HasIndication":"yes","NumberVotes":1}}]}}' for at, c in enumerate(ranks))
        file.write("," if number else "")
        file.write(f'{{"CurrentSnapshotId":"a","CVRSnapshot":[{{"@id":"a","CVRContest":[{{"ContestId":"k","CVRContestSelection":[{marks}]}}]}}]}}\n')
    file.write("]}\n")


def xlsx(path, lines, candidates):
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relation = lambda kind, target: f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/{kind}" Target="{target}"/></Relationships>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        book.writestr("[Content_Types].xml", f'<Types xmlns="{package}/content-types"/>')
        book.writestr("_rels/.rels", relation("officeDocument", "xl/workbook.xml"))
        book.writestr("xl/_rels/workbook.xml.rels", relation("worksheet", "worksheets/sheet1.xml"))
        book.writestr("xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>')
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'<worksheet xmlns="{main}"><sheetData><row r="1">'.encode())
            sheet.write("".join(f'<c r="{chr(65 + c)}1" t="str"><v>c{c}</v></c>' for c in range(candidates)).encode())
            sheet.write(b"</row>")
            for number, cells in enumerate(matrix(lines, candidates)):
                filled = "".join(f'<c r="{chr(65 + c)}{number + 2}"><v>{cell}</v></c>' for c, cell in enumerate(cells) if cell)
                sheet.write(f'<row r="{number + 2}">{filled}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")


TEXTS = {"blt": blt, "toi": toi, "abif": abif, "csv": csv, "ess.csv": ess, "json": nist}


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    lines = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    candidates = int(sys.argv[4]) if len(sys.argv) > 4 else 10
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[5:] or [*TEXTS, "xlsx"]:
        path = folder / f"large.{name}"
        if name == "xlsx":
            xlsx(path, lines, candidates)
        else:
            with path.open("w") as file:
                TEXTS[name](file, lines, candidates)
        once, _, _ = measured(["wc", "-l", str(path)])
        seconds, usage, text = measured([program, "count", str(path), "--rule", "irv", "--json"])
        counted = json.loads(text)
        assert counted["ballots"] == lines, (name, counted["ballots"])
        print(json.dumps({
            "format": name, "lines": lines, "candidates": candidates, "file_megabytes": round(path.stat().st_size / 1e6, 1),
            "seconds": round(seconds, 2), "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2), "times_wc": round(seconds / once, 1),
            "megabytes": round(usage.ru_maxrss / 1024, 1), "rounds": len(counted["rounds"]),
        }), flush=True)
        path.unlink()


main()
