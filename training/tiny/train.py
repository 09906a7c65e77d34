"""Train the LoRA: ``python -m training.tiny.train [--minutes N] [--resume]``.

One process and one thread (two were slower on a shared machine). ``--bfloat16`` holds the frozen weights in
bfloat16, which is faster on CPUs that multiply it (AVX512-BF16, AMX) and much slower on others. Turns are generated
as they are needed, never twice; only the command line is learned, not the prompt. Turns that share a picture table
share its tokens: each row of a batch is a table and several messages that do not see each other. The learning rate
follows the share of the time budget that is used up, so a busy machine means fewer steps and never a run cut off
at a high rate. Checkpoints are written atomically; a run that was killed goes on with ``--resume``.
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from prompts.tiny import weights_file
from prompts.tiny.format import messages, shown
from training.tiny import lora
from training.tiny.data.table import Example
from training.tiny.data.turns import groups

BATCH_TOKENS = 448
"""Of one step, padding counted."""
WINDOW = 64
"""Groups of turns that are sorted by length together, so that little is padding."""
PEAK_RATE = 1e-3
FINAL_SHARE = 0.04
WARM_UP = 20
SAVE_EVERY = 50
HELD_OUT_SEED = 999_983


@dataclass(frozen=True, slots=True)
class Packed:
    """A picture table's tokens and, for each message to it, the tokens of message and answer."""

    head: list[int]
    branches: list[tuple[list[int], list[int]]]

    def __len__(self) -> int:
        return len(self.head) + sum(len(asked) + len(answer) for asked, answer in self.branches)


@dataclass
class Progress:
    """What a checkpoint remembers beside tensors."""

    step: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    examples: int = 0
    tokens: int = 0


def train_home() -> Path:
    """Where checkpoints live: outside the repository."""
    root = os.environ.get("EASEL_TRAIN_HOME")
    return Path(root) if root else Path.home() / ".cache" / "easel" / "train" / "tiny"


def chat_text(turn_messages: list[dict[str, str]]) -> str:
    """The model's chat template, as the server applies it."""
    parts = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in turn_messages]
    return "".join(parts) + "<|im_start|>assistant\n"


