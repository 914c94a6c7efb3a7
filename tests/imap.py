"""IMAP servers for tests: a small one that sees what is said and can break off, and one of others (pymap)."""

import imaplib
import re
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.served import a_free_port


@dataclass
class Kept:
    """One mail in the folder, and its flags."""

    mail: bytes
    flags: set[str] = field(default_factory=set)


@dataclass
class Post:
    """The folder as a test sees it; UIDs begin at 1. ``said`` is every command that came."""

    url: str = ""
    mails: list[Kept] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    takes_keywords: bool = True
    breaks_at: str = ""

    def put(self, mail: bytes) -> Kept:
        self.mails.append(Kept(mail))
        return self.mails[-1]


@contextmanager
def imap_server(*, takes_keywords: bool = True) -> Iterator[Post]:
    """Serve the folder on a free port, for ana with the password hunter2, while inside."""
    post = Post(takes_keywords=takes_keywords)

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"* OK IMAP4rev1 ready\r\n")
            for line in iter(self.rfile.readline, b""):
                tag, _, command = line.decode().strip().partition(" ")
                post.said.append(command)
                if post.breaks_at and command.startswith(post.breaks_at):
                    return
                for answer in _answers(post, command):
                    self.wfile.write(answer + b"\r\n")
                done = "NO" if command.startswith("LOGIN") and '"hunter2"' not in command else "OK"
                self.wfile.write(f"{tag} {done} done\r\n".encode())
                if command == "LOGOUT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        post.url = f"imap://ana:hunter2@127.0.0.1:{server.server_address[1]}/INBOX"
        yield post
        server.shutdown()


def _answers(post: Post, command: str) -> Iterator[bytes]:
    if command == "CAPABILITY":
        yield b"* CAPABILITY IMAP4rev1"
    elif command.startswith("SELECT"):
        own = r" \*" if post.takes_keywords else ""
        yield f"* {len(post.mails)} EXISTS".encode()
        yield rf"* OK [PERMANENTFLAGS (\Seen{own})] flags".encode()
        yield b"* OK [UIDVALIDITY 7] life"
    elif found := re.match(r"UID SEARCH (UNKEYWORD (\w+)|UNSEEN)", command):
        flag = found[2] or r"\Seen"
        uids = [str(uid) for uid, one in enumerate(post.mails, 1) if flag not in one.flags]
        yield " ".join(["* SEARCH", *uids]).encode()
    elif found := re.match(r"UID FETCH (\S+) \(UID RFC822.SIZE\)", command):
        for uid in map(int, found[1].split(",")):
            yield f"* {uid} FETCH (RFC822.SIZE {len(post.mails[uid - 1].mail)} UID {uid})".encode()
    elif found := re.match(r"UID FETCH (\d+) \(BODY.PEEK\[\]\)", command):
        uid, mail = int(found[1]), post.mails[int(found[1]) - 1].mail
        yield f"* {uid} FETCH (UID {uid} BODY[] {{{len(mail)}}}".encode() + b"\r\n" + mail + b")"
    elif found := re.match(r"UID STORE (\S+) \+FLAGS.SILENT \((\S+)\)", command):
        for uid in map(int, found[1].split(",")):
            post.mails[uid - 1].flags.add(found[2])


@contextmanager
def server_of_others() -> Iterator[str]:
    """Serve pymap's folder in memory on a free port; its URL. It takes no keywords."""
    port = a_free_port()
    talk = ["--host", "127.0.0.1", "--port", str(port), "--no-tls"]
    kept = ["dict", "--demo-data", "--demo-user", "ana", "--demo-password", "hunter2"]
    running = subprocess.Popen([sys.executable, "-c", "from pymap.main import main; main()", *talk, *kept])
    try:
        _wait_for(port)
        yield f"imap://ana:hunter2@127.0.0.1:{port}/INBOX"
    finally:
        running.terminate()
        running.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(300):
        with suppress(OSError), imaplib.IMAP4("127.0.0.1", port, timeout=5):
            return
        time.sleep(0.1)
    raise TimeoutError("pymap does not answer")
