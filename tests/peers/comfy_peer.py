"""A loopback ComfyUI: its queue, cache, history, files and socket, with what differs between its versions.

It validates a workflow as the real one does, runs its nodes one after another (flat colours instead of weights), and
tells the client that sent it. Written from ComfyUI's public sources and documentation; faults on demand.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import struct
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import WSMsgType, web
from PIL import Image

from tests.peers.comfy_nodes import colour_of, jpeg, object_info, png


class Interrupted(Exception):
    pass


@dataclass
class Manners:
    """How this server behaves; the defaults are those of a recent version."""

    version: str = "0.5.1"
    takes_ids: bool = True
    """Whether it takes the `prompt_id` that a client chose."""
    targeted: bool = True
    """Whether `/interrupt` heeds a `prompt_id`."""
    tells_success: bool = True
    """`execution_success`; before it, `executing` without a node was the end."""
    keeps_status: bool = True
    progress: str = "both"
    """`progress`, `progress_state` or both."""
    names_prompts: bool = True
    """Whether messages of progress name their prompt and node."""
    metadata: bool = True
    """Previews with metadata, where a client asks for them."""
    sockets: bool = True
    """A proxy may let none through."""
    header: tuple[str, str] | None = None
    page: tuple[int, str] | None = None
    """Answers everything with a status and a page."""
    moved: bool = False
    checkpoints: list[str] | None = None
    size: tuple[int, int] | None = None
    """Draws another size than it is asked for."""
    late_history: int = 0
    """Looks at the history that find nothing after the end was told."""
    file: bytes | None = None
    """Bytes of every file that it saves."""
    faults: deque[dict[str, Any]] = field(default_factory=deque)
    """Of samplers to come: `exception_type` and `exception_message` each."""
    noise: list[str | bytes] = field(default_factory=list)
    """Sent before each step, to whom the picture is for."""
    outputs: Callable[[dict[str, Any]], dict[str, Any]] = lambda outputs: outputs
    """What it makes of a prompt's outputs on record."""
    upload_status: int = 200
    prompt_status: deque[int] = field(default_factory=deque)
    """Answers to `/prompt` before it is taken; 0: it is taken, and the answer lost."""


@dataclass
class Prompt:
    number: int
    id: str
    nodes: dict[str, Any]
    client: str
    extra: dict[str, Any]


