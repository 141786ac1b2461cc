"""What the stub Hub answers, route by route."""

import fnmatch
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import yaml

from tests.hub_store import Answer, RefusedError, Store, entry

USER, WRITER, READER = "user", "hf_local", "hf_reader"  # the account, and its two tokens
LFS = ("*.safetensors", "*.bin", "*.pt", "*.png")
DATE = "2026-01-01T00:00:00.000Z"
PREFIXES = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}

_ID = r"[^/]+/[^/]+"
_API = rf"/api/(?P<kind>models|datasets|spaces)/(?P<id>{_ID})"
_ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = []


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes
    token: str | None
    base: str  # address of this server as the client calls it
    range: str | None = None

    @property
    def asked(self) -> Any:
        return json.loads(self.body or b"{}")

    def require_writer(self) -> None:
        if self.token == READER:
            raise RefusedError(403, "Forbidden: you need the role write")
        if self.token != WRITER:
            raise RefusedError(401, "Invalid credentials in Authorization header")


def answer(store: Store, request: Request) -> Answer:
    """Find the route and follow it."""
    for method, pattern, function in _ROUTES:
        found = pattern.fullmatch(request.path)
        if found and request.method in method.split("|"):
            try:
                return function(store, request, **found.groupdict())
            except RefusedError as refused:
                return refused.answer
    return RefusedError(404, f"the stub has no route for {request.method} {request.path}").answer


def route(method: str, pattern: str) -> Callable[[Any], Any]:
    """Make a function answer this method and path."""

    def note(function: Any) -> Any:
        _ROUTES.append((method, re.compile(pattern), function))
        return function

    return note


def _repo(store: Store, request: Request, kind: str, id: str) -> dict[str, Any]:
    if request.token not in (None, WRITER, READER):
        raise RefusedError(401, "Invalid credentials in Authorization header")
    repo = store.repos.get(f"{kind}/{id}")
    if repo is None or (repo["private"] and not request.token):  # one answer for both, as the Hub's
        raise RefusedError(404 if request.token else 401, "Repository not found", "RepoNotFound")
    return repo


@route("POST", "/_stub/repo")
def set_repo(store: Store, request: Request) -> Answer:
    change = request.asked
    store.repos[f"models/{change.pop('id')}"].update(change)
    store.save()
    return 200, {}, {}


@route("GET", "/api/whoami-v2")
def whoami(store: Store, request: Request) -> Answer:
    if request.token not in (WRITER, READER):
        raise RefusedError(401, "Invalid credentials in Authorization header")
    role = "write" if request.token == WRITER else "read"
    return 200, {"type": "user", "name": USER, "orgs": [], "auth": {"accessToken": {"role": role}}}, {}


@route("POST", "/api/validate-yaml")
def validate_yaml(store: Store, request: Request) -> Answer:
    """Judge the head of a card by those of the Hub's rules that have been met."""
    told = re.match(r"---\r?\n(.*?)\n---", request.asked["content"], re.S)
    head = yaml.safe_load(told[1]) if told else {}
    errors = []
    link = head.get("license_link")
    if link and link not in ("LICENSE", "LICENSE.md") and not str(link).startswith("https://"):
        errors.append('"license_link" must be LICENSE, LICENSE.md or a URL')
    if head.get("license") == "other" and link and not head.get("license_name"):
        errors.append('"license_name" is required where "license" is other')
    if len(str(head.get("short_description", ""))) > 60:
        errors.append('"short_description" length must be less than or equal to 60 characters long')
    return 400 if errors else 200, {"errors": [{"message": each} for each in errors], "warnings": []}, {}


@route("POST", "/api/repos/create")
def create_repo(store: Store, request: Request) -> Answer:
    request.require_writer()
    asked = request.asked
    name = f"{asked.get('organization') or USER}/{asked['name']}"
    kind = asked.get("type", "model") + "s"
    url = f"{request.base}/{PREFIXES[kind]}{name}"
    hardware = asked.get("hardware", "cpu-basic") if kind == "spaces" else None
    if hardware == "cpu-basic" and asked["sdk"] != "static" and f"{kind}/{name}" not in store.repos:
        raise RefusedError(402, "A PRO subscription is required to create this Space")
    if f"{kind}/{name}" in store.repos:
        return 409, {"error": "You already created this repo", "url": url}, {}
    store.create(
        f"{kind}/{name}", hardware=hardware, private=bool(asked.get("private")) or asked.get("visibility") == "private"
    )
    return 200, {"url": url, "name": name, "id": "0" * 24}, {}


