"""Types the beginnings of commands into bash, zsh and fish, each on a terminal of its own, and looks at what the Tab key makes of them.

    completions.py FOLDER_OF_PROGRAMS
"""

import os
import pathlib
import pty
import select
import shutil
import signal
import sys
import tempfile
import time

START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(vote-cli completions bash)"),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D; source <(vote-cli completions zsh)"),
    "fish": (["fish", "--no-config", "-i"], "vote-cli completions fish | source"),
}
# What is typed, and the words that must be there after Tab.
TYPED = [
    ("vote-cli elec", ["vote-cli", "election"]),
    ("vote-cli election crea", ["vote-cli", "election", "create"]),
    ("vote-cli --json election crea", ["vote-cli", "--json", "election", "create"]),
    ("vote-cli election create --wri", ["vote-cli", "election", "create", "--write-in"]),
    ("vote-cli election create --rule schu", ["vote-cli", "election", "create", "--rule", "schulze"]),
    ("vote-cli validator adm", ["vote-cli", "validator", "admit"]),
    ("vote-cli count ballots_of_", ["vote-cli", "count", "ballots_of_burlington.blt"]),
]
PATIENCE_S = 20
CTRL_A = "\x01"


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, command, folder, programs):
        path = f"{programs}:{os.environ['PATH']}"
        env = {"PATH": path, "HOME": folder, "TERM": "xterm", "LANG": "C.UTF-8", "XDG_CONFIG_HOME": folder}
        self.seen = ""
        self.shell, self.master = pty.fork()
        if self.shell == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, env)

    def type(self, text):
        os.write(self.master, text.encode())

    def until(self, found):
        """Reads until something is found in what has come since the last time; all of that if nothing is found in time."""
        end = time.monotonic() + PATIENCE_S
        while not found(self.seen) and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                part = os.read(self.master, 65536).decode(errors="replace")
                self.seen += part
                # fish asks its terminal what it can do, and waits for the answer.
                if "\x1b[c" in part or "\x1b[0c" in part:
                    self.type("\x1b[?62;c")
        seen, self.seen = self.seen, ""
        return seen

    def close(self):
        os.kill(self.shell, signal.SIGKILL)
        os.waitpid(self.shell, 0)
        os.close(self.master)


def completed(shell, typed, wanted, programs):
    """Whether Tab makes the wanted words of what was typed: the shell prints them, each in angle brackets."""
    command, prepare = START[shell]
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "ballots_of_burlington.blt").touch()
        terminal = Terminal(command, folder, programs)
        try:
            terminal.type(f"{prepare}; echo rea''dy\n")
            terminal.until(lambda seen: "ready" in seen)
            terminal.type(typed + "\t")
            rest = wanted[-1][len(typed.split()[-1]):]
            terminal.until(lambda seen: rest in seen)
            terminal.type(f"{CTRL_A}printf '<%s>' ")
            terminal.type("\n")
            printed = "".join(f"<{word}>" for word in wanted)
            seen = terminal.until(lambda seen: printed in seen)
            if printed not in seen:
                print(f"{shell}: {typed!r} and Tab: {printed} is not in {seen!r}")
            return printed in seen
        finally:
            terminal.close()


def main():
    programs = str(pathlib.Path(sys.argv[1]).resolve())
    missing = [shell for shell in START if shutil.which(shell) is None]
    if missing:
        sys.exit(f"not there: {', '.join(missing)}")
    done = [completed(shell, typed, wanted, programs) for shell in START for typed, wanted in TYPED]
    print(f"completed by Tab: {sum(done)} of {len(done)} in {', '.join(START)}")
    sys.exit(0 if all(done) else 1)


main()
