"""A Hub on this machine: what push, tag and pull need, over real HTTP, with faults on demand.

    python -m tests.hub_stub --port 0 --root DIR      prints its address, and runs until it is killed

It keeps everything in DIR, so that one started again knows what the one before knew. Clients need HF_ENDPOINT,
HF_HUB_DISABLE_XET=1 and, to write, HF_TOKEN=hf_local. Beside the Hub's routes there are five of its own:

    POST /_stub/faults   [{"method": "GET", "path": "/lfs/", "do": "cut", "skip": 0, "times": 1}, ...]; replaces all
    POST /_stub/repo     {"id": "user/repo", "private": true, "gated": true}
    GET  /_stub/log      [["GET", "/api/..", 200], ...]
    GET  /_stub/repos    {"models/user/repo": {...}, ...}
    POST /_stub/reset    {}; forgets repositories, faults and log

What a fault may do: a status such as 503; "late 503" (does what was asked, then answers so); "late
silence" (does it, then nothing); "slowly" (takes 6 s to read what is sent); "cut" (half the answer,
then the connection closes); "stall" (half the answer, then nothing); "silence" (nothing at all); "drop" (closes).
"""

import argparse
import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub_routes import Request, answer
from tests.hub_store import Answer, RefusedError, Store

EVER = 3600.0  # s
LINE = 65536  # bytes of a request line


class Connection(BaseHTTPRequestHandler):
    """Answers one request after another."""

    protocol_version = "HTTP/1.1"
    store: Store
    faults: list[dict[str, Any]] = []  # noqa: RUF012  shared by all connections, as they must be
    log: list[tuple[str, str, int]] = []  # noqa: RUF012

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(LINE)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        url = urlsplit(self.path)
        fault = self._fault(unquote(url.path))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        request = Request(
            self.command,
            unquote(url.path),
            parse_qs(url.query, keep_blank_values=True),
            self._body(slow=fault == "slowly"),
            token,
            f"http://{self.headers['Host']}",
            self.headers.get("Range"),
        )
        if fault == "silence":
            time.sleep(EVER)
        if fault == "drop":
            self.close_connection = True
            return
        if isinstance(fault, int):
            self._send(RefusedError(fault, "made up by the stub").answer)
            return
        found = self._own(request)
        if fault == "late silence":
            time.sleep(EVER)
        if fault and fault.startswith("late "):
            found = RefusedError(int(fault[5:]), "made up by the stub").answer
        self._send(found, fault)

    def _body(self, slow: bool) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            length = int(self.headers.get("Content-Length") or 0)
            body = b""
            for _ in range(30 if slow else 0):
                time.sleep(0.2)
                body += self.rfile.read(length // 30)
            return body + self.rfile.read(length - len(body))
        body = b""
        while length := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _fault(self, path: str) -> Any:
        with self.store.lock:
            for fault in self.faults:
                if not (fault["method"] == self.command and re.search(fault["path"], path)):
                    continue
                if fault.get("skip", 0) > 0:
                    fault["skip"] -= 1
                elif fault.get("times", 1) > 0:
                    fault["times"] = fault.get("times", 1) - 1
                    return fault["do"]
        return None

    def _own(self, request: Request) -> Answer:
        if request.path == "/_stub/faults":
            self.faults[:] = request.asked
            return 200, {}, {}
        if request.path == "/_stub/reset":
            self.store.clear()
            self.faults.clear()
            self.log.clear()
            return 200, {}, {}
        if request.path == "/_stub/repos":
            return 200, self.store.repos, {}
        if request.path == "/_stub/log":
            return 200, self.log, {}
        with self.store.lock:
            return answer(self.store, request)

    def _send(self, found: Answer, fault: str | None = None) -> None:
        status, body, headers = found
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.log.append((self.command, self.path, status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status == 429:
            self.send_header("Retry-After", "300")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault not in ("cut", "stall"):
            self.wfile.write(data)
            return
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        if fault == "stall":
            time.sleep(EVER)
        self.close_connection = True


def main() -> None:
    parser = argparse.ArgumentParser(description="A Hub on this machine, for tests.")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--root", type=Path, required=True, help="folder it keeps everything in")
    args = parser.parse_args()
    Connection.store = Store(args.root)
    server = ThreadingHTTPServer(("127.0.0.1", args.port), Connection)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)  # noqa: T201  whoever started it reads this
    server.serve_forever()


if __name__ == "__main__":
    main()
