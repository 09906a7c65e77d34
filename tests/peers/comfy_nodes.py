"""The nodes of the loopback ComfyUI: what they take, and what comes out of them, in flat colours instead of weights."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

from PIL import Image, PngImagePlugin

CHECKPOINTS = ["sd_xl_base_1.0.safetensors", "other.safetensors"]
MODEL, CLIP, VAE, LATENT, IMAGE, MASK, COND = "MODEL", "CLIP", "VAE", "LATENT", "IMAGE", "MASK", "CONDITIONING"
SEED = ["INT", {"default": 0, "min": 0, "max": 2**64 - 1}]
SIDE = ["INT", {"default": 512, "min": 16, "max": 16384, "step": 8}]
SHARE = ["FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0}]
STEPS = ["INT", {"default": 20, "min": 1, "max": 10000}]
CFG = ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0}]
TEXT = ["STRING", {"multiline": True}]
SAMPLERS = [["euler", "dpmpp_2m"], {}]
SCHEDULERS = ["COMBO", {"options": ["normal", "karras"]}]
LATENTS = {"width": SIDE, "height": SIDE, "batch_size": ["INT", {"default": 1, "min": 1, "max": 4096}]}


def _upload(names: list[str]) -> list[Any]:
    return [names, {"image_upload": True}]


def object_info(inputs: list[str], checkpoints: list[str] | None = None) -> dict[str, Any]:
    """`/object_info`: the two ways in which choices are written are both there, as in a real one."""
    names = CHECKPOINTS if checkpoints is None else checkpoints
    specs: dict[str, tuple[dict[str, Any], tuple[str, ...], bool]] = {
        "CheckpointLoaderSimple": ({"ckpt_name": [names]}, (MODEL, CLIP, VAE), False),
        "CLIPTextEncode": ({"text": TEXT, "clip": [CLIP]}, (COND,), False),
        "CLIPTextEncodeSDXL": ({"text_g": TEXT, "text_l": TEXT, "clip": [CLIP]}, (COND,), False),
        "ConditioningCombine": ({"conditioning_1": [COND], "conditioning_2": [COND]}, (COND,), False),
        "ConditioningZeroOut": ({"conditioning": [COND]}, (COND,), False),
        "FluxGuidance": ({"conditioning": [COND], "guidance": CFG}, (COND,), False),
        "ControlNetApplyAdvanced": (
            {"positive": [COND], "negative": [COND], "image": [IMAGE], "strength": SHARE}, (COND, COND), False,
        ),
        "PrimitiveString": ({"value": ["STRING", {}]}, ("STRING",), False),
        "PrimitiveInt": ({"value": SEED}, ("INT",), False),
        "EmptyLatentImage": (LATENTS, (LATENT,), False),
        "EmptySD3LatentImage": (LATENTS, (LATENT,), False),
        "KSampler": (
            {
                "model": [MODEL], "seed": SEED, "steps": STEPS, "cfg": CFG, "sampler_name": SAMPLERS,
                "scheduler": SCHEDULERS, "positive": [COND], "negative": [COND], "latent_image": [LATENT],
                "denoise": SHARE,
            },
            (LATENT,), False,
        ),
        "RandomNoise": ({"noise_seed": SEED}, ("NOISE",), False),
        "BasicGuider": ({"model": [MODEL], "conditioning": [COND]}, ("GUIDER",), False),
        "BasicScheduler": (
            {"model": [MODEL], "scheduler": SCHEDULERS, "steps": STEPS, "denoise": SHARE}, ("SIGMAS",), False,
        ),
        "KSamplerSelect": ({"sampler_name": SAMPLERS}, ("SAMPLER",), False),
        "SamplerCustomAdvanced": (
            {
                "noise": ["NOISE"], "guider": ["GUIDER"], "sampler": ["SAMPLER"], "sigmas": ["SIGMAS"],
                "latent_image": [LATENT],
            },
            (LATENT, LATENT), False,
        ),
        "VAEDecode": ({"samples": [LATENT], "vae": [VAE]}, (IMAGE,), False),
        "VAEEncode": ({"pixels": [IMAGE], "vae": [VAE]}, (LATENT,), False),
        "VAEEncodeForInpaint": ({"pixels": [IMAGE], "vae": [VAE], "mask": [MASK]}, (LATENT,), False),
        "LoadImage": ({"image": _upload(inputs)}, (IMAGE, MASK), False),
        "LoadImageMask": ({"image": _upload(inputs), "channel": [["alpha", "red"]]}, (MASK,), False),
        "ImageScale": ({"image": [IMAGE], "width": SIDE, "height": SIDE}, (IMAGE,), False),
        "SaveImage": ({"images": [IMAGE], "filename_prefix": ["STRING", {"default": "ComfyUI"}]}, (), True),
        "PreviewImage": ({"images": [IMAGE]}, (), True),
        "SaveImageWebsocket": ({"images": [IMAGE]}, (), True),
    }  # fmt: skip
    return {
        name: {"input": {"required": required}, "output": list(outputs), "name": name, "output_node": ends}
        for name, (required, outputs, ends) in specs.items()
    }


def colour_of(words: Any) -> tuple[int, int, int]:
    """The same inputs, the same colour."""
    red, green, blue = hashlib.sha256(json.dumps(words, sort_keys=True).encode()).digest()[:3]
    return red, green, blue


def png(image: Image.Image, prompt: Any) -> bytes:
    """As SaveImage writes it: with the whole workflow inside."""
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", json.dumps(prompt))
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=info)
    return out.getvalue()


def jpeg(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(out, "JPEG", quality=95)
    return out.getvalue()
