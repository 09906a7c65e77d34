"""What a ComfyUI server's errors mean: a sentence for people, and one for whoever runs the program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

_LONGEST: Final = 300
_LOGGED: Final = "whoever runs me finds the reason in the log"


class ComfyRefused(Exception):
    """`str()` is the sentence for people; `memory` says that the device had no room."""

    def __init__(self, sentence: str, *, retryable: bool = True, memory: bool = False) -> None:
        super().__init__(sentence)
        self.retryable = retryable
        self.memory = memory


class Unreachable(ComfyRefused):
    """Nothing answers there now."""


class FileGone(ComfyRefused):
    """The server remembers a picture that is no longer on its disk."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """`host` is for the log and doctor."""

    sentence: str
    host: str
    again: bool = False

    def refused(self) -> ComfyRefused:
        return ComfyRefused(self.sentence, retryable=self.again)


NOT_COMFY: Final = Meaning(
    "What answers at EASEL_COMFYUI_URL is no ComfyUI server; whoever runs me can check it.",
    "its answer is not ComfyUI's: is it a sign-in page, or another program? Check EASEL_COMFYUI_URL",
)
MOVED: Final = Meaning(
    "The ComfyUI server has moved; whoever runs me can check EASEL_COMFYUI_URL.",
    "it answers with a redirect, which is not followed: what was asked would go to another place",
)
UNREACHABLE: Final = "The ComfyUI server cannot be reached; please try again when it runs (EASEL_COMFYUI_URL)."
TOO_MUCH: Final = "The ComfyUI server answered with more than can be taken."
NO_PICTURE: Final = "The ComfyUI server sent something that is not a picture that can be taken."
NOTHING: Final = f"The ComfyUI workflow ran and gave no picture; {_LOGGED}."
STOPPED: Final = "The picture was stopped at the ComfyUI server; ask again if you still want it."
LOST: Final = "The ComfyUI server was restarted and knows this picture no more; please ask again."
GONE: Final = "The ComfyUI server no longer has the file of this picture; please ask again with a new seed."
SILENT: Final = "The ComfyUI server has said nothing about this picture for too long; please try again later."
MEMORY: Final = "The ComfyUI server ran out of memory; ask for a smaller picture, or try again later."

_STATUSES: Final = (
    (
        (401, 403, 407),
        Meaning(
            "The ComfyUI server does not let me in; whoever runs me can check EASEL_COMFYUI_AUTH.",
            "it, or a proxy before it, refuses EASEL_COMFYUI_AUTH",
        ),
    ),
    ((300, 301, 302, 303, 307, 308), MOVED),
    ((404, 405, 410), NOT_COMFY),
    (
        (413,),
        Meaning(
            "The picture is too large for the ComfyUI server; ask for a smaller one.",
            "it takes no upload of that size: see --max-upload-size of ComfyUI, or the proxy's limit",
        ),
    ),
    (
        (429,),
        Meaning("The ComfyUI server is busy; please try again in a minute.", "it, or a proxy before it, is busy", True),
    ),
)


def of_status(status: int) -> Meaning:
    """Of a status that is no success, and of a body that says nothing more."""
    for statuses, meaning in _STATUSES:
        if status in statuses:
            return meaning
    if status >= 500:
        return Meaning(
            f"The ComfyUI server has a problem (status {status}); please try again later.", "its fault", True
        )
    return Meaning(f"The ComfyUI server did not take the request; {_LOGGED}.", "it did not take the request")


_REFUSALS: Final = (
    (
        r"value_not_in_list",
        r"_name$|^model$|^lora$|ckpt|unet|vae|clip",
        f"The ComfyUI server lacks a model that the workflow names; {_LOGGED}.",
    ),
    (r"value_not_in_list", "", f"The ComfyUI server does not know a choice that the workflow makes; {_LOGGED}."),
    (
        r"value_(smaller|bigger)_than",
        r"^(width|height)$",
        "The ComfyUI server does not draw pictures of that size; ask for another one.",
    ),
    (
        r"value_(smaller|bigger)_than|invalid_input_type",
        "",
        f"A number in the ComfyUI workflow is out of range; {_LOGGED}.",
    ),
    (
        r"missing_node_type|does not exist|not found",
        "",
        f"The ComfyUI server lacks a node that the workflow uses; {_LOGGED}.",
    ),
    (r"required_input_missing", "", f"The ComfyUI workflow lacks an input that the server wants; {_LOGGED}."),
    (
        r"custom_validation_failed",
        r"image",
        f"The ComfyUI server did not find the picture that was sent to it; {_LOGGED}.",
    ),
    (r"prompt_no_outputs", "", f"The ComfyUI workflow has no node that gives a picture; {_LOGGED}."),
)
_WORKFLOW: Final = f"The ComfyUI server did not take the workflow; {_LOGGED}."


def of_refusal(body: Any) -> Meaning:
    """Of what `/prompt` answers to a workflow that it does not take: `error`, and `node_errors` by node."""
    faults = list(node_faults(body))
    error = body.get("error") if isinstance(body, dict) else None
    top = error if isinstance(error, dict) else {"message": error if isinstance(error, str) else ""}
    faults.append(Fault("", "", _text(top, "type"), "", f"{_text(top, 'message')} {_text(top, 'details')}".strip()))
    host = "; ".join(filter(None, map(str, faults[:-1]))) or str(faults[-1]) or "it does not say why"
    for kind, inputs, sentence in _REFUSALS:
        for fault in faults:
            if re.search(kind, f"{fault.kind} {fault.said}") and re.search(inputs, fault.input):
                return Meaning(sentence, host)
    return Meaning(_WORKFLOW, host)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that the server has against one node."""

    node: str
    kind_of_node: str
    kind: str
    input: str
    said: str

    def __str__(self) -> str:
        where = f"node {self.node} ({self.kind_of_node}): " if self.node else ""
        return f"{where}{self.said[:_LONGEST]}" if self.said else ""


