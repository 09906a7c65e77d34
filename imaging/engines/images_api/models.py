"""Hosted models by name: what they can do, which still exist, and which one to take where none is set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from imaging.model import Abilities, Technique

PREFERRED: Final = (
    "gpt-image-2.5-flare", "gpt-image-2.5-sunburst", "gpt-image-2", "gpt-image-1.5", "gpt-image-1-mini",
    "chatgpt-image-latest",
)  # fmt: skip
"""Where none is set: the first that an endpoint lists; OpenAI's own advice for those that were shut down leads."""
DEFAULT: Final = PREFERRED[0]
UNNAMED: Final = "one that the images endpoint lists"
"""What is said of the model before the endpoint was asked."""
SHUT_DOWN: Final = {"gpt-image-1": "2026-10-23", "dall-e-2": "2026-05-12", "dall-e-3": "2026-05-12"}
"""At OpenAI, by the notes of its SDK (openai 3.54, `types/image_model.py`); other servers call their models so too."""
ROOM: Final = 4
"""Requests under way at once."""
_DRAWS = re.compile(
    r"image|flux|diffusion|dall-?e|sdxl|\bsd[-_]?[1-3]|imagen|z-image|dreamshaper|kandinsky|pixart|hunyuan|kontext|sana",
    re.IGNORECASE,
)
_GPT_SIZES = {"square": (1024, 1024), "wide": (1536, 1024), "tall": (1024, 1536)}
_DALLE3_SIZES = {"square": (1024, 1024), "wide": (1792, 1024), "tall": (1024, 1792)}
_SQUARE_ONLY = {"square": (1024, 1024), "wide": (1024, 1024), "tall": (1024, 1024)}


def abilities_of(model: str) -> Abilities:
    """What a hosted model can do, from its name; empty: the default's, under no name."""
    name = (model or DEFAULT).casefold()
    sizes = _DALLE3_SIZES if "dall-e-3" in name else _SQUARE_ONLY if "dall-e-2" in name else _GPT_SIZES
    edits = "dall-e-3" not in name
    return Abilities(
        name="openai",
        model=model or UNNAMED,
        techniques=frozenset({Technique.NONE, Technique.INSTRUCTION} if edits else {Technique.NONE}),
        sizes=sizes,
        num_inference_steps=1,
        guidance_scale=0.0,
        sampler="hosted",
        refine_scale=1.0,
        parallel=ROOM,
        seeds=False,
    )


def choose(listed: Iterable[str]) -> str:
    """The model to take where none is set: a known one, else one that draws by its name, else the only one."""
    names = list(dict.fromkeys(listed))
    known = next((name for name in PREFERRED if name in names), None)
    if known is not None:
        return known
    drawing = [name for name in names if name not in SHUT_DOWN and _DRAWS.search(name)]
    return drawing[0] if drawing else names[0] if len(names) == 1 else DEFAULT


def shut_down(model: str, base_url: str) -> str | None:
    """The date on which OpenAI shut a model down; None for models that live, and at other servers."""
    host = urlsplit(base_url).hostname or ""
    return SHUT_DOWN.get(model) if host == "openai.com" or host.endswith(".openai.com") else None
