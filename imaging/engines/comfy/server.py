"""One ComfyUI server over HTTP: every question that is put to it, with limits on what it may answer.

Redirects are not followed: words, pictures and the sign-in go to the address that the host has set and nowhere else.
What it names (files, folders) is only ever asked of itself.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from imaging.engines.comfy.refusals import (
    GONE,
    NO_PICTURE,
    NOT_COMFY,
    TOO_MUCH,
    UNREACHABLE,
    ComfyRefused,
    FileGone,
    Meaning,
    Unreachable,
    of_refusal,
    of_status,
)

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

MAX_PICTURE: Final = 32 << 20
MAX_JSON: Final = 64 << 20
"""Bytes of one answer; a history repeats its workflow, a queue everybody's."""
MAX_MESSAGE: Final = 16 << 20
FOLDER: Final = "easel"
"""Where pictures for a workflow are put, among the server's temporary files, which it deletes when it starts."""
TARGETED: Final = (0, 4)
"""From this version on `/interrupt` certainly heeds the `prompt_id` (ComfyUI's pull request 9607)."""
_CHUNK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Queue:
    """Ids of prompts at the server, everybody's."""

    running: frozenset[str]
    pending: frozenset[str]


@dataclass(frozen=True, slots=True)
class File:
    """A picture as the server names it."""

    filename: str
    subfolder: str
    type: str


def header_of(auth: str) -> dict[str, str]:
    """`Name: value` is a header, `user:password` is basic auth.

    Raises:
        ValueError: it is neither; one sentence.
    """
    if not auth:
        return {}
    if any(ord(letter) < 32 or ord(letter) > 255 for letter in auth):
        raise ValueError("EASEL_COMFYUI_AUTH holds a letter that no header can carry.")
    if found := re.fullmatch(r"([A-Za-z0-9-]+): +(\S.*)", auth):
        return {found[1]: found[2].rstrip()}
    if ":" in auth:
        return {"Authorization": f"Basic {base64.b64encode(auth.encode()).decode()}"}
    raise ValueError("EASEL_COMFYUI_AUTH must be user:password, or a header such as Authorization: Bearer KEY.")


