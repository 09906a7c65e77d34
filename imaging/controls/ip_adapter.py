"""IP-Adapter: a picture as prompt (Ye et al. 2023, arXiv 2308.06721, section 3.2), and its Plus form.

A CLIP vision encoder and a small projection turn a picture into image tokens [tokens, C]; each
cross-attention layer has its own key and value matrices for them, [h · d, C], and adds
scale · Attention(Q, K_image, V_image) to what the words give. The tokens of a row are its own: they are
made into keys and values once per request and travel with it.

A row may follow several pictures. Those of one role are joined, by the mean of their embeddings or by attending to
the tokens of all, and each role has its scale and its blocks (InstantStyle, Wang et al. 2024, arXiv 2404.02733).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor

from imaging.controls.attention import NOTHING, ImagePrompt, KeysValues, RowControl, layer_numbers
from imaging.controls.control import Control, ImageTokens, Making, Numbers, Standing
from imaging.controls.families import number
from imaging.errors import EngineError
from imaging.model import Role

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Of CLIP's pictures (Radford et al. 2021)."""
STYLE, LAYOUT = "up_blocks.0.attentions.1", "down_blocks.2.attentions.1"
"""SDXL blocks that carry style and layout alone (Wang et al. 2024, InstantStyle, arXiv 2404.02733)."""
CONTENT = "up_blocks.0.attentions.0"
"""And what is shown (Frenkel et al. 2024, B-LoRA, arXiv 2403.14572)."""

NUMBERS: Mapping[str, Numbers] = {"sdxl": {"scale": 1.0}, "mini": {"scale": 1.6}}
"""Scale at strength 1, before it is cut at the 1 that it was trained with."""

MEAN_OF_ALL, BESIDE_EACH_OTHER = "mean", "tokens"
JOINED: Mapping[str, str] = {"sdxl": MEAN_OF_ALL, "mini": MEAN_OF_ALL}
"""How the pictures of one role become one prompt."""
ROLES: Mapping[str, Mapping[Role, tuple[float, str]]] = {
    "sdxl": {Role.BOTH: (0.6, "all"), Role.STYLE: (1.0, STYLE), Role.CHARACTER: (0.8, f"{LAYOUT} {CONTENT}")},
    "mini": {Role.BOTH: (1.0, "all"), Role.STYLE: (1.0, "all"), Role.CHARACTER: (1.0, "all")},
}
"""Scale and blocks of references, by what is taken over from them."""


def options(strength: float, numbers: Numbers, steps: int) -> dict[str, float | str]:
    """How much the picture counts, and in which blocks."""
    return {"scale": round(min(1.0, strength * numbers["scale"]), 3), "blocks": "all"}


def references(roles: Collection[Role], family: str) -> dict[str, float | str]:
    """How much the references of each role count, and in which blocks."""
    table = ROLES.get(family, ROLES["sdxl"])
    found: dict[str, float | str] = {"joined": JOINED.get(family, JOINED["sdxl"])}
    for role in sorted(roles):
        scale, blocks = table[role]
        found |= {f"{_prefix(role)}scale": scale, f"{_prefix(role)}blocks": blocks}
    return found


def _prefix(role: Role) -> str:
    """Of a role's options; those of whole pictures have their own from the beginning."""
    return "" if role is Role.BOTH else f"{role.value}_"


def make(making: Making) -> tuple[Control, ...]:
    """The row's pictures as prompts, one control a role, where the engine has the weights for it."""
    adapter, options = making.ip_adapter, making.options
    if adapter is None:
        return ()
    pictures = making.references()
    found = []
    for role in sorted({role for role, _ in pictures}):
        blocks = str(options.get(f"{_prefix(role)}blocks", "all"))
        scales = adapter.scales(number(options, f"{_prefix(role)}scale", 0.5), blocks)
        if scales:
            shown = [picture for its, picture in pictures if its is role]
            found.append(ImageControl(adapter.tokens(shown, str(options.get("joined", MEAN_OF_ALL))), scales))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class ImageControl(Control):
    """Pictures beside one row's words, with a scale per layer."""

    tokens: ImageTokens
    scales: Mapping[int, float]

    def at(self, step: int, standing: Standing) -> RowControl:
        places = ((standing.unconditional, self.tokens.unconditional), (standing.target, self.tokens.conditional))
        images = tuple(ImagePrompt(row, given, self.scales) for row, given in places if row is not None)
        return RowControl(images=images) if images else NOTHING


