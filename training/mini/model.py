"""The miniature SDXL: its parts, its noise schedule, and the stock pipeline around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from measure.mini.world import SIZE
from training.mini.vocabulary import MAX_TOKENS

TEXT_WIDTH = 96
TEXT_HEADS = 4
TEXT_LAYERS = 4
"""SDXL reads `hidden_states[-2]`; with two layers only one would reach the cross-attention."""
WIDTHS = (64, 160)
TRANSFORMER_LAYERS = (1, 2)
"""A block's, by level; as in SDXL, most of them where there are few positions. What things look like is kept there."""
TIME_WIDTH = 32
NOISE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.02,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
}
"""SDXL's own noise schedule with v-prediction, rescaled so that the last step is pure noise, as it is when a picture
begins (Lin et al. 2023, arXiv:2305.08891, section 3.1): backgrounds then come from the words, not from a leak."""


def alphas() -> Tensor:
    """Cumulative signal share of each timestep, `[1000]`."""
    from diffusers import DDPMScheduler

    table: Tensor = DDPMScheduler(**NOISE).alphas_cumprod
    return table


def time_ids(n: int) -> Tensor:
    """SDXL's size conditioning for the native size, `[n, 6]`."""
    return torch.tensor([[SIZE, SIZE, 0, 0, SIZE, SIZE]], dtype=torch.float32).expand(n, -1)


class Denoiser(nn.Module):
    """Both text encoders and the UNet, trained together."""

    def __init__(self, tokenizer: Any, latent_channels: int, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        from diffusers import UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

        self.tokenizer = tokenizer
        text = {
            "vocab_size": len(tokenizer),
            "hidden_size": TEXT_WIDTH,
            "intermediate_size": 4 * TEXT_WIDTH,
            "projection_dim": TEXT_WIDTH,
            "num_hidden_layers": TEXT_LAYERS,
            "num_attention_heads": TEXT_HEADS,
            "max_position_embeddings": MAX_TOKENS,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }
        self.text_1: Any = CLIPTextModel(CLIPTextConfig(**text, hidden_act="quick_gelu"))
        self.text_2: Any = CLIPTextModelWithProjection(CLIPTextConfig(**text, hidden_act="gelu"))
        self.unet: Any = UNet2DConditionModel(
            sample_size=SIZE // 8,
            in_channels=latent_channels,
            out_channels=latent_channels,
            block_out_channels=widths,
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D",) * 2,
            up_block_types=("CrossAttnUpBlock2D",) * 2,
            mid_block_type="UNetMidBlock2DCrossAttn",
            transformer_layers_per_block=TRANSFORMER_LAYERS,
            attention_head_dim=tuple(width // 32 for width in widths),
            cross_attention_dim=2 * TEXT_WIDTH,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=TIME_WIDTH,
            projection_class_embeddings_input_dim=6 * TIME_WIDTH + TEXT_WIDTH,
            norm_num_groups=16,
        )

    def start(self) -> None:
        """Embeddings larger than CLIP's: at std 0.02 neither word nor place is told apart for a long time."""
        for text in (self.text_1, self.text_2):
            embeddings = dict(text.named_parameters())
            for name, parameter in embeddings.items():
                if "token_embedding" in name:
                    nn.init.normal_(parameter, std=0.3)
                elif "position_embedding" in name:
                    nn.init.normal_(parameter, std=0.2)

    def tokens(self, texts: list[str]) -> Tensor:
        """Padded token ids, `[N, MAX_TOKENS]`."""
        ids: Tensor = self.tokenizer(
            texts, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
        ).input_ids
        return ids

    def read(self, texts: list[str], blank: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Context `[N, MAX_TOKENS, 2·TEXT_WIDTH]` and pooled `[N, TEXT_WIDTH]`; rows of `blank` become zeros."""
        ids = self.tokens(texts)
        first = self.text_1(ids, output_hidden_states=True)
        second = self.text_2(ids, output_hidden_states=True)
        context = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1)
        pooled: Tensor = second.text_embeds
        if blank is not None:
            context, pooled = context * (~blank).view(-1, 1, 1), pooled * (~blank).view(-1, 1)
        return context, pooled

    def predict(self, noisy: Tensor, t: Tensor, context: Tensor, pooled: Tensor, ids: Tensor | None = None) -> Tensor:
        """The velocity of noisy latents `[N, C, h, w]` at timesteps `[N]`; `ids` default to whole pictures."""
        added = {"text_embeds": pooled, "time_ids": time_ids(len(noisy)) if ids is None else ids}
        velocity: Tensor = self.unet(noisy, t, context, added_cond_kwargs=added).sample
        return velocity


@dataclass
class Noised:
    """Latents on their way: what the UNet sees and what it should answer."""

    noisy: Tensor
    velocity: Tensor


def noised(latents: Tensor, noise: Tensor, t: Tensor, table: Tensor) -> Noised:
    """Mix `[N, C, H, W]` latents with noise at timesteps `[N]` (Salimans & Ho 2022, v-prediction)."""
    a = table[t].view(-1, 1, 1, 1)
    return Noised(a.sqrt() * latents + (1 - a).sqrt() * noise, a.sqrt() * noise - (1 - a).sqrt() * latents)


def pipeline(denoiser: Denoiser, vae: Any) -> Any:
    """The stock `StableDiffusionXLPipeline` around the parts."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    pipe = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=denoiser.text_1,
        text_encoder_2=denoiser.text_2,
        tokenizer=denoiser.tokenizer,
        tokenizer_2=denoiser.tokenizer,
        unet=denoiser.unet,
        scheduler=EulerDiscreteScheduler(**NOISE, timestep_spacing="trailing"),
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
