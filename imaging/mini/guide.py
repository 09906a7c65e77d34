"""Heads on the UNet's features that must say what stands where; they are thrown away after training.

The loss of a denoiser is mostly texture that no words predict, so a small UNet listens to its words late. Asked at
every noise level which thing and which colour each cell of the picture belongs to, its features have a reason to fetch
that from the text at once. The idea is representation alignment (Yu et al. 2024, arXiv:2410.06940, section 3), with the
true labels of drawn scenes in place of another network's features.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from imaging.mini import world
from imaging.mini.sprites import THINGS, TINTS

CELLS = world.SIZE // 8
WEIGHT = 0.1
"""Of the heads' loss beside the denoiser's, which is about 0.35."""
AROUND = 0.2
"""Weight of the cells that belong to no figure: they are most of a picture."""
UNSAID = -100
_THING = {thing: i + 1 for i, thing in enumerate(THINGS)}
_COLOUR = {colour: i + 1 for i, colour in enumerate(TINTS)}


def labels(scene: world.Scene) -> Tensor:
    """Thing and colour of each latent cell, `[2, CELLS, CELLS]`: 0 where no figure stands or no colour was given."""
    found = torch.zeros(2, CELLS, CELLS, dtype=torch.long)
    found[1] = UNSAID
    for it in scene.figures:
        side = world.PIXELS[it.size] // 8
        rows, columns = slice(it.y // 8, it.y // 8 + side), slice(it.x // 8, it.x // 8 + side)
        found[0, rows, columns] = _THING[it.thing]
        found[1, rows, columns] = _COLOUR.get(it.colour or "", 0)
    return found


class Guide(nn.Module):
    """A head on the UNet's middle and one on its first block upwards; it listens to the UNet that it is made with."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        width = int(unet.config.block_out_channels[-1])
        self.answers = 1 + len(THINGS), 1 + len(TINTS)
        self.heads = nn.ModuleList(nn.Conv2d(width, sum(self.answers), 1) for _ in range(2))
        self._seen: dict[int, Tensor] = {}
        for i, block in enumerate((unet.mid_block, unet.up_blocks[0])):
            block.register_forward_hook(lambda _module, _inputs, output, i=i: self._seen.__setitem__(i, output))

    def loss(self, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Of the UNet's last forward pass against labels `[N, 2, h, w]`; and whether each figure's cell was named."""
        total, named = torch.zeros(()), torch.zeros(0)
        weight = torch.ones(self.answers[0])
        weight[0] = AROUND
        for i, head in enumerate(self.heads):
            features = self._seen.pop(i)
            step = wanted.size(-1) // features.size(-1)
            thing, colour = wanted[:, :, ::step, ::step].unbind(1)
            said_thing, said_colour = head(features.float()).split(self.answers, 1)
            total = total + nn.functional.cross_entropy(said_thing, thing, weight)
            if (colour != UNSAID).any():
                total = total + nn.functional.cross_entropy(said_colour, colour, ignore_index=UNSAID)
            named = (said_thing.argmax(1) == thing)[thing > 0].detach()
        return WEIGHT * total, named
