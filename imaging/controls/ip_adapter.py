"""IP-Adapter: a picture as prompt (Ye et al. 2023, arXiv 2308.06721, section 3.2), and its Plus form.

A CLIP vision encoder and a small projection turn a picture into image tokens [tokens, C]; each
cross-attention layer has its own key and value matrices for them, [h · d, C], and adds
scale · Attention(Q, K_image, V_image) to what the words give. The tokens of a row are its own: they are
made into keys and values once per request and travel with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Of CLIP's pictures (Radford et al. 2021)."""
STYLE, LAYOUT = "up_blocks.0.attentions.1", "down_blocks.2.attentions.1"
"""SDXL blocks that carry style and layout alone (Wang et al. 2024, InstantStyle, arXiv 2404.02733)."""

NUMBERS: Mapping[str, Numbers] = {"sdxl": {"scale": 1.0}, "mini": {"scale": 1.6}}
"""Scale at strength 1, before it is cut at the 1 that it was trained with."""


def options(strength: float, numbers: Numbers, steps: int) -> dict[str, float | str]:
    """How much the picture counts, and in which blocks."""
    return {"scale": round(min(1.0, strength * numbers["scale"]), 3), "blocks": "all"}


def make(making: Making) -> tuple[Control, ...]:
    """The parent's picture as prompt, where the engine has the weights for it."""
    if making.ip_adapter is None:
        return ()
    scales = making.ip_adapter.scales(number(making.options, "scale", 0.5), str(making.options.get("blocks", "all")))
    return (ImageControl(making.ip_adapter.tokens(making.picture()), scales),) if scales else ()


@dataclass(frozen=True, slots=True)
class ImageControl(Control):
    """A picture beside one row's words, with a scale per layer."""

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
    def tokens(self, image: Image.Image) -> ImageTokens:
        """Keys and values of a picture, with those of "no picture" for the unconditional rows."""
        pixels = self._pixels(image)
        if self._plus:
            seen = self._encoder(pixels, output_hidden_states=True).hidden_states[-2]
            blank = self._encoder(torch.zeros_like(pixels), output_hidden_states=True).hidden_states[-2]
        else:
            seen = self._encoder(pixels).image_embeds
            blank = torch.zeros_like(seen)
        return ImageTokens(self._keys_values(self._projection(seen)), self._keys_values(self._projection(blank)))

    def scales(self, scale: float, blocks: str) -> dict[int, float]:
        """Scale per layer: everywhere, or in the `style` or `layout` blocks of SDXL alone."""
        if not scale:
            return {}
        prefix = {"style": STYLE, "layout": LAYOUT}.get(blocks, "")
        chosen = {layer: scale for layer, name in self._names.items() if name.startswith(prefix)}
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
