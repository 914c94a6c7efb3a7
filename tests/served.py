"""peerhub as it runs for people: `peerhub serve` in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import KEYRING

SIGNING = b"k" * 32


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def keys_as_setting() -> str:
    sealing = {str(number): key.hex() for number, key in KEYRING.keys.items()}
    return json.dumps({"sealing": sealing, "hashing": KEYRING.hash_key.hex(), "signing": SIGNING.hex()})


@contextmanager
def running(command: str, environment: dict[str, str], folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A peerhub command that serves, from when it is up until it has stopped; what it says goes to ``said``."""
    said = (folder / "said").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "peerhub", command],
        env={**os.environ, "PEERHUB_DATA": str(folder / "data"), "PORT": str(port), **environment},
        stdout=said, stderr=said,
    )  # fmt: skip
    try:
        wait_until_up(port, process, folder / "said")
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        said.close()


def wait_until_up(port: int, process: subprocess.Popen[bytes], said: Path, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, said.read_text()
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/health/ready", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"not up after {seconds} seconds: {said.read_text()}")
