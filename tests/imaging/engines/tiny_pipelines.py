"""Tiny pipelines with random weights, built offline: folders in diffusers' layout, as hosts have them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxKontextPipeline,
    FluxTransformer2DModel,
    QwenImageEditPlusPipeline,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SanaSprintPipeline,
    SanaTransformer2DModel,
    SCMScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from imaging.engines.pipelines.words_and_pictures import NAME, PicturesOnly

SIDE: Final = 64
BYTES: Final = {token: number for number, token in enumerate(sorted(ByteLevel.alphabet()))}
CHAT: Final = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
VOCABULARY: Final = 300


def flow() -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=False)


def qwen_words() -> Qwen2Tokenizer:
    words = Qwen2Tokenizer(
        vocab=dict(BYTES), merges=[], eos_token="<|im_end|>", pad_token="<|endoftext|>",
        extra_special_tokens=["<|im_start|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"],
    )  # fmt: skip
    words.chat_template = CHAT
    return words


def qwen3(kind: type, layers: int) -> Any:
    return kind(
        Qwen3Config(
            vocab_size=VOCABULARY, hidden_size=16, intermediate_size=16, num_hidden_layers=layers,
            num_attention_heads=2, num_key_value_heads=2, head_dim=8, max_position_embeddings=1024,
        )
    )  # fmt: skip


def vae(**more: Any) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(4, 8), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, norm_num_groups=1, layers_per_block=1,
        use_quant_conv=False, use_post_quant_conv=False, scaling_factor=0.36, shift_factor=0.11, sample_size=SIDE,
        **more,
    )  # fmt: skip


def clip(kind: type, width: int = 16) -> Any:
    return kind(
        CLIPTextConfig(
            vocab_size=VOCABULARY, hidden_size=width, intermediate_size=16, num_hidden_layers=2,
            num_attention_heads=2, projection_dim=width, max_position_embeddings=77, bos_token_id=256,
            eos_token_id=257, pad_token_id=257,
        )
    )  # fmt: skip


def clip_words() -> CLIPTokenizer:
    ends = {f"{token}</w>": len(BYTES) + 2 + number for token, number in list(BYTES.items())[:40]}
    vocabulary = BYTES | {"<|startoftext|>": 256, "<|endoftext|>": 257} | ends
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def t5() -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(vocab_size=VOCABULARY, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, is_gated_act=True)
    )


def t5_words() -> T5Tokenizer:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -1.0), ("▁", -2.0)]
    return T5Tokenizer(vocab=pieces + [(chr(code), -3.0) for code in range(97, 123)], extra_ids=0)


def klein(**changes: Any) -> Flux2KleinPipeline:
    return Flux2KleinPipeline(
        scheduler=flow(),
        vae=AutoencoderKLFlux2(
            block_out_channels=(4, 4), down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=2, norm_num_groups=1, layers_per_block=1,
            sample_size=SIDE,
        ),
        text_encoder=qwen3(Qwen3ForCausalLM, 28),
        tokenizer=qwen_words(),
        transformer=Flux2Transformer2DModel(
            patch_size=1, in_channels=8, num_layers=1, num_single_layers=1, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=48, timestep_guidance_channels=256,
            axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
        ),
        **{"is_distilled": True} | changes,
    )  # fmt: skip


def kontext() -> FluxKontextPipeline:
    return FluxKontextPipeline(
        scheduler=flow(), vae=vae(), text_encoder=clip(CLIPTextModel), tokenizer=clip_words(),
        text_encoder_2=t5(), tokenizer_2=t5_words(),
        transformer=FluxTransformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
        ),
    )  # fmt: skip


def z_image() -> ZImagePipeline:
    return ZImagePipeline(
        scheduler=flow(), vae=vae(), text_encoder=qwen3(Qwen3Model, 2), tokenizer=qwen_words(),
        transformer=ZImageTransformer2DModel(
            in_channels=4, dim=32, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=16,
            axes_dims=(4, 4, 8), axes_lens=(1024, 64, 64),
        ),
    )  # fmt: skip


def qwen_parts() -> dict[str, Any]:
    return {
        "scheduler": flow(),
        "vae": AutoencoderKLQwenImage(
            base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
            latents_mean=[0.1] * 4, latents_std=[0.9] * 4,
        ),
        "text_encoder": Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(
                text_config={
                    "vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
                    "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 2048,
                    "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6},
                },
                vision_config={
                    "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16,
                    "patch_size": 14, "fullatt_block_indexes": [0],
                },
                image_token_id=BYTES_END + 5, vision_start_token_id=BYTES_END + 3, vision_end_token_id=BYTES_END + 4,
            )
        ),
        "tokenizer": qwen_words(),
        "transformer": QwenImageTransformer2DModel(
            patch_size=2, in_channels=16, out_channels=4, num_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=16, axes_dims_rope=(4, 4, 8),
        ),
    }  # fmt: skip


BYTES_END: Final = len(BYTES)


def qwen() -> QwenImagePipeline:
    return QwenImagePipeline(**qwen_parts())


def qwen_edit() -> QwenImageEditPlusPipeline:
    words = qwen_words()
    pictures = Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=SIDE * SIDE)
    return QwenImageEditPlusPipeline(
        **qwen_parts(), processor=PicturesOnly(pictures, words, chat_template=words.chat_template)
    )


def stable_diffusion_3() -> StableDiffusion3Pipeline:
    return StableDiffusion3Pipeline(
        scheduler=flow(), vae=vae(), text_encoder=clip(CLIPTextModelWithProjection), tokenizer=clip_words(),
        text_encoder_2=clip(CLIPTextModelWithProjection), tokenizer_2=clip_words(), text_encoder_3=None,
        tokenizer_3=None,
        transformer=SD3Transformer2DModel(
            sample_size=SIDE // 2, patch_size=1, in_channels=4, num_layers=1, attention_head_dim=8,
            num_attention_heads=2, joint_attention_dim=32, caption_projection_dim=16, pooled_projection_dim=32,
            out_channels=4,
        ),
    )  # fmt: skip


def sana() -> SanaSprintPipeline:
    return SanaSprintPipeline(
        tokenizer=gemma_words(),
        text_encoder=Gemma2Model(
            Gemma2Config(
                vocab_size=VOCABULARY, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                num_attention_heads=2, num_key_value_heads=2, head_dim=8,
            )
        ),
        vae=AutoencoderDC(
            in_channels=3, latent_channels=4, attention_head_dim=2, encoder_block_types=("ResBlock",) * 2,
            decoder_block_types=("ResBlock",) * 2, encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8), encoder_qkv_multiscales=((), ()), decoder_qkv_multiscales=((), ()),
            encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1), downsample_block_type="conv",
            upsample_block_type="interpolate", decoder_norm_types="rms_norm", decoder_act_fns="silu",
            scaling_factor=0.41,
        ),
        transformer=SanaTransformer2DModel(
            patch_size=1, in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=4,
            num_cross_attention_heads=2, cross_attention_head_dim=4, cross_attention_dim=8, caption_channels=16,
            sample_size=32, qk_norm="rms_norm_across_heads", guidance_embeds=True,
        ),
        scheduler=SCMScheduler(),
    )  # fmt: skip


def gemma_words() -> GemmaTokenizer:
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", *BYTES]
    return GemmaTokenizer(vocab={token: number for number, token in enumerate(tokens)}, merges=[])


MAKERS: Final[Mapping[str, Callable[[], Any]]] = {
    "Flux2KleinPipeline": klein,
    "FluxKontextPipeline": kontext,
    "ZImagePipeline": z_image,
    "QwenImageEditPlusPipeline": qwen_edit,
    "QwenImagePipeline": qwen,
    "StableDiffusion3Pipeline": stable_diffusion_3,
    "SanaSprintPipeline": sana,
}


def save(name: str, folder: Path, **changes: Any) -> Path:
    """A pipeline of this class as a folder; the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        MAKERS[name](**changes).save_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    if "processor" in index:  # published folders name transformers' own
        index["processor"] = ["transformers", NAME]
        (folder / "model_index.json").write_text(json.dumps(index))
    return folder