def node_faults(body: Any) -> Iterator[Fault]:
    """What stands in `node_errors`, as far as it can be read."""
    nodes = body.get("node_errors") if isinstance(body, dict) else None
    for id, node in nodes.items() if isinstance(nodes, dict) else ():
        errors = node.get("errors") if isinstance(node, dict) else None
        for error in errors if isinstance(errors, list) else ():
            if isinstance(error, dict):
                extra = error.get("extra_info")
                name = _text(extra, "input_name") if isinstance(extra, dict) else ""
                said = f"{_text(error, 'message')}: {_text(error, 'details')}"
                yield Fault(str(id)[:40], _text(node, "class_type")[:60], _text(error, "type"), name, said)


def of_failure(data: Any, secret: Iterable[str]) -> tuple[ComfyRefused, str]:
    """Of a node that failed while it ran (`execution_error`): what people are told, and what the log is.

    Args:
        secret: What people wrote; it is taken out of the log's part.
    """
    data = data if isinstance(data, dict) else {}
    kind, said = _text(data, "exception_type"), _text(data, "exception_message")
    node = _text(data, "node_type")[:60]
    host = f"node {_text(data, 'node_id')[:40]} ({node}) failed: {kind[:100]}: {_without(said, secret)[:_LONGEST]}"
    if re.search(r"OutOfMemory|out of memory|allocation on device|MPS backend out", f"{kind} {said}", re.IGNORECASE):
        return ComfyRefused(MEMORY, memory=True), host
    named = f" ({node})" if re.fullmatch(r"[\w .+-]+", node) else ""
    return ComfyRefused(f"A node of the ComfyUI workflow failed{named}; {_LOGGED}."), host


def _without(said: str, secret: Iterable[str]) -> str:
    for words in secret:
        if words.strip():
            said = said.replace(words, "…")
    return " ".join(said.split())


def _text(data: Any, key: str) -> str:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, str) else "" if value is None else str(value)[:_LONGEST]