@route("POST", rf"{_API}/preupload/(?P<revision>.+)")
def preupload(store: Store, request: Request, kind: str, id: str, revision: str) -> Answer:
    request.require_writer()
    repo = _repo(store, request, kind, id)
    held = repo["commits"][store.oid(repo, revision)]["files"]
    files = []
    for file in request.asked["files"]:
        large = file["size"] > 10 * 2**20 or any(fnmatch.fnmatch(file["path"], one) for one in LFS)
        has = held.get(file["path"])
        oid = (has["sha256"] if has["lfs"] else has["oid"]) if has else None
        mode = "lfs" if large else "regular"
        files.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return 200, {"files": files}, {}


@route("POST", rf"/(?:(?:datasets|spaces)/)?{_ID}\.git/info/lfs/objects/batch")
def lfs_batch(store: Store, request: Request) -> Answer:
    request.require_writer()
    objects = []
    for one in request.asked["objects"]:
        upload = {"upload": {"href": f"{request.base}/lfs/{one['oid']}", "header": {}}}
        stored = store.has(one["oid"])
        objects.append({"oid": one["oid"], "size": one["size"]} | ({} if stored else {"actions": upload}))
    return 200, {"transfer": "basic", "objects": objects}, {}


@route("PUT", r"/lfs/(?P<oid>\w{64})")
def put_object(store: Store, request: Request, oid: str) -> Answer:
    if hashlib.sha256(request.body).hexdigest() != oid:
        raise RefusedError(400, "the content is not what its id says")
    store.put(request.body)
    return 200, b"", {}


@route("GET|HEAD", r"/lfs/(?P<oid>\w{64})")
def get_object(store: Store, request: Request, oid: str) -> Answer:
    return _bytes(request, store.get(oid), {"ETag": f'"{oid}"'})


