"""The word-level tokenizer, built from the world's own captions.

A CLIP byte-pair tokenizer whose merges are trained on captions, so that every word of the world is one token and any
other word still has tokens (its letters).
"""

from __future__ import annotations

import functools
import json
import random
import tempfile
from pathlib import Path
from typing import Any

from measure.mini import captions, world

MAX_TOKENS = 64
"""Length of a prompt in tokens, start and end included. Captions take 30 at most: the padding behind them is where the
text encoders say what things look like (`reader`)."""
SIZE_LIMIT = 1400
_SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def corpus(n: int = 30_000, seed: int = 3) -> list[str]:
    """Captions that contain every word the world uses."""
    rng = random.Random(seed)
    return [captions.caption(rng, world.random_scene(rng, held_out=True)) for _ in range(n)]


@functools.cache
def build() -> Any:
    """A `CLIPTokenizer` over the world's words; the same on every machine."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    end = "<|endoftext|>"
    raw = Tokenizer(models.BPE(unk_token=end, end_of_word_suffix="</w>"))
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(
            vocab_size=SIZE_LIMIT,
            initial_alphabet=letters,
            end_of_word_suffix="</w>",
            show_progress=False,
            min_frequency=1,
        ),
    )
    merges = [
        tuple(merge) if isinstance(merge, list) else tuple(merge.split())
        for merge in json.loads(raw.to_str())["model"]["merges"]
    ]
    vocabulary: dict[str, int] = {}
    for token in (*letters, *(f"{c}</w>" for c in letters), *(a + b for a, b in merges), "<|startoftext|>", end):
        vocabulary.setdefault(token, len(vocabulary))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.json").write_text(json.dumps(vocabulary))
        lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
        Path(folder, "merges.txt").write_text("\n".join(lines) + "\n")
        tokenizer: Any = CLIPTokenizer.from_pretrained(folder, model_max_length=MAX_TOKENS)
        saved = Path(folder, "saved")
        tokenizer.save_pretrained(saved)
        return CLIPTokenizer.from_pretrained(saved)