class Server:
    """`open` first. Every question raises `Unreachable` where nothing answers, and `ComfyRefused` else."""

    def __init__(self, url: str, auth: str, client_id: str, *, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._headers = header_of(auth)
        self._client_id = client_id
        self._timeout_s = timeout_s
        self._client: aiohttp.ClientSession | None = None
        self._away = False

    async def open(self) -> None:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        self._client = aiohttp.ClientSession(headers=self._headers, timeout=timeout, middlewares=(_stay,))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    # Prompts

    async def submit(self, nodes: Mapping[str, Any], prompt_id: str) -> str:
        """Put a filled workflow into the queue; returns the id that it got (older servers choose their own)."""
        body = {
            "prompt": nodes, "client_id": self._client_id, "prompt_id": prompt_id,
            "extra_data": {"preview_method": "auto"},
        }  # fmt: skip
        status, answer = await self._json("POST", "/prompt", body)
        if status == 400 and isinstance(answer, dict) and "error" in answer:
            raise self._told(of_refusal(answer))
        self._checked(status)
        found = answer.get("prompt_id") if isinstance(answer, dict) else None
        if not isinstance(found, str) or not found:
            raise self._told(NOT_COMFY)
        if answer.get("node_errors"):
            log.warning("ComfyUI leaves a part of the workflow out: %s", of_refusal(answer).host)
        return found

    async def queue(self) -> Queue:
        status, answer = await self._json("GET", "/queue")
        self._checked(status)
        if not isinstance(answer, dict):
            raise self._told(NOT_COMFY)
        return Queue(_ids(answer.get("queue_running")), _ids(answer.get("queue_pending")))

    async def history(self, id: str) -> dict[str, Any] | None:
        """What is on record of a prompt that has ended; None where there is nothing."""
        status, answer = await self._json("GET", f"/history/{id}")
        self._checked(status)
        if not isinstance(answer, dict):
            raise self._told(NOT_COMFY)
        entry = answer.get(id)
        return entry if isinstance(entry, dict) else None

    async def withdraw(self, id: str, ours: frozenset[str]) -> None:
        """Take a prompt out of the queue, or stop it where it runs; never anybody else's.

        An older server stops whatever runs when it hears the word. There it is said only while nobody else waits, whose
        prompt could begin between the look and the word.
        """
        await self._json("POST", "/queue", {"delete": [id]})
        queue = await self.queue()
        if id not in queue.running:
            return
        if queue.pending - ours and not await self._targets():
            log.info("ComfyUI is too old to stop one picture alone and others wait; the picture is drawn and dropped")
            return
        await self._json("POST", "/interrupt", {"prompt_id": id})

    async def free(self) -> None:
        """Have it let go of its models and what it keeps of earlier runs."""
        await self._json("POST", "/free", {"unload_models": True, "free_memory": True})

    async def _targets(self) -> bool:
        _, answer = await self._json("GET", "/system_stats")
        system = answer.get("system") if isinstance(answer, dict) else None
        return version_of(system) >= TARGETED

    # Pictures

    async def upload(self, name: str, data: bytes) -> str:
        """Give it a PNG; returns what a LoadImage node calls it."""
        import aiohttp

        form = aiohttp.FormData()
        form.add_field("image", data, filename=name, content_type="image/png")
        for field, value in (("type", "temp"), ("subfolder", FOLDER), ("overwrite", "true")):
            form.add_field(field, value)
        status, answer = await self._json("POST", "/upload/image", form=form)
        self._checked(status)
        found = answer.get("name") if isinstance(answer, dict) else None
        if not isinstance(found, str) or not found:
            raise self._told(NOT_COMFY)
        folder, kind = answer.get("subfolder") or "", answer.get("type") or "input"
        path = f"{folder}/{found}" if folder else found
        return path if kind == "input" else f"{path} [{kind}]"

    async def view(self, file: File) -> bytes:
        """The bytes of a picture."""
        params = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        status, data = await self._ask("GET", "/view", MAX_PICTURE, params=params)
        if status == 404:
            raise FileGone(GONE)
        self._checked(status)
        if not data:
            raise ComfyRefused(NO_PICTURE)
        return data

    async def socket(self) -> aiohttp.ClientWebSocketResponse:
        """The line on which it tells what it does.

        Raises:
            OSError, aiohttp.ClientError: there is none now.
        """
        assert self._client is not None
        return await self._client.ws_connect(
            f"{self._url}/ws", params={"clientId": self._client_id}, heartbeat=30.0, max_msg_size=MAX_MESSAGE
        )

    # How it is asked

    async def _json(
        self, method: str, path: str, body: Any = None, form: aiohttp.FormData | None = None
    ) -> tuple[int, Any]:
        status, data = await self._ask(method, path, MAX_JSON, json=body, data=form)
        try:
            return status, json.loads(data) if data.strip() else None
        except (ValueError, RecursionError):
            if status < 300:
                raise self._told(NOT_COMFY) from None
            return status, None

    async def _ask(self, method: str, path: str, most: int, **what: Any) -> tuple[int, bytes]:
        import aiohttp

        assert self._client is not None
        given = {key: value for key, value in what.items() if value is not None}
        data = bytearray()
        try:
            async with self._client.request(method, self._url + path, allow_redirects=False, **given) as answer:
                async for part in answer.content.iter_chunked(_CHUNK):
                    data += part
                    if len(data) > most:
                        raise ComfyRefused(TOO_MUCH)
                self._away = False
                return answer.status, bytes(data)
        except Moved as moved:
            return moved.status, b""
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            # Once until it answers again: who waits for a restart asks every few seconds.
            level = logging.DEBUG if self._away else logging.WARNING
            log.log(level, "ComfyUI cannot be asked for %s: %s", path.split("/")[1], _named(error))
            self._away = True
            raise Unreachable(UNREACHABLE) from error

    def _checked(self, status: int) -> None:
        if not 200 <= status < 300:
            raise self._told(of_status(status), status)

    def _told(self, meaning: Meaning, status: int | None = None) -> ComfyRefused:
        log.warning("ComfyUI refused%s: %s", f" ({status})" if status else "", meaning.host)
        return meaning.refused()


class Moved(Exception):
    """It answers with a redirect."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a redirect ({status}), which is not followed")
        self.status = status


async def _stay(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """The socket's request would follow redirects by itself."""
    answer = await handler(request)
    if 300 <= answer.status < 400:
        answer.close()
        raise Moved(answer.status)
    return answer


def version_of(system: Any) -> tuple[int, ...]:
    """Of `system` in `/system_stats`: (0, 3, 60); empty where it does not say."""
    said = system.get("comfyui_version") if isinstance(system, dict) else None
    return tuple(map(int, re.findall(r"\d+", said)[:3])) if isinstance(said, str) else ()


def _ids(rows: Any) -> frozenset[str]:
    """Rows are [number, id, …]."""
    found = rows if isinstance(rows, list) else []
    return frozenset(row[1] for row in found if isinstance(row, list) and len(row) > 1 and isinstance(row[1], str))


def _named(error: BaseException) -> str:
    """Without addresses that may hold what was asked."""
    return (
        f"{type(error).__name__}: {error.strerror}"
        if isinstance(error, OSError) and error.strerror
        else type(error).__name__
    )
