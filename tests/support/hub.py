"""A small server that answers as the HTTP API of the Hugging Face hub does, for data sets that tests put on it."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

TOKEN = "hf_a-secret-of-the-tests"  # noqa: S105 - the test hub knows no other
PAGE = 3
"""Entries on one page of a listing; the hub itself lists 1,000."""

Answer = Response | None


@dataclass
class Hub:
    """The data sets of a hub by commit; `faults` look at each request first, and may answer in the hub's place."""

    url: str = ""
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    revisions: dict[str, dict[str, str]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    gated: set[str] = field(default_factory=set)
    licences: dict[str, str] = field(default_factory=dict)
    faults: list[Callable[[Request], Answer]] = field(default_factory=list)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    cdn: str | None = None
    """Address that files are redirected to, as large files of the hub are."""

    def commit(self, name: str, files: Mapping[str, bytes], *, revision: str = "main") -> str:
        """Make `files` the content of a data set's branch; returns the hash of the commit."""
        commits = f"{name} {revision} {len(self.commits)}".encode()
        sha = hashlib.sha1(commits).hexdigest()  # noqa: S324 - as Git does
        self.commits[sha] = dict(files)
        self.revisions.setdefault(name, {})[revision] = sha
        return sha

    def fail(self, path: str, *answers: Answer) -> None:
        """Answer the next requests whose path ends with `path` by `answers`, one each; None is the hub's own answer."""
        waiting = list(answers)
        self.faults.append(lambda request: waiting.pop(0) if request.path.endswith(path) and waiting else None)

    def reads(self, path: str) -> int:
        """Count the requests for the content of a file."""
        return sum(method == "GET" and "/resolve/" in asked and asked.endswith(path) for method, asked, _ in self.asked)

    def answer(self, request: Request) -> Response:
        self.asked.append((request.method, request.path, request.headers.get("Authorization")))
        for fault in self.faults:
            if (answer := fault(request)) is not None:
                return answer
        if request.path.startswith("/cdn/"):
            return self._content(request, *request.path.removeprefix("/cdn/").split("/", 1))
        owner, name, *rest = request.path.removeprefix("/api").removeprefix("/datasets/").split("/")
        repository, known = f"{owner}/{name}", request.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repository not in self.revisions or (repository in self.private and not known):
            return _error(404 if known else 401, "RepoNotFound")
        what, revision, path = (*rest[:1], "info")[0], unquote((*rest[1:2], "main")[0]), "/".join(rest[2:])
        sha = revision if revision in self.commits else self.revisions[repository].get(revision)
        if sha is None:
            return _error(404, "RevisionNotFound")
        if what == "resolve":
            return (
                _error(401, "GatedRepo") if repository in self.gated and not known else self._file(request, sha, path)
            )
        return self._tree(request, sha, path) if what == "tree" else self._facts(repository, sha)

    def _facts(self, repository: str, sha: str) -> Response:
        card = {"license": self.licences[repository]} if repository in self.licences else {}
        return _json({"id": repository, "sha": sha, "cardData": card, "private": False, "tags": [], "siblings": []})

    def _file(self, request: Request, sha: str, path: str) -> Response:
        if self.cdn is None:
            return self._content(request, sha, path)
        headers = {"Location": f"{self.cdn}/cdn/{sha}/{quote(path)}?Signature=signed", "X-Repo-Commit": sha}
        return Response(status=302, headers=headers)

    def _tree(self, request: Request, sha: str, path: str) -> Response:
        entries = _entries(self.commits[sha], path, recursive=request.args.get("recursive") == "true")
        if path and not entries:
            return _error(404, "EntryNotFound")
        start = int(request.args.get("cursor", 0))
        answer = _json(entries[start : start + PAGE])
        if start + PAGE < len(entries):
            answer.headers["Link"] = f'<{request.base_url}?cursor={start + PAGE}>; rel="next"'
        return answer

    def _content(self, request: Request, sha: str, path: str) -> Response:
        content = self.commits[sha].get(unquote(path))
        if content is None:
            return _error(404, "EntryNotFound")
        headers = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": sha}  # noqa: S324
        if request.range is None:
            return Response(content, headers=headers, mimetype="application/octet-stream")
        start, stop = request.range.range_for_length(len(content)) or (0, 0)
        if stop <= start:
            return Response(status=416)
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
        return Response(content[start:stop], 206, headers, mimetype="application/octet-stream")


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run a hub that holds nothing yet, at `Hub.url`."""
    hub = Hub()
    with HTTPServer("127.0.0.1", threaded=True) as server:
        server.expect_request(re.compile(".*")).respond_with_handler(hub.answer)
        hub.url = server.url_for("").rstrip("/")
        try:
            yield hub
        finally:  # the factory is one for the whole process, and tests of the training use it, too
            set_client_factory(default_client_factory)


def _entries(files: Mapping[str, bytes], folder: str, *, recursive: bool) -> list[dict[str, object]]:
    """List what lies in a folder, as the hub does: files with their Git blob, folders with their tree."""
    prefix = f"{folder}/" if folder else ""
    inside = {path: content for path, content in files.items() if path.startswith(prefix)}
    folders = {
        prefix + "/".join(parts[:depth])
        for path in inside
        for parts in [path.removeprefix(prefix).split("/")]
        for depth in range(1, len(parts))
        if recursive or depth == 1
    }
    listed: list[dict[str, object]] = [
        {"type": "directory", "path": path, "size": 0, "oid": _oid(path.encode())} for path in sorted(folders)
    ]
    for path, content in sorted(inside.items()):
        if recursive or "/" not in path.removeprefix(prefix):
            listed.append({"type": "file", "path": path, "size": len(content), "oid": _oid(content)})
    return listed


def _oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()  # noqa: S324 - as Git does


def _json(content: object) -> Response:
    return Response(json.dumps(content), mimetype="application/json")


def _error(status: int, code: str) -> Response:
    return Response(
        json.dumps({"error": code}),
        status,
        {"X-Error-Code": code, "X-Error-Message": code},
        mimetype="application/json",
    )
