"""Checkpoints from exported weights, so that training goes on from them on a machine that has nothing else."""

from __future__ import annotations

from pathlib import Path

from training.mini import autoencoder, denoiser, reader, runs, vocabulary
from training.mini.model import Denoiser


def begin(home: Path, weights: Path) -> None:
    """Write the first two stages' checkpoints as finished and the denoiser's as one that has all of its run before it.

    Optimisers begin anew, and the denoiser's heads with them.

    Raises:
        FileExistsError: the home has checkpoints already.
        FileNotFoundError: there is no such folder of weights.
        ValueError: the weights have another vocabulary or shape than this world's model.
    """
    from diffusers import StableDiffusionXLPipeline

    if not (weights / "model_index.json").is_file():
        raise FileNotFoundError(f"{weights} is no folder of exported weights.")
    if any(stage.checkpoint_path(home).exists() for stage in (autoencoder, reader, denoiser)):
        raise FileExistsError(f"{home} has checkpoints already; name an empty folder.")
    pipe = StableDiffusionXLPipeline.from_pretrained(weights, add_watermarker=False)
    tokenizer = vocabulary.build()
    if pipe.tokenizer.get_vocab() != tokenizer.get_vocab():
        raise ValueError(f"{weights} knows other words than this world; train from nothing.")
    config = pipe.vae.config
    widths = tuple(config.block_out_channels)
    vae = pipe.vae.float().state_dict()
    texts = {"text_1": pipe.text_encoder.float().state_dict(), "text_2": pipe.text_encoder_2.float().state_dict()}
    try:
        model = Denoiser(tokenizer, config.latent_channels, tuple(pipe.unet.config.block_out_channels))
        model.unet.load_state_dict(pipe.unet.float().state_dict())
        model.text_1.load_state_dict(texts["text_1"])
        model.text_2.load_state_dict(texts["text_2"])
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{weights} has another shape than this model; train from nothing.") from error
    runs.save(
        autoencoder.checkpoint_path(home),
        {
            "weights": vae,
            "averaged": vae,
            "samples": autoencoder.SAMPLES,
            "config": {"latent_channels": config.latent_channels, "widths": widths},
        },
    )
    runs.save(reader.checkpoint_path(home), {**texts, "samples": reader.CAPTIONS})
    state = model.state_dict()
    runs.save(denoiser.checkpoint_path(home), {"weights": state, "averaged": state, "samples": 0})
