"""Which parameter an error names, in the words of as many servers as are known."""

from __future__ import annotations

import json

import pytest

from imaging.refused import error_texts, refused_parameter

SENT = (
    "model", "messages", "max_tokens", "temperature", "top_p", "stop", "stream", "stream_options", "reasoning_effort",
    "response_format", "size", "quality", "n",
)  # fmt: skip


def openai(message: str, param: str | None = None) -> dict[str, object]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": None}}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (openai("Unsupported 'max_tokens'. Use 'max_completion_tokens'.", "max_tokens"), "max_tokens"),
        (openai("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."), "max_tokens"),
        (openai("Unsupported value: 'temperature' does not support 0.7 with this model."), "temperature"),
        (openai("Unknown: 'stream_options.include_usage'.", "stream_options.include_usage"), "stream_options"),
        (openai("does not support 'system' with this model.", "messages[0].role"), "messages"),
        (openai("Unrecognized request argument supplied: response_format"), "response_format"),
        (openai("Argument not supported on this model: stop"), "stop"),
        (openai("'stop' is not supported with this model"), "stop"),
        (openai("The model was told to stop because of an outage."), None),
        (openai("This size of picture is not what the quality team wants"), None),
        (openai("Invalid value: '512x512'. Supported values are …", "size"), "size"),
        ({"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs"}]}, "stream_options"),
        ({"object": "error", "message": {"detail": [{"loc": ["body", "top_p"], "msg": "x"}]}}, "top_p"),
        ([{"error": {"message": 'Invalid JSON. Unknown name "stream_options": Cannot find field.'}}], "stream_options"),
        ({"type": "error", "error": {"message": "`temperature` and `top_p` cannot both be specified"}}, "temperature"),
        ({"error": "json: unknown field \"reasoning_effort\""}, "reasoning_effort"),
        ("litellm.UnsupportedParamsError: gpt-5 models don't support temperature=0.7.", "temperature"),
        ({"error": {"message": json.dumps({"error": {"message": "bad", "param": "quality"}})}}, "quality"),
        (b'{"error": "stream_options is unknown"}', "stream_options"),
        ({"message": "'n' must be 1"}, "n"),
        ({"error": {"message": "n"}}, None),
        (None, None),
        ("<html><body>400</body></html>", None),
    ],
)  # fmt: skip
def test_the_refused_parameter_is_found(body: object, named: str | None) -> None:
    assert refused_parameter(body, SENT) == named


def test_what_was_not_sent_is_never_named() -> None:
    assert refused_parameter(openai("'max_tokens' is unknown", "max_tokens"), ("stop",)) is None


def test_all_words_of_an_error_are_found() -> None:
    body = {"error": {"message": '{"error": {"message": "inner"}}', "metadata": {"raw": "deep"}}}
    assert list(error_texts(body)) == ["inner", "deep"]


def test_a_hostile_error_is_read_without_harm() -> None:
    deep: object = "stop"
    for _ in range(500):
        deep = {"error": deep}
    assert refused_parameter(deep, SENT) is None
    assert refused_parameter("[" * 100_000, SENT) is None
