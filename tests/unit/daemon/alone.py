"""Runs a script in a process of its own: what is asked of its memory, other tests would answer, too."""

import subprocess
import sys


def told(script: str, *arguments: str) -> list[list[int]]:
    """The numbers in each line of what ``script`` says."""
    # Without what the environment asks of Python: asyncio's debugging keeps a traceback with every handle.
    command = [sys.executable, "-E", "-c", script, *arguments]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [[int(number) for number in line.split()] for line in said.splitlines()]
