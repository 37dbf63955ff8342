"""A command on a terminal of a given width, as its user sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(module: str, arguments: list[str], width: int, folder: Path) -> str:
    """What `python -m module …` writes to a terminal, with its styles."""
    code = f"from {module}.cli.main import main; main()"
    return command_on_terminal([sys.executable, "-c", code, *arguments], width, folder, subprocess.PIPE)


def command_on_terminal(command: list[str], width: int, folder: Path, stderr: int | None = None) -> str:
    """What a command writes to a terminal, messages among it unless they go elsewhere."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment |= {"TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(command, stdout=theirs, stderr=stderr or theirs, cwd=folder, env=environment)
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    assert process.wait() == 0, process.stderr.read().decode() if process.stderr else ""
    return written.decode().replace("\r\n", "\n")


def without_styles(text: str) -> str:
    """The characters alone."""
    return _STYLE.sub("", text)


def what_stays(text: str) -> list[str]:
    """The lines that are left on the screen: one that is drawn again stands as it was drawn last."""
    screen: list[str] = []
    for line in text.split("\n"):
        if "\x1b[1A" in line and screen:  # the cursor goes up, and the line there is erased
            screen.pop()
        drawn = re.split(r"\r|\x1b\[2K", line.rstrip("\r"))[-1]
        screen.append(re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", drawn))
    return [line for line in screen if line.strip()]
