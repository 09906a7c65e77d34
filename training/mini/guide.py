"""Heads on the UNet's features that must say what stands where; they are thrown away after training.

The loss of a denoiser is mostly texture that no words predict, so a small UNet listens to its words late. Asked at
every noise level which thing and which colour each cell of the picture belongs to, its features have a reason to fetch
that from the text at once. Asked which part of the thing it is, which way round and from which art set, they know the
page of the picture book (`reader`) that they then only have to copy; and the first head of each cross-attention on the
way up must look at that page.

The idea is representation alignment (Yu et al. 2024, arXiv:2410.06940, section 3), with the true labels of drawn scenes
in place of another network's features.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from measure.mini import world
from measure.mini.sprites import SETS, THINGS, TINTS
from training.mini import reader

CELLS = world.SIZE // 8
WEIGHT = 0.1
"""Of the heads' loss beside the denoiser's, which is about 0.35."""
AROUND = 0.2
"""Weight of the cells that belong to no figure: they are most of a picture."""
UNSAID = -100
_THING = {thing: i + 1 for i, thing in enumerate(THINGS)}
_COLOUR = {colour: i + 1 for i, colour in enumerate(TINTS)}
_FIRST_PART: dict[world.Size, int] = {"big": 0, "small": 16}
"""A big thing has 4×4 parts of 2×2 latent cells, a small one 2×2."""
ANSWERS = 1 + len(THINGS), 1 + len(TINTS), 20, 2, len(SETS)
"""Of each question: thing, colour, part, mirrored, art set."""
PAGE = len(ANSWERS)
"""Row of the labels that says which token of the picture book shows a cell."""
PAGES = reader.FIGURES * reader.PARTS
LOOKING = 0.02
"""Weight of the loss of each attention that must look at the page."""


def labels(scene: world.Scene) -> Tensor:
    """The answers for each latent cell, `[6, CELLS, CELLS]`: thing (0 where no figure stands), colour (0 where none was
    given), part, mirrored, art set, page; all but the thing are UNSAID where no figure stands."""
    found = torch.full((len(ANSWERS) + 1, CELLS, CELLS), UNSAID)
    found[0] = 0
    for which, it in enumerate(scene.figures):
        side = world.PIXELS[it.size] // 8
        along = torch.arange(side) // 2
        part = _FIRST_PART[it.size] + side // 2 * along[:, None] + along
        rows, columns = slice(it.y // 8, it.y // 8 + side), slice(it.x // 8, it.x // 8 + side)
        found[0, rows, columns] = _THING[it.thing]
        found[1, rows, columns] = _COLOUR.get(it.colour or "", 0)
        found[2, rows, columns] = part
        found[3, rows, columns] = int(it.mirrored)
        found[4, rows, columns] = SETS.index(scene.art_set)
        drawn = torch.arange(side) * reader.SIDE // side
        across = reader.SIDE - 1 - drawn if it.mirrored else drawn
        found[PAGE, rows, columns] = reader.PARTS * which + reader.SIDE * drawn[:, None] + across
    return found


def only(found: Tensor, which: int) -> Tensor:
    """The labels for a caption that names but one of the figures: its pages are the first, those of others UNSAID."""
    page = found[PAGE]
    mine = torch.where(page.div(reader.PARTS, rounding_mode="floor") == which, page - reader.PARTS * which, UNSAID)
    return torch.cat([found[:PAGE], mine[None]])


class Guide(nn.Module):
    """A head on the UNet's middle and one on its first block upwards, which listen to the UNet that they are made with.

    Its attention processors must be the ones that multiply matrices themselves (`AttnProcessor`).
    """

    def __init__(self, unet: Any) -> None:
        super().__init__()
        width = int(unet.config.block_out_channels[-1])
        self.heads = nn.ModuleList(nn.Conv2d(width, sum(ANSWERS), 1) for _ in range(2))
        self._seen: dict[int, Tensor] = {}
        self._looked: list[Tensor] = []
        for i, block in enumerate((unet.mid_block, unet.up_blocks[0])):
            block.register_forward_hook(lambda _module, _inputs, output, i=i: self._seen.__setitem__(i, output))
        for block in (unet.mid_block, *unet.up_blocks):
            for layers in block.attentions:
                for layer in layers.transformer_blocks:
                    self._watch(layer.attn2)

    def _watch(self, attention: Any) -> None:
        """Keep what the first head of a cross-attention looks at, `[N, h·w, T]`."""
        scores, heads = attention.get_attention_scores, attention.heads

        def watched(*arguments: Any, **named: Any) -> Tensor:
            looked: Tensor = scores(*arguments, **named)
            self._looked.append(looked.unflatten(0, (-1, heads))[:, 0])
            return looked

        attention.get_attention_scores = watched

    def loss(self, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Of the UNet's last forward pass against labels `[N, 6, h, w]`; and whether each figure's cell was named."""
        total, named = torch.zeros(()), torch.zeros(0)
        weight = torch.ones(ANSWERS[0])
        weight[0] = AROUND
        for i, head in enumerate(self.heads):
            features = self._seen.pop(i)
            step = wanted.size(-1) // features.size(-1)
            thing, *rest = wanted[:, :PAGE, ::step, ::step].unbind(1)
            said_thing, *said_rest = head(features.float()).split(ANSWERS, 1)
            total = total + nn.functional.cross_entropy(said_thing, thing, weight)
            if (thing > 0).any():
                for said, answer in zip(said_rest, rest, strict=True):
                    total = total + nn.functional.cross_entropy(said, answer, ignore_index=UNSAID)
            named = (said_thing.argmax(1) == thing)[thing > 0].detach()
        return WEIGHT * total + LOOKING * self._looking(wanted[:, PAGE]), named

    def _looking(self, page: Tensor) -> Tensor:
        """How far the watched attentions look elsewhere than at the pages `[N, h, w]`, summed over them."""
        looked, self._looked = self._looked, []
        shown = nn.functional.one_hot(page.clamp(min=-1) + 1, 1 + PAGES)[..., 1:].permute(0, 3, 1, 2).float()
        total = torch.zeros(())
        for probabilities in looked:
            step = math.isqrt(page[0].numel() // probabilities.size(1))
            pages = nn.functional.max_pool2d(shown, step).flatten(2).transpose(1, 2)
            told = pages.amax(-1) > 0
            if told.any():
                right = (probabilities[..., -PAGES:].float() * pages).sum(-1)[told]
                total = total - (right + 1e-4).log().mean()
        return total
