"""Workflows as ComfyUI's editor exports them (API format), for its loopback peer."""

from __future__ import annotations

import json
from typing import Any

from imaging.engines.comfy.workflow import Purpose, Workflow, read_workflow

Nodes = dict[str, Any]


def node(kind: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    return {"inputs": inputs, "class_type": kind, "_meta": {"title": title or kind}}


def text_to_image(steps: int = 4, width: int = 64, height: int = 64) -> Nodes:
    """The editor's own first workflow."""
    return {
        "3": node(
            "KSampler", model=["4", 0], seed=156680208700286, steps=steps, cfg=8, sampler_name="euler",
            scheduler="normal", positive=["6", 0], negative=["7", 0], latent_image=["5", 0], denoise=1,
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name="sd_xl_base_1.0.safetensors"),
        "5": node("EmptyLatentImage", width=width, height=height, batch_size=1),
        "6": node("CLIPTextEncode", text="beautiful scenery nature glass bottle landscape", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="text, watermark", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }  # fmt: skip


def image_to_image() -> Nodes:
    nodes = text_to_image()
    nodes["3"]["inputs"] |= {"denoise": 0.6, "latent_image": ["11", 0]}
    del nodes["5"]
    nodes["10"] = node("LoadImage", image="example.png")
    nodes["11"] = node("VAEEncode", pixels=["10", 0], vae=["4", 2])
    return nodes


def inpaint() -> Nodes:
    nodes = image_to_image()
    nodes["11"] = node("VAEEncodeForInpaint", pixels=["10", 0], vae=["4", 2], mask=["12", 0])
    nodes["12"] = node("LoadImageMask", image="mask.png", channel="alpha")
    return nodes


def enlarge() -> Nodes:
    nodes = image_to_image()
    nodes["13"] = node("ImageScale", "easel:size", image=["10", 0], width=128, height=128)
    nodes["11"]["inputs"]["pixels"] = ["13", 0]
    return nodes


def flux() -> Nodes:
    """Noise, guider and schedule apart, and no negative words."""
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="sd_xl_base_1.0.safetensors"),
        "2": node("CLIPTextEncode", text="a bottle", clip=["1", 1]),
        "3": node("FluxGuidance", conditioning=["2", 0], guidance=3.5),
        "4": node("BasicGuider", model=["1", 0], conditioning=["3", 0]),
        "5": node("RandomNoise", noise_seed=7),
        "6": node("KSamplerSelect", sampler_name="euler"),
        "7": node("BasicScheduler", model=["1", 0], scheduler="normal", steps=4, denoise=1),
        "8": node("EmptySD3LatentImage", width=64, height=64, batch_size=1),
        "9": node(
            "SamplerCustomAdvanced", noise=["5", 0], guider=["4", 0], sampler=["6", 0], sigmas=["7", 0],
            latent_image=["8", 0],
        ),
        "10": node("VAEDecode", samples=["9", 0], vae=["1", 2]),
        "57:11": node("PreviewImage", images=["10", 0]),
    }  # fmt: skip


def read(nodes: Nodes, purpose: Purpose = Purpose.NEW, file: str = "") -> Workflow:
    return read_workflow(json.dumps(nodes), file or f"{purpose.value}.json", purpose)