def encode(tokenizer: Any, group: list[Example]) -> Packed:
    """Tokens of turns that share a picture table."""

    def tokens(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    rows = len(shown(group[0].turn.pictures))
    texts = [chat_text(messages(example.turn)) for example in group]
    # The table's rows come first in the user's message, each on a line.
    start = texts[0].index("<|im_start|>user\n") + len("<|im_start|>user\n")
    for _ in range(rows):
        start = texts[0].index("\n", start) + 1
    branches = [
        (tokens(text[start:]), tokens(example.command + "<|im_end|>"))
        for text, example in zip(texts, group, strict=True)
    ]
    return Packed(tokens(texts[0][:start]), branches)


def batches(tokenizer: Any, seed: int) -> Iterator[list[Packed]]:
    """Endless batches of like length."""
    stream = groups(seed)
    rng = random.Random(seed)
    while True:
        window = sorted((encode(tokenizer, next(stream)) for _ in range(WINDOW)), key=len)
        made: list[list[Packed]] = [[]]
        for packed in window:
            if made[-1] and len(packed) * (len(made[-1]) + 1) > BATCH_TOKENS:
                made.append([])
            made[-1].append(packed)
        rng.shuffle(made)
        yield from made


def tensors(batch: list[Packed]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs, positions and targets [row, token], and who sees whom [row, 1, token, token].

    A message sees the table and itself up to here; padding sees itself, so that no softmax is empty.
    """
    shape = (len(batch), max(len(packed) for packed in batch))
    inputs, targets = torch.full(shape, 2), torch.full(shape, -100)
    positions, branch = torch.zeros(shape, dtype=torch.long), torch.full(shape, -1)
    for row, packed in enumerate(batch):
        at = len(packed.head)
        inputs[row, :at] = torch.tensor(packed.head)
        positions[row, :at] = torch.arange(at)
        branch[row, :at] = 0
        for number, (asked, answer) in enumerate(packed.branches, start=1):
            end = at + len(asked) + len(answer)
            inputs[row, at:end] = torch.tensor(asked + answer)
            positions[row, at:end] = torch.arange(len(packed.head), len(packed.head) + end - at)
            branch[row, at:end] = number
            targets[row, at + len(asked) - 1 : end - 1] = torch.tensor(answer)
            at = end
    earlier = torch.ones(shape[1], shape[1], dtype=torch.bool).tril()
    together = (branch[:, :, None] == branch[:, None, :]) | (branch[:, None, :] == 0)
    return inputs, positions, targets, (together & earlier)[:, None]


def loss_of(model: Any, batch: list[Packed]) -> Tensor:
    """Mean cross entropy of the answers' tokens; the vocabulary layer runs only where it is needed."""
    inputs, positions, targets, sees = tensors(batch)
    hidden = model.model(
        input_ids=inputs, position_ids=positions, attention_mask=sees, use_cache=False
    ).last_hidden_state
    wanted = targets != -100
    return F.cross_entropy(model.lm_head(hidden[wanted]).float(), targets[wanted])


def save(path: Path, model: Any, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Write the checkpoint under another name first: a crash leaves the old one."""
    part = path.with_suffix(".part")
    torch.save(
        {"adapter": lora.adapter_state(model), "optimizer": optimizer.state_dict(), "progress": vars(progress)}, part
    )
    part.replace(path)


def held_out_loss(model: Any, tokenizer: Any) -> float:
    """Mean loss on generated turns of a seed that training never uses."""
    stream = batches(tokenizer, HELD_OUT_SEED)
    with torch.no_grad():
        return sum(float(loss_of(model, next(stream))) for _ in range(6)) / 6


def rate_at(progress: Progress, budget: float) -> float:
    """Learning rate: a short warm-up, then linear to nearly nothing at the end of the budget."""
    share = min(1.0, progress.seconds / budget)
    return PEAK_RATE * min(1.0, (progress.step + 1) / WARM_UP) * (1 - (1 - FINAL_SHARE) * share)


def train(minutes: float, resume: bool, home: Path, dtype: torch.dtype = torch.float32) -> Path:
    """Run until the budget (counted over all resumed runs) is used up."""
    torch.set_num_threads(1)
    home.mkdir(parents=True, exist_ok=True)
    checkpoint = home / "checkpoint.pt"
    model, tokenizer = lora.load_base(weights_file.packaged_weights(), dtype)
    torch.manual_seed(0)
    parameters = lora.add_adapters(model)
    model.train()
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    progress = Progress()
    if resume and checkpoint.exists():
        state = torch.load(checkpoint)
        lora.load_adapter_state(model, state["adapter"])
        optimizer.load_state_dict(state["optimizer"])
        progress = Progress(**state["progress"])
    print(f"{sum(p.numel() for p in parameters) / 1e6:.2f} M trained parameters, from step {progress.step}", flush=True)
    stream = batches(tokenizer, seed=progress.step + 1)
    recent: list[float] = []
    while progress.seconds < minutes * 60:
        began, cpu = time.monotonic(), time.process_time()
        batch = next(stream)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(progress, minutes * 60)
        loss = loss_of(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        progress.examples += sum(len(packed.branches) for packed in batch)
        progress.tokens += sum(len(packed) for packed in batch)
        progress.seconds += time.monotonic() - began
        progress.cpu_seconds += time.process_time() - cpu
        recent = [*recent[-19:], float(loss.detach())]
        if progress.step % 10 == 0:
            _log(progress, sum(recent) / len(recent), optimizer.param_groups[0]["lr"])
        if progress.step % SAVE_EVERY == 0:
            save(checkpoint, model, optimizer, progress)
        if progress.step % 200 == 0:
            print(f"held-out loss {held_out_loss(model, tokenizer):.3f}", flush=True)
    save(checkpoint, model, optimizer, progress)
    print(f"done: {progress}", flush=True)
    return checkpoint


def _log(progress: Progress, loss: float, rate: float) -> None:
    print(
        f"{datetime.datetime.now(datetime.UTC):%H:%M:%S} step {progress.step} loss {loss:.3f} rate {rate:.1e} "
        f"{progress.seconds / progress.step:.2f} s/step {progress.tokens / progress.examples:.0f} tokens/example",
        flush=True,
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="time budget over all runs (default 60)")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--bfloat16", action="store_true", help="frozen weights in bfloat16")
    arguments = parser.parse_args()
    dtype = torch.bfloat16 if arguments.bfloat16 else torch.float32
    print(train(arguments.minutes, arguments.resume, train_home(), dtype))


if __name__ == "__main__":
    main()