class IpAdapter:
    """Weights of one IP-Adapter beside a UNet; the UNet itself is not changed."""

    def __init__(self, unet: Any, weights: Mapping[str, Tensor], image_encoder: Any) -> None:
        """Take weights in the published layout: `image_proj.*` and `ip_adapter.N.to_[kv]_ip.weight`, N odd.

        Raises:
            EngineError: the weights do not fit this UNet.
        """
        projection = {k.removeprefix("image_proj."): v for k, v in weights.items() if k.startswith("image_proj.")}
        numbers = layer_numbers(unet)
        crosses = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
        dtype, device = unet.dtype, unet.device
        self._layers: dict[int, tuple[Tensor, Tensor, int]] = {}
        self._names = {numbers[name]: name for name in crosses}
        try:
            self._projection = unet._convert_ip_adapter_image_proj_to_diffusers(projection).to(device, dtype).eval()
            for index, name in enumerate(crosses):
                key = weights[f"ip_adapter.{2 * index + 1}.to_k_ip.weight"].to(device, dtype)
                value = weights[f"ip_adapter.{2 * index + 1}.to_v_ip.weight"].to(device, dtype)
                attention = unet.get_submodule(name.removesuffix(".processor"))
                if key.shape != (attention.to_k.out_features, unet.config.cross_attention_dim):
                    raise ValueError(name)
                self._layers[numbers[name]] = (key, value, attention.heads)
        except (KeyError, ValueError, RuntimeError, UnboundLocalError) as error:
            raise EngineError("The IP-Adapter weights do not fit this checkpoint; choose those made for it.") from error
        self._check_all_used(weights, len(crosses))
        self._plus = "latents" in projection or any(k.startswith("perceiver") for k in projection)
        self._encoder = image_encoder.to(device, dtype).eval()

    def _check_all_used(self, weights: Mapping[str, Tensor], layers: int) -> None:
        used = {f"ip_adapter.{2 * index + 1}.to_{part}_ip.weight" for index in range(layers) for part in "kv"}
        left = sorted(key for key in weights if key not in used and not key.startswith("image_proj."))
        if left:
            raise EngineError(
                f"The IP-Adapter weights do not fit this checkpoint: {len(left)} of their tensors ({left[0][:80]} …) "
                "belong to no layer of it; choose those made for it."
            )

    @torch.inference_mode()
    def tokens(self, images: Sequence[Image.Image], joined: str = MEAN_OF_ALL) -> ImageTokens:
        """Keys and values of pictures, with those of "no picture" for the unconditional rows.

        Args:
            images: One at least. The encoder sees each alone, so that its bytes do not depend on the others.
            joined: `mean`, one embedding for all, or `tokens`, those of each beside each other. The patches of a Plus
                adapter show places, which have no mean; they always stand beside each other.
        """
        each = [self._seen(self._pixels(image)) for image in images]
        if joined == MEAN_OF_ALL and not self._plus:
            each = [(torch.stack([seen for seen, _ in each]).mean(0), each[0][1])] if len(each) > 1 else each
        seen, blank = (torch.cat([self._projection(one) for one in half], dim=1) for half in zip(*each, strict=True))
        return ImageTokens(self._keys_values(seen), self._keys_values(blank))

    def _seen(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder makes of a picture, and of none."""
        if self._plus:
            seen = self._encoder(pixels, output_hidden_states=True).hidden_states[-2]
            return seen, self._encoder(torch.zeros_like(pixels), output_hidden_states=True).hidden_states[-2]
        seen = self._encoder(pixels).image_embeds
        return seen, torch.zeros_like(seen)

    def scales(self, scale: float, blocks: str) -> dict[int, float]:
        """Scale per layer: everywhere, or in some blocks alone.

        Args:
            blocks: `all`, `style` or `layout` (those of SDXL), or the beginnings of blocks' names, with spaces between.
        """
        if not scale:
            return {}
        beginnings = tuple({"all": "", "style": STYLE, "layout": LAYOUT}.get(blocks, blocks).split()) or ("",)
        chosen = {layer: scale for layer, name in self._names.items() if name.startswith(beginnings)}
        return chosen or dict.fromkeys(self._names, scale)

    def _keys_values(self, tokens: Tensor) -> KeysValues:
        """[1, tokens, C] → per layer ([1, h, tokens, d], the same)."""
        found = {}
        for layer, (key, value, heads) in self._layers.items():
            k, v = tokens @ key.T, tokens @ value.T
            shape = (1, tokens.shape[1], heads, key.shape[0] // heads)
            found[layer] = (k.view(shape).transpose(1, 2), v.view(shape).transpose(1, 2))
        return found

    def _pixels(self, image: Image.Image) -> Tensor:
        side = int(self._encoder.config.image_size)
        scale = side / min(image.size)
        small = image.convert("RGB").resize(
            (max(side, round(image.width * scale)), max(side, round(image.height * scale))), Image.Resampling.BICUBIC
        )
        left, top = (small.width - side) // 2, (small.height - side) // 2
        cropped = np.asarray(small.crop((left, top, left + side, top + side)), dtype=np.float32)
        pixels = torch.from_numpy(cropped / 255.0).permute(2, 0, 1)
        pixels = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        return pixels[None].to(self._encoder.device, self._encoder.dtype)


def load_ip_adapter(unet: Any, file: Path) -> IpAdapter:
    """Read one IP-Adapter's weights and the image encoder that they were made with.

    The encoder stands in `image_encoder/` beside the file, or where the published weights have the smaller one,
    in `models/image_encoder/` beside the file's folder; it is known by its width.

    Raises:
        EngineError: one is not there, cannot be read, or they do not fit.
    """
    from safetensors.torch import load_file
    from transformers import CLIPVisionModelWithProjection

    try:
        weights = load_file(file)
        _refuse_faces(file.name, weights)
        folder = _encoder_folder(file, weights)
        encoder = CLIPVisionModelWithProjection.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise EngineError(f"The IP-Adapter in {file.name} cannot be read.") from error
    return IpAdapter(unet, weights, encoder)


def _refuse_faces(name: str, weights: Mapping[str, Tensor]) -> None:
    """Adapters for faces are given the numbers of a face recogniser in place of a picture, and bring a LoRA along."""
    if any("_lora." in key or ".lora_" in key or "perceiver_resampler" in key for key in weights):
        raise EngineError(
            f"The IP-Adapter {name[:80]} is a FaceID one: it wants a face recogniser (InsightFace), and there is none; "
            "choose ip-adapter_sdxl or ip-adapter-plus_sdxl."
        )


def encoder_patterns(file: str) -> list[str]:
    """The image encoder's files that a published adapter needs, relative to its repository."""
    folder = "models" if "vit-h" in file else file.rpartition("/")[0]
    place = f"{folder}/image_encoder".lstrip("/")
    return [f"{place}/config.json", f"{place}/*.safetensors"]


def _encoder_folder(file: Path, weights: Mapping[str, Tensor]) -> Path:
    places = [file.parent / "image_encoder", file.parent.parent / "models" / "image_encoder"]
    there = [each for each in places if (each / "config.json").is_file()]
    for each in there:
        config = json.loads((each / "config.json").read_text(encoding="utf-8"))
        plus = weights.get("image_proj.proj_in.weight")
        wanted = weights.get("image_proj.proj.weight") if plus is None else plus
        width = config.get("projection_dim" if plus is None else "hidden_size")
        if wanted is None or wanted.shape[-1] == width:
            return each
    if there:
        raise EngineError(f"The image encoder beside {file.name} is not the one that it was made with.")
    raise EngineError(f"The IP-Adapter {file.name} needs its image encoder in a folder image_encoder beside it.")
