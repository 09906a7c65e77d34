"""The tables of one sampler with one number of steps."""

from __future__ import annotations

from dataclasses import dataclass

from imaging.engines.multistep import Memory, Mix


@dataclass(frozen=True, slots=True)
class Schedule:
    """All tuples have one number per step; see `imaging.engines.samplers` for what is done with them."""

    timesteps: tuple[float, ...]
    input_scale: tuple[float, ...]
    """What the latents are multiplied with before the UNet sees them."""
    keep: tuple[float, ...]
    model: tuple[float, ...]
    noise: tuple[float, ...]
    seen: tuple[float, ...]
    guessed: tuple[float, ...]
    start_signal: tuple[float, ...]
    start_noise: tuple[float, ...]
    """Latents that enter at step i: start_signal[i] · picture + start_noise[i] · noise."""
    initial: float
    """Scale of the pure noise that step 0 starts from."""
    memory: Memory | None = None
    """Of solvers that remember: its numbers stand for `keep` and `model`, which are then those of a first step."""

    def __len__(self) -> int:
        return len(self.timesteps)

    def mix(self, step: int, remembered: int) -> Mix:
        """The numbers of a step for a row that remembers so many tensors."""
        if self.memory is None:
            return Mix(self.keep[step], self.model[step])
        return self.memory.at(step, remembered)