def _bytes(request: Request, data: bytes, headers: dict[str, str]) -> Answer:
    headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **headers}
    if not (asked := re.fullmatch(r"bytes=(\d+)-", request.range or "")):
        return 200, data, headers
    start = int(asked[1])
    return 206, data[start:], {**headers, "Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}


@route("POST", rf"{_API}/commit/(?P<revision>.+)")
def commit(store: Store, request: Request, kind: str, id: str, revision: str) -> Answer:
    request.require_writer()
    repo = _repo(store, request, kind, id)
    if revision not in repo["refs"]:
        raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    header, *rest = (json.loads(line) for line in request.body.splitlines() if line.strip())
    parent = header["value"].get("parentCommit")
    url = f"{request.base}/{PREFIXES[kind]}{id}"
    more = {}
    branch = revision
    if "create_pr" in request.query:
        number = 1 + sum(ref.startswith("refs/pr/") for ref in repo["refs"])
        branch = f"refs/pr/{number}"
        repo["refs"][branch] = parent or repo["refs"][revision]
        more = {"pullRequestUrl": f"{url}/discussions/{number}"}
    elif parent and parent != repo["refs"][revision]:
        raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
    operations = [(line["key"], line["value"]) for line in rest]
    oid = store.commit(repo, branch, operations, header["value"]["summary"])
    return (
        200,
        {"success": True, "commitOid": oid, "commitUrl": f"{url}/commit/{oid}", "hookOutput": "", **more},
        {},
    )


@route("GET", rf"{_API}(?:/revision/(?P<revision>.+))?")
def info(store: Store, request: Request, kind: str, id: str, revision: str | None) -> Answer:
    repo = _repo(store, request, kind, id)
    oid = store.oid(repo, revision or "main")
    names = [{"rfilename": path} for path in sorted(repo["commits"][oid]["files"])]
    told = {
        "_id": "0" * 24,
        "id": id,
        "modelId": id,
        "author": id.split("/")[0],
        "sha": oid,
        "private": repo["private"],
        "gated": "auto" if repo["gated"] else False,
        "disabled": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "lastModified": DATE,
        "createdAt": DATE,
        "siblings": names,
    }
    return 200, told, {}


@route("GET", rf"{_API}/tree/(?P<revision>refs/[^/]+/[^/]+|[^/]+)(?:/(?P<folder>.+))?")
def tree(store: Store, request: Request, kind: str, id: str, revision: str, folder: str | None) -> Answer:
    repo = _repo(store, request, kind, id)
    files = repo["commits"][store.oid(repo, revision)]["files"]
    inside = [path for path in sorted(files) if not folder or path.startswith(folder + "/")]
    return 200, [entry(path, files[path]) for path in inside], {}


@route("GET", rf"{_API}/refs")
def refs(store: Store, request: Request, kind: str, id: str) -> Answer:
    repo = _repo(store, request, kind, id)
    branches = {name: oid for name, oid in repo["refs"].items() if not name.startswith("refs/")}
    told = {
        key: [{"name": name, "ref": f"refs/{folder}/{name}", "targetCommit": oid} for name, oid in group.items()]
        for key, folder, group in (("branches", "heads", branches), ("tags", "tags", repo["tags"]))
    }
    return 200, {**told, "converts": []}, {}


@route("GET", rf"{_API}/commits/(?P<revision>.+)")
def commits(store: Store, request: Request, kind: str, id: str, revision: str) -> Answer:
    repo = _repo(store, request, kind, id)
    oid, told = store.oid(repo, revision), []
    while oid:
        title, parent = repo["commits"][oid]["title"], repo["commits"][oid]["parent"]
        told.append({"id": oid, "title": title, "message": "", "date": DATE, "authors": [{"user": USER}]})
        oid = parent
    return 200, told, {}


@route("POST|DELETE", rf"{_API}/tag/(?P<revision>.+)")
def tag(store: Store, request: Request, kind: str, id: str, revision: str) -> Answer:
    request.require_writer()
    repo = _repo(store, request, kind, id)
    if request.method == "DELETE":
        repo["tags"].pop(revision, None)
    elif (name := request.asked["tag"]) in repo["tags"]:
        raise RefusedError(409, "Tag reference exists already")
    else:
        repo["tags"][name] = store.oid(repo, revision)
    store.save()
    return 200, {}, {}


@route("POST", rf"{_API}/branch/(?P<name>.+)")
def branch(store: Store, request: Request, kind: str, id: str, name: str) -> Answer:
    request.require_writer()
    repo = _repo(store, request, kind, id)
    if name in repo["refs"]:
        raise RefusedError(409, "Reference already exists")
    repo["refs"][name] = store.oid(repo, request.asked.get("startingPoint", "main"))
    store.save()
    return 200, {}, {}


@route("GET|POST|DELETE", rf"{_API}/(?P<what>variables|secrets)")
def variables(store: Store, request: Request, kind: str, id: str, what: str) -> Answer:
    request.require_writer()
    repo = _repo(store, request, kind, id)
    if request.method == "POST":
        repo["variables"][request.asked["key"]] = {
            "key": request.asked["key"],
            "value": request.asked.get("value"),
        }
    elif request.method == "DELETE":
        repo["variables"].pop(request.asked["key"], None)
    store.save()
    return 200, repo["variables"], {}


@route(
    "GET|HEAD",
    rf"/(?:(?P<kind>datasets|spaces)/)?(?P<id>{_ID})/resolve/(?P<revision>refs/[^/]+/[^/]+|[^/]+)/(?P<path>.+)",
)
def resolve(store: Store, request: Request, kind: str | None, id: str, revision: str, path: str) -> Answer:
    repo = _repo(store, request, kind or "models", id)
    if repo["gated"] and request.token != WRITER:
        raise RefusedError(403 if request.token else 401, "Access to this repo is restricted", "GatedRepo")
    oid = store.oid(repo, revision)
    file = repo["commits"][oid]["files"].get(path)
    if file is None:
        status, body, headers = RefusedError(404, "Entry not found", "EntryNotFound").answer
        return status, body, {**headers, "X-Repo-Commit": oid}
    if not file["lfs"]:
        return _bytes(request, store.get(file["sha256"]), {"X-Repo-Commit": oid, "ETag": f'"{file["oid"]}"'})
    # On another host name, as in life: on the same one the client would follow, and miss these headers.
    elsewhere = request.base.replace("127.0.0.1", "localhost")
    headers = {
        "X-Repo-Commit": oid,
        "X-Linked-Etag": f'"{file["sha256"]}"',
        "X-Linked-Size": str(file["size"]),
        "Location": f"{elsewhere}/lfs/{file['sha256']}?Signature={quote('made up')}",
    }
    return 302, b"", headers
