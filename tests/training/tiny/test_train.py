"""Training's batches: turns that share a picture table share its tokens, and learn as if they stood alone."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from prompts.tiny.format import messages
from training.tiny import train
from training.tiny.data.turns import groups


class Letters:
    """A tokenizer of one token a character."""

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": [3 + ord(letter) % 60 for letter in text]}


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=64, hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=3,
        num_key_value_heads=3, max_position_embeddings=4096,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def test_a_table_and_its_messages_are_the_whole_prompt() -> None:
    tokenizer = Letters()
    for group in itertools.islice(groups(4), 30):
        packed = train.encode(tokenizer, group)
        for example, (asked, answer) in zip(group, packed.branches, strict=True):
            whole = train.chat_text(messages(example.turn))
            assert packed.head + asked == tokenizer(whole, add_special_tokens=False)["input_ids"]
            assert len(answer) == len(example.command) + len("<|im_end|>")


def test_messages_to_one_table_do_not_see_each_other(model: Any) -> None:
    """The loss of a packed batch is the mean over what the same turns give one by one."""
    batch = [train.encode(Letters(), group) for group in itertools.islice(groups(9), 3)]
    alone = [train.Packed(packed.head, [branch]) for packed in batch for branch in packed.branches]
    with torch.no_grad():
        together = float(train.loss_of(model, batch))
        each = [(float(train.loss_of(model, [one])), len(one.branches[0][1])) for one in alone]
    mean = sum(loss * tokens for loss, tokens in each) / sum(tokens for _, tokens in each)
    assert together == pytest.approx(mean, rel=1e-5)


def test_batches_keep_to_their_size() -> None:
    for batch in itertools.islice(train.batches(Letters(), 5), 20):
        longest = max(map(len, batch))
        assert len(batch) == 1 or longest * len(batch) <= train.BATCH_TOKENS


def test_the_rate_rises_then_falls_with_the_time_that_is_used_up() -> None:
    moments = ((0, 0), (30, 10), (90, 60), (200, 100))
    rates = [train.rate_at(train.Progress(step=step, seconds=seconds), 100) for step, seconds in moments]
    assert rates[0] < rates[1]
    assert rates[1] > rates[2] > rates[3] > 0
