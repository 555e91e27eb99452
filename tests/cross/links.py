"""Checks that the relative links of all .md files lead to files, and their anchors to headings.

Usage: links.py. Needs git, since it looks at what is in the repository, and nothing else.
"""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"^ *```.*?^ *```[^\n]*$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")


def anchors(path):
    """The anchors of a file's headings, as GitHub makes them: the second of two equal ones ends in -1."""
    fenced = re.compile(r"^ *```.*?^ *```[^\n]*$", re.MULTILINE | re.DOTALL)
    seen, found = {}, set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", fenced.sub("", path.read_text()), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
    return found


def faults(path, known):
    """What is wrong with the links of one file; `known` are all files of the repository, and their folders."""
    for link in LINK.findall(CODE.sub("", path.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (path.parent / name).resolve() if name else path
        if target not in known:
            yield f"{link}: there is no such file"
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            yield f"{link}: there is no such heading"


def main():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    known = {place for file in files for place in (file, *file.parents) if place.is_relative_to(ROOT)}
    pages = [file for file in files if file.suffix == ".md"]
    wrong = [f"{page.relative_to(ROOT)}: {fault}" for page in pages for fault in faults(page, known)]
    assert not wrong, "links that lead nowhere:\n" + "\n".join(wrong)
    print(f"{len(pages)} documents, every link leads somewhere")


if __name__ == "__main__":
    main()