class ComfyPeer:
    """Use as an async context manager; `url` is its address."""

    def __init__(self, manners: Manners | None = None) -> None:
        self.manners = manners or Manners()
        self.files: dict[tuple[str, str, str], bytes] = {}
        """By type, folder and name."""
        self.prompts: list[Prompt] = []
        """All that it took, ever."""
        self.interrupts: list[Any] = []
        self.freed: list[Any] = []
        self.stopped: list[str] = []
        """Ids of prompts that were interrupted while they ran."""
        self.headers: list[dict[str, str]] = []
        self.sampling = asyncio.Event()
        """Set while a sampler is at its second step."""
        self.goes_on = asyncio.Event()
        """While it is clear, samplers wait there."""
        self.goes_on.set()
        self.takes = asyncio.Event()
        """While it is clear, nothing is taken out of the queue."""
        self.takes.set()
        self.lines = 0
        """Sockets that were ever opened."""
        self.url = ""
        self._queue: list[Prompt] = []
        self._running: Prompt | None = None
        self._history: dict[str, dict[str, Any]] = {}
        self._hidden: dict[str, int] = {}
        self._cache: dict[str, Any] = {}
        self._interrupt = asyncio.Event()
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._flags: dict[str, dict[str, Any]] = {}
        self._runner: web.AppRunner | None = None
        self._worker: asyncio.Task[None] | None = None
        self._counter = 0

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20, middlewares=[self._gate])
        routes: list[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]] = [
            ("GET", "/ws", self._ws), ("POST", "/prompt", self._prompt), ("GET", "/queue", self._get_queue),
            ("POST", "/queue", self._post_queue), ("GET", "/history/{id}", self._get_history),
            ("GET", "/view", self._view), ("POST", "/upload/image", self._upload),
            ("POST", "/interrupt", self._post_interrupt), ("POST", "/free", self._free),
            ("GET", "/object_info", self._object_info), ("GET", "/system_stats", self._stats),
        ]  # fmt: skip
        for method, path, handler in routes:
            app.router.add_route(method, path, handler)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._worker = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._end_worker()
        for line in list(self._sockets.values()):
            await line.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    # What a host or another person does

    async def restart(self) -> None:
        """Queue, history, cache and temporary files are gone; saved files are not."""
        await self._end_worker()
        self._queue, self._running, self._history, self._cache = [], None, {}, {}
        self.files = {key: data for key, data in self.files.items() if key[0] != "temp"}
        for line in list(self._sockets.values()):
            await line.close()
        self._sockets.clear()
        self._worker = asyncio.create_task(self._work())

    async def cut_sockets(self) -> None:
        for line in list(self._sockets.values()):
            await line.close()

    def somebody_else(self, nodes: dict[str, Any]) -> str:
        """Another person's prompt in the same queue."""
        return self._put(nodes, str(uuid.uuid4()), "somebody-else", {}).id

    def delete_all(self) -> None:
        """Somebody clears the queue."""
        self._queue.clear()

    def interrupt(self) -> None:
        """Somebody presses the cross."""
        self._interrupt.set()

    @property
    def running(self) -> str | None:
        return self._running.id if self._running else None

    @property
    def waiting(self) -> list[str]:
        return [prompt.id for prompt in self._queue]

    # HTTP

    @web.middleware
    async def _gate(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        if self.manners.moved:
            return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/elsewhere"})
        wanted = self.manners.header
        if wanted is not None and request.headers.get(wanted[0]) != wanted[1]:
            return web.Response(status=401, text="<html>Sign in</html>", content_type="text/html")
        if self.manners.page is not None:
            status, text = self.manners.page
            return web.Response(status=status, text=text, content_type="text/html")
        return await handler(request)

    async def _prompt(self, request: web.Request) -> web.Response:
        status = self.manners.prompt_status.popleft() if self.manners.prompt_status else None
        if status:
            return web.Response(status=status, text="<html>no</html>", content_type="text/html")
        body = await request.json()
        if "prompt" not in body:
            error = {"type": "no_prompt", "message": "No prompt provided", "details": "No prompt provided"}
            return web.json_response({"error": error, "node_errors": {}}, status=400)
        refused, node_errors = self._validated(body["prompt"])
        if refused:
            return web.json_response({"error": refused, "node_errors": node_errors}, status=400)
        own = body.get("prompt_id") if self.manners.takes_ids else None
        prompt = self._put(body["prompt"], own or str(uuid.uuid4()), body["client_id"], body.get("extra_data", {}))
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"prompt_id": prompt.id, "number": prompt.number, "node_errors": node_errors})

    def _put(self, nodes: dict[str, Any], id: str, client: str, extra: dict[str, Any]) -> Prompt:
        self._counter += 1
        prompt = Prompt(self._counter, id, nodes, client, extra)
        self.prompts.append(prompt)
        self._queue.append(prompt)
        return prompt

    def _validated(self, nodes: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        known = object_info([], self.manners.checkpoints)
        for id, node in nodes.items():
            if node["class_type"] not in known:
                said = f"Cannot execute because node {node['class_type']} does not exist."
                return {"type": "missing_node_type", "message": said, "details": f"Node ID '#{id}'"}, {}
        if not any(known[node["class_type"]]["output_node"] for node in nodes.values()):
            return {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": ""}, {}
        found = {}
        for id, node in nodes.items():
            errors = list(self._errors(node, known[node["class_type"]]))
            if errors:
                found[id] = {"errors": errors, "dependent_outputs": [], "class_type": node["class_type"]}
        if found:
            error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
            return error | {"details": "", "extra_info": {}}, found
        return None, {}

    def _errors(self, node: dict[str, Any], known: dict[str, Any]) -> Any:
        for name, spec in known["input"]["required"].items():
            extra = {"input_name": name, "input_config": spec}
            if name not in node["inputs"]:
                yield {
                    "type": "required_input_missing", "message": "Required input is missing", "details": name,
                    "extra_info": extra,
                }  # fmt: skip
                continue
            value, more = node["inputs"][name], spec[1] if len(spec) > 1 else {}
            if isinstance(value, list):
                continue
            if more.get("image_upload"):
                if self._named(value) not in self.files:
                    yield {
                        "type": "custom_validation_failed", "message": "Custom validation failed for node",
                        "details": f"image - Invalid image file: {value}", "extra_info": extra,
                    }  # fmt: skip
                continue
            choices = spec[0] if isinstance(spec[0], list) else more.get("options")
            if choices is not None and value not in choices:
                yield {
                    "type": "value_not_in_list", "message": "Value not in list",
                    "details": f"{name}: '{value}' not in {choices}", "extra_info": extra,
                }  # fmt: skip
            elif isinstance(value, int | float) and "max" in more and value > more["max"]:
                yield {
                    "type": "value_bigger_than_max", "message": f"Value {value} bigger than max of {more['max']}",
                    "details": name, "extra_info": extra,
                }  # fmt: skip

    def _row(self, prompt: Prompt) -> list[Any]:
        return [prompt.number, prompt.id, prompt.nodes, {**prompt.extra, "client_id": prompt.client}, []]

    async def _get_queue(self, request: web.Request) -> web.Response:
        running = [self._row(self._running)] if self._running else []
        return web.json_response({"queue_running": running, "queue_pending": [*map(self._row, self._queue)]})

    async def _post_queue(self, request: web.Request) -> web.Response:
        body = await request.json()
        self._queue = [prompt for prompt in self._queue if prompt.id not in body.get("delete", ())]
        return web.Response(status=200)

    async def _get_history(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        if self._hidden.get(id, 0):
            self._hidden[id] -= 1
            return web.json_response({})
        return web.json_response({id: self._history[id]} if id in self._history else {})

    async def _view(self, request: web.Request) -> web.Response:
        query = request.query
        key = (query.get("type", "output"), query.get("subfolder", ""), query["filename"])
        if ".." in key[2] or key[2].startswith("/"):
            return web.Response(status=400)
        data = self.files.get(key)
        if data is None:
            return web.Response(status=404)
        return web.Response(body=data, content_type="image/png", headers={"Content-Disposition": "inline"})

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        if self.manners.upload_status != 200:
            return web.Response(status=self.manners.upload_status)
        image = form["image"]
        assert isinstance(image, web.FileField)
        kind, folder = str(form.get("type", "input")), str(form.get("subfolder", ""))
        self.files[kind, folder, image.filename] = image.file.read()
        return web.json_response({"name": image.filename, "subfolder": folder, "type": kind})

    async def _post_interrupt(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = json.loads(text) if text else {}
        self.interrupts.append(body)
        wanted = body.get("prompt_id") if self.manners.targeted else None
        if wanted is None or wanted == self.running:
            self._interrupt.set()
        return web.Response(status=200)

    async def _free(self, request: web.Request) -> web.Response:
        self.freed.append(await request.json())
        self._cache.clear()
        return web.Response(status=200)

    async def _object_info(self, request: web.Request) -> web.Response:
        names = [name for kind, _, name in self.files if kind == "input"]
        return web.json_response(object_info(names, self.manners.checkpoints))

    async def _stats(self, request: web.Request) -> web.Response:
        device = {"name": "cuda:0 NVIDIA Peer", "type": "cuda", "vram_total": 24 << 30, "vram_free": 22 << 30}
        return web.json_response({"system": {"comfyui_version": self.manners.version}, "devices": [device]})

    # The socket

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        if not self.manners.sockets:
            return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
        line = web.WebSocketResponse()
        await line.prepare(request)
        sid = request.query.get("clientId") or uuid.uuid4().hex
        self._sockets[sid] = line
        self.lines += 1
        left = len(self._queue)
        await line.send_json(
            {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": left}}, "sid": sid}}
        )
        if self._running is not None and self._running.client == sid:
            await line.send_json({"type": "executing", "data": {"node": "3"}})
        async for message in line:
            if message.type == WSMsgType.TEXT:
                said = json.loads(message.data)
                if said.get("type") == "feature_flags" and self.manners.metadata:
                    self._flags[sid] = said["data"]
                    await line.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        if self._sockets.get(sid) is line:
            del self._sockets[sid]
        return line

    async def _send(self, prompt: Prompt, kind: str, **data: Any) -> None:
        await self._send_raw(prompt, json.dumps({"type": kind, "data": data}))

    async def _send_raw(self, prompt: Prompt, message: str | bytes) -> None:
        line = self._sockets.get(prompt.client)
        if line is not None and not line.closed:
            send = line.send_bytes(message) if isinstance(message, bytes) else line.send_str(message)
            await asyncio.gather(send, return_exceptions=True)

    # Drawing

    async def _work(self) -> None:
        while True:
            await self.takes.wait()
            if not self._queue:
                await asyncio.sleep(0.002)
                continue
            prompt = self._running = self._queue.pop(0)
            self._interrupt.clear()
            messages: list[list[Any]] = []
            outputs: dict[str, Any] = {}
            status = "success"
            await self._send(prompt, "execution_start", prompt_id=prompt.id, timestamp=1)
            try:
                await self._execute(prompt, outputs)
            except Interrupted:
                status = "error"
                self.stopped.append(prompt.id)
                messages.append(["execution_interrupted", {"prompt_id": prompt.id, "node_id": "3"}])
            except Fault as fault:
                status = "error"
                messages.append(["execution_error", {"prompt_id": prompt.id, **fault.details}])
            else:
                messages.append(["execution_success", {"prompt_id": prompt.id}])
            self._end(prompt, status, messages, outputs)
            kind, data = messages[-1]
            if kind != "execution_success" or self.manners.tells_success:
                await self._send(prompt, kind, **data)
            await self._send(prompt, "executing", node=None, prompt_id=prompt.id)

    def _end(self, prompt: Prompt, status: str, messages: list[list[Any]], outputs: dict[str, Any]) -> None:
        """The record is there, and the prompt out of the queue, at one blow."""
        entry: dict[str, Any] = {"prompt": self._row(prompt), "outputs": self.manners.outputs(outputs), "meta": {}}
        if self.manners.keeps_status:
            start = ["execution_start", {"prompt_id": prompt.id}]
            entry["status"] = {
                "status_str": status, "completed": status == "success", "messages": [start, *messages],
            }  # fmt: skip
        self._history[prompt.id] = entry
        self._hidden[prompt.id] = self.manners.late_history
        self._running = None

    async def _execute(self, prompt: Prompt, outputs: dict[str, Any]) -> None:
        known = object_info([], self.manners.checkpoints)
        signatures = {id: self._signature(prompt.nodes, id) for id in prompt.nodes}
        cached = [id for id, signature in signatures.items() if signature in self._cache]
        await self._send(prompt, "execution_cached", nodes=cached, prompt_id=prompt.id)
        for id, node in prompt.nodes.items():
            if known[node["class_type"]]["output_node"]:
                await self._value(prompt, id, signatures, outputs)

    def _signature(self, nodes: dict[str, Any], id: str) -> str:
        inputs = {
            name: [self._signature(nodes, str(value[0])), value[1]] if isinstance(value, list) else value
            for name, value in nodes[id]["inputs"].items()
        }
        return hashlib.sha256(json.dumps([nodes[id]["class_type"], inputs], sort_keys=True).encode()).hexdigest()

    async def _value(self, prompt: Prompt, id: str, signatures: dict[str, str], outputs: dict[str, Any]) -> Any:
        node = prompt.nodes[id]
        known = signatures[id] in self._cache
        if not known:
            inputs = {}
            for name, value in node["inputs"].items():
                linked = isinstance(value, list)
                inputs[name] = await self._value(prompt, str(value[0]), signatures, outputs) if linked else value
            await self._send(prompt, "executing", node=id, display_node=id, prompt_id=prompt.id)
            self._cache[signatures[id]] = await self._run(prompt, id, node["class_type"], inputs)
        result = self._cache[signatures[id]]
        if node["class_type"] in ("SaveImage", "PreviewImage"):
            outputs[id] = result
            await self._send(prompt, "executed", node=id, display_node=id, output=result, prompt_id=prompt.id)
        return result

    async def _run(self, prompt: Prompt, id: str, kind: str, inputs: dict[str, Any]) -> Any:
        match kind:
            case "EmptyLatentImage" | "EmptySD3LatentImage":
                return {"size": (inputs["width"], inputs["height"]), "count": inputs["batch_size"], "from": None}
            case "KSampler" | "SamplerCustomAdvanced":
                return await self._sample(prompt, id, inputs)
            case "VAEDecode":
                latent = inputs["samples"]
                size = self.manners.size or latent["size"]
                return [Image.new("RGB", size, colour_of([latent["words"], n])) for n in range(latent["count"])]
            case "VAEEncode" | "VAEEncodeForInpaint":
                image = inputs["pixels"][0]
                mask = inputs.get("mask")
                return {"size": image.size, "count": 1, "from": [image.convert("RGB").getpixel((0, 0)), mask]}
            case "LoadImage" | "LoadImageMask":
                image = Image.open(io.BytesIO(self.files[self._named(inputs["image"])]))
                return [image.convert("RGB")] if kind == "LoadImage" else str(image.getpixel((0, 0)))
            case "ImageScale":
                return [image.resize((inputs["width"], inputs["height"])) for image in inputs["image"]]
            case "SaveImage" | "PreviewImage":
                return {"images": [self._saved(prompt, kind, inputs, image) for image in inputs["images"]]}
            case _:
                return [kind, {name: value for name, value in inputs.items() if name not in ("clip", "model")}]

    async def _sample(self, prompt: Prompt, id: str, inputs: dict[str, Any]) -> dict[str, Any]:
        steps = inputs["steps"] if "steps" in inputs else inputs["sigmas"][1]["steps"]
        latent = inputs["latent_image"]
        words = [{name: value for name, value in inputs.items() if name != "latent_image"}, latent["from"]]
        for step in range(1, steps + 1):
            if self._interrupt.is_set():
                raise Interrupted
            for message in self.manners.noise:
                await self._send_raw(prompt, message)
            await self._tell_step(prompt, id, step, steps, colour_of(step))
            await asyncio.sleep(0)
            if step == min(2, steps):
                self.sampling.set()
                await self._held()
                self.sampling.clear()
                if self.manners.faults:
                    raise Fault({"node_id": id, "node_type": "KSampler"} | self.manners.faults.popleft())
        return {"size": latent["size"], "count": latent["count"], "words": json.loads(json.dumps(words))}

    async def _held(self) -> None:
        while not self.goes_on.is_set():
            if self._interrupt.is_set():
                raise Interrupted
            await asyncio.sleep(0.002)

    async def _tell_step(self, prompt: Prompt, id: str, step: int, steps: int, colour: tuple[int, int, int]) -> None:
        whose = {"prompt_id": prompt.id, "node": id} if self.manners.names_prompts else {}
        if self.manners.progress in ("progress", "both"):
            await self._send(prompt, "progress", value=step, max=steps, **whose)
        if self.manners.progress in ("progress_state", "both"):
            nodes = {
                "4": {"value": 1, "max": 1, "state": "finished", "node_id": "4", "prompt_id": prompt.id},
                id: {"value": step, "max": steps, "state": "running", "node_id": id, "prompt_id": prompt.id},
            }
            await self._send(prompt, "progress_state", prompt_id=prompt.id, nodes=nodes)
        if self._flags.get(prompt.client, {}).get("supports_preview_metadata"):
            metadata = {"node_id": id, "prompt_id": prompt.id, "real_node_id": id, "image_type": "image/jpeg"}
            packed = json.dumps(metadata).encode()
            await self._send_raw(prompt, struct.pack(">II", 4, len(packed)) + packed + jpeg(colour))
        else:
            await self._send_raw(prompt, struct.pack(">II", 1, 1) + jpeg(colour))

    def _saved(self, prompt: Prompt, kind: str, inputs: dict[str, Any], image: Image.Image) -> dict[str, str]:
        self._counter += 1
        prefix = inputs["filename_prefix"] if kind == "SaveImage" else "ComfyUI_temp"
        folder, _, name = prefix.rpartition("/")
        where = "output" if kind == "SaveImage" else "temp"
        file = f"{name}_{self._counter:05}_.png"
        self.files[where, folder, file] = png(image, prompt.nodes) if self.manners.file is None else self.manners.file
        return {"filename": file, "subfolder": folder, "type": where}

    @staticmethod
    def _named(value: str) -> tuple[str, str, str]:
        """`folder/name.png [temp]` as ComfyUI reads it."""
        kind = "input"
        if value.endswith("]") and " [" in value:
            value, _, kind = value[:-1].rpartition(" [")
        folder, _, name = value.rpartition("/")
        return kind, folder, name


class Fault(Exception):
    """A node that raised something."""

    def __init__(self, details: dict[str, Any]) -> None:
        super().__init__(details.get("exception_message", ""))
        self.details = {"executed": [], "traceback": [], "current_inputs": {}, "current_outputs": []} | details
