"""What the stub Hub keeps: repositories, their commits and files, in a folder."""

import base64
import hashlib
import json
import threading
import time
from pathlib import Path
from typing import Any

Answer = tuple[int, Any, dict[str, str]]  # status, body (bytes as they are, else JSON), headers


class RefusedError(Exception):
    """An answer that ends a request early."""

    def __init__(self, status: int, text: str, code: str | None = None) -> None:
        headers = {"X-Error-Message": text} | ({"X-Error-Code": code} if code else {})
        self.answer: Answer = (status, {"error": text}, headers)


class Store:
    """Repositories and their objects, in a folder."""

    def __init__(self, root: Path) -> None:
        self.objects, self.book = root / "objects", root / "repos.json"
        self.objects.mkdir(parents=True, exist_ok=True)
        self.repos: dict[str, Any] = json.loads(self.book.read_text()) if self.book.exists() else {}
        self.lock = threading.RLock()

    def clear(self) -> None:
        """Forget everything."""
        self.repos.clear()
        for file in self.objects.iterdir():
            file.unlink()

    def save(self) -> None:
        self.book.write_text(json.dumps(self.repos))

    def put(self, data: bytes) -> str:
        sha = hashlib.sha256(data).hexdigest()
        (self.objects / sha).write_bytes(data)
        return sha

    def has(self, sha: str) -> bool:
        return (self.objects / sha).exists()

    def get(self, sha: str) -> bytes:
        return (self.objects / sha).read_bytes()

    def create(self, name: str, private: bool, hardware: str | None = None) -> None:
        self.repos[name] = {
            "hardware": hardware,
            "private": private,
            "gated": False,
            "refs": {},
            "tags": {},
            "commits": {},
            "variables": {},
        }
        attributes = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
        self.commit(self.repos[name], "main", [("file", _as_file(".gitattributes", attributes))], "initial commit")

    def commit(self, repo: dict[str, Any], branch: str, operations: list[Any], title: str) -> str:
        parent = repo["refs"].get(branch)
        files = dict(repo["commits"][parent]["files"]) if parent else {}
        for kind, value in operations:
            path = value["path"]
            if kind == "file":
                data = base64.b64decode(value["content"])
                files[path] = {
                    "sha256": self.put(data),
                    "size": len(data),
                    "lfs": False,
                    "oid": git_oid(data),
                }
            elif kind == "lfsFile":
                if not self.has(value["oid"]):
                    raise RefusedError(422, f"the object {value['oid']} was never uploaded")
                size = (self.objects / value["oid"]).stat().st_size
                files[path] = {"sha256": value["oid"], "size": size, "lfs": True, "oid": value["oid"][:40]}
            elif kind == "deletedFile":
                if files.pop(path, None) is None:
                    raise RefusedError(404, "A file with this name doesn't exist", "EntryNotFound")
            else:  # deletedFolder
                files = {name: file for name, file in files.items() if not name.startswith(path.rstrip("/") + "/")}
        seed = json.dumps([parent, title, time.time_ns(), files])
        oid = hashlib.sha1(seed.encode()).hexdigest()
        repo["commits"][oid] = {"files": files, "parent": parent, "title": title}
        repo["refs"][branch] = oid
        self.save()
        return oid

    def oid(self, repo: dict[str, Any], revision: str) -> str:
        known = repo["refs"].get(revision) or repo["tags"].get(revision)
        short = [oid for oid in repo["commits"] if len(revision) >= 7 and oid.startswith(revision)]
        if not known and not short:
            raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return known or short[0]


def _as_file(path: str, data: bytes) -> dict[str, str]:
    return {"path": path, "content": base64.b64encode(data).decode()}


def git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def entry(path: str, file: dict[str, Any]) -> dict[str, Any]:
    lfs = {"lfs": {"oid": file["sha256"], "size": file["size"], "pointerSize": 134}} if file["lfs"] else {}
    return {"type": "file", "path": path, "size": file["size"], "oid": file["oid"], **lfs}
