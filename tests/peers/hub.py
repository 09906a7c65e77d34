"""A model hub on 127.0.0.1 that answers as huggingface_hub asks: listing, metadata by HEAD, files by GET."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Repositories by id, and what was asked for."""

    repositories: dict[str, Path]
    port: int = 0
    asked: list[str] = field(default_factory=list)
    cut: str = ""
    """A file whose next transfer breaks off in the middle."""
    closed: str = ""
    """A file that nobody may have."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def files(self, id: str) -> list[Path]:
        folder = self.repositories[id]
        return sorted(each.relative_to(folder) for each in folder.rglob("*") if each.is_file())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        assert isinstance(self.server, _Server)
        return self.server.hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = unquote(self.path.split("?")[0])
        self.hub.asked.append(f"{self.command} {path}")
        if path.startswith("/api/models/"):
            return self._listing(path.removeprefix("/api/models/"))
        id, _, rest = path.removeprefix("/").partition("/resolve/")
        folder = self.hub.repositories.get(id)
        name = rest.partition("/")[2]
        if folder is None:
            return self._refuse(401, "RepoNotFound")
        if name == self.hub.closed:
            return self._refuse(403, "Forbidden")
        if not (folder / name).is_file():
            return self._refuse(404, "EntryNotFound")
        data = (folder / name).read_bytes()
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        headers = {
            "X-Repo-Commit": COMMIT,
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "Accept-Ranges": "bytes",
            "Content-Length": str(len(data) - begin),
            "Content-Type": "application/octet-stream",
        }
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        content = data[begin:]
        if body and name == self.hub.cut:
            self.hub.cut, self.close_connection = "", True
            content = content[: len(content) // 2]
        return self._send(206 if begin else 200, headers, content, body=body)

    def _listing(self, rest: str) -> None:
        id = "/".join(rest.split("/")[:2])
        if id not in self.hub.repositories:
            return self._refuse(401, "RepoNotFound")
        names = [str(each) for each in self.hub.files(id)]
        folder = self.hub.repositories[id]
        if "/tree/" in rest:
            found: Any = [
                {"type": "file", "path": name, "size": (folder / name).stat().st_size, "oid": COMMIT} for name in names
            ]
        else:
            found = {
                "_id": "1",
                "id": id,
                "modelId": id,
                "sha": COMMIT,
                "private": False,
                "gated": False,
                "disabled": False,
                "downloads": 0,
                "likes": 0,
                "library_name": "diffusers",
                "pipeline_tag": "text-to-image",
                "tags": ["diffusers"],
                "siblings": [{"rfilename": name} for name in names],
            }
        data = json.dumps(found).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        return self._send(200, headers, data, body=True)

    def _refuse(self, status: int, code: str) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": "Not here.", "Content-Length": "0"}
        self._send(status, headers, b"", body=False)

    def _send(self, status: int, headers: dict[str, str], data: bytes, *, body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        """Nothing: `asked` says it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        hub.port = self.server_address[1]


@contextmanager
def serve(repositories: dict[str, Path]) -> Iterator[Hub]:
    """A hub with these repositories (id → folder) until the block ends."""
    hub = Hub(repositories)
    server = _Server(hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
