"""What `easel doctor` asks a ComfyUI server: whether it answers, and whether it can run the host's workflows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from imaging.engine import Ask
from imaging.engines.comfy.graph import called, link
from imaging.engines.comfy.refusals import of_status
from imaging.engines.comfy.server import TARGETED, header_of, version_of
from imaging.engines.comfy.workflow import Purpose, Workflow
from imaging.errors import EngineError
from imaging.findings import Finding, broken, ok, warning

TIMEOUT_S: Final = 20.0
WHAT: Final = "ComfyUI server"
_FEW = 6
_SHOWN = 3


async def examine(
    url: str, auth: str, files: Mapping[Purpose, str], read: Callable[[str, Purpose], Workflow], ask: Ask
) -> list[Finding]:
    """Two questions, which draw nothing; each workflow is compared with the nodes and models that the server has."""
    found: list[Finding] = []
    workflows: list[Workflow] = []
    for purpose, path in files.items():
        try:
            workflows.append(read(path, purpose))
        except EngineError as error:
            found.append(broken(_what(purpose), str(error)))
    base, headers = url.rstrip("/"), header_of(auth)
    server, answers = await _server(base, headers, ask)
    if not answers:
        return [server, *found]
    try:
        status, nodes, _ = await ask("GET", f"{base}/object_info", headers, timeout_s=TIMEOUT_S)
    except OSError as error:
        return [server, *found, warning(WHAT, f"it does not list its nodes ({error}); the workflows were not compared")]
    if status != 200 or not isinstance(nodes, dict) or not nodes:
        return [server, *found, warning(WHAT, "it does not list its nodes; the workflows were not compared")]
    return [server, *found, *(_compared(workflow, nodes) for workflow in workflows)]


def _what(purpose: Purpose) -> str:
    return f"workflow ({purpose.value})"


async def _server(base: str, headers: dict[str, str], ask: Ask) -> tuple[Finding, bool]:
    try:
        status, body, _ = await ask("GET", f"{base}/system_stats", headers, timeout_s=TIMEOUT_S)
    except OSError as error:
        return broken(WHAT, f"{base} cannot be reached ({error}); start it, or check EASEL_COMFYUI_URL"), False
    if status != 200:
        return broken(WHAT, f"{base} answers {status}: {of_status(status).host}; check EASEL_COMFYUI_URL"), False
    system = body.get("system") if isinstance(body, dict) else None
    if not isinstance(system, dict):
        return broken(WHAT, f"{base} answers with something else than ComfyUI does; check EASEL_COMFYUI_URL"), False
    version = version_of(system)
    told = f"{base} answers: ComfyUI {'.'.join(map(str, version)) or 'of an unknown version'}{_devices(body)}"
    if version < TARGETED:
        return warning(
            WHAT,
            f"{told}; before {'.'.join(map(str, TARGETED))} a running picture is not stopped while others wait there: "
            "update it if other people use it too",
        ), True
    return ok(WHAT, told), True


def _devices(body: Mapping[str, Any]) -> str:
    rows = body.get("devices")
    told = []
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("name"), str):
            free, total = row.get("vram_free"), row.get("vram_total")
            room = ""
            if isinstance(free, int | float) and isinstance(total, int | float):
                room = f" ({free / 2**30:.0f} of {total / 2**30:.0f} GiB free)"
            told.append(f"{row['name'][:60]}{room}")
    return f" on {', '.join(told)}" if told else ""


def _compared(workflow: Workflow, nodes: Mapping[str, Any]) -> Finding:
    problems = list(problems_of(workflow, nodes))
    what = _what(workflow.purpose)
    if problems:
        more = f" … and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        return broken(what, f"{workflow.file}: {'; '.join(problems[:_SHOWN])}{more}")
    takes = ", ".join(f"{mark.value} ({slots[0][0]})" for mark, slots in workflow.slots.items())
    return ok(what, f"{workflow.file} can run there; it takes {takes}, and gives the picture of node {workflow.output}")


def problems_of(workflow: Workflow, nodes: Mapping[str, Any]) -> Iterator[str]:
    """What the server lacks of a workflow's nodes, inputs and choices (models among them); see `/object_info`."""
    set_by_us = {slot for slots in workflow.slots.values() for slot in slots}
    for id, node in workflow.graph.items():
        known = nodes.get(node["class_type"])
        if not isinstance(known, dict):
            yield f"the server has no node {node['class_type'][:60]} (node {id[:40]}); install what it belongs to"
            continue
        for name, spec, required in _inputs(known):
            if name not in node["inputs"]:
                if required:
                    yield f"node {called(workflow.graph, id)} lacks the input {name}; export the workflow anew"
                continue
            value, choices = node["inputs"][name], _choices(spec)
            if choices is None or link(value) is not None or (id, name) in set_by_us or value in choices:
                continue
            has = ", ".join(map(str, choices[:_FEW])) + (" …" if len(choices) > _FEW else "")
            yield (
                f"node {called(workflow.graph, id)} names {str(value)[:80]!r} as {name}, which the server has not; "
                f"it has {has or 'none'}"
            )


def _inputs(known: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    """Name, specification, and whether it must be there."""
    groups = known.get("input")
    for group in ("required", "optional"):
        rows = groups.get(group) if isinstance(groups, dict) else None
        for name, spec in rows.items() if isinstance(rows, dict) else ():
            yield str(name), spec, group == "required"


def _choices(spec: Any) -> list[Any] | None:
    """What may be chosen: [[…], {}] or ["COMBO", {"options": […]}]; None where anything may stand. Lists of files of
    what can be uploaded are no limit: the picture comes with the request."""
    if not isinstance(spec, list) or not spec:
        return None
    more = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
    if any(key.endswith("_upload") for key in more) or more.get("remote"):
        return None
    if isinstance(spec[0], list):
        return spec[0]
    options = more.get("options") if spec[0] == "COMBO" else None
    return options if isinstance(options, list) else None
