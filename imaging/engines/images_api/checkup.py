"""What `easel doctor` asks an images endpoint: which models it has, which are taken, and which will end."""

from __future__ import annotations

import datetime
from typing import Any

from imaging.engine import Ask
from imaging.engines.images_api.models import choose, shut_down
from imaging.findings import Finding, broken, ok, warning

TIMEOUT_S = 20.0
WHAT = "images endpoint"
_FEW = 8


async def examine(base_url: str, key: str, wanted: str, ask: Ask) -> Finding:
    """One question for the list of models, which costs nothing."""
    address = f"{base_url.rstrip('/')}/models"
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        status, body, _ = await ask("GET", address, headers, timeout_s=TIMEOUT_S)
    except OSError as error:
        return broken(WHAT, f"{address} cannot be reached ({error}); check EASEL_IMAGES_BASE_URL")
    if 300 <= status < 400:
        return broken(WHAT, f"{address} answers with a redirect, which is not followed; check EASEL_IMAGES_BASE_URL")
    if status in (401, 403):
        return broken(WHAT, f"{address} refuses the key ({status}); check EASEL_IMAGES_API_KEY")
    models = _listed(body) if status == 200 else None
    if models is None:
        told = f"answers {status}" if status != 200 else "answers something that is no model list"
        return warning(WHAT, f"{address} {told}; {_taken(wanted, ())} is asked for")
    return _judged(wanted, base_url, models)


def _judged(wanted: str, base_url: str, models: list[dict[str, Any]]) -> Finding:
    names = [str(each["id"]) for each in models]
    model = _taken(wanted, names)
    few = ", ".join(names[:_FEW]) + (" …" if len(names) > _FEW else "")
    ended = shut_down(model, base_url)
    if ended is not None and model not in names:
        return broken(WHAT, f"{model} was shut down on {ended}; set EASEL_IMAGES_MODEL to another, or leave it empty")
    if names and model not in names:
        return broken(WHAT, f"{base_url} has no model {model!r}; it lists {few}: set EASEL_IMAGES_MODEL to one")
    ends = next(
        (str(each["shutdown_date"]) for each in models if each["id"] == model and each.get("shutdown_date")), ended
    )
    if ends:
        gone = ends[:10] <= datetime.datetime.now(datetime.UTC).date().isoformat()
        told = f"{model} {'was shut down' if gone else 'will be shut down'} on {ends[:40]}"
        return (broken if gone else warning)(WHAT, f"{told}; set EASEL_IMAGES_MODEL to another of {few}")
    chosen = "" if wanted else f" (EASEL_IMAGES_MODEL is empty; {model} draws)"
    return ok(WHAT, f"{base_url} answers; models: {few or 'none listed'}{chosen}")


def _taken(wanted: str, names: list[str] | tuple[()]) -> str:
    return wanted or choose(names)


def _listed(body: Any) -> list[dict[str, Any]] | None:
    try:
        found = body["data"] if isinstance(body, dict) else body
        return [each for each in found if isinstance(each["id"], str)]
    except (KeyError, TypeError):
        return None
