"""What real endpoints of the OpenAI shape send, one row a quirk, and what must come out of it.

A newcomer's quirk is one more row: the bytes as recorded, the words that people read, the sentence that they are told,
how often the endpoint may be asked, and what the last request has. `draft` never reaches anybody, in any row.
`report` names the project whose users reported a quirk that was found in public, in no one's words but ours.
"""

from __future__ import annotations

import json
from typing import Any

from bot.llm.patience import Patience
from tests.peers.endpoint_peer import (
    DONE,
    GOOD,
    STOP,
    Abort,
    Answer,
    For,
    Hang,
    Pause,
    Quirk,
    chunk,
    error,
    event,
    refusal,
    usage,
)
from tests.peers.endpoint_refusals import CONTEXTS, PARAMETERS, REFUSALS

PATIENT = Patience(first_token_s=10.0, idle_s=10.0, backoff_s=0.001)
DRAFT = "hmm <image> a draft </image>"
TAG = "Here <image> a fox </image>"
WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Here."}, "finish_reason": "stop"}]}
DEEP = b'data: {"choices": [{"delta": {"reasoning": ' + b"[" * 700 + b"]" * 700 + b"}}]}\n\n"
PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>draft</body></html>"


def listed(**fields: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": "some-model", "object": "model", **fields}]}


def says(*contents: object, end: str = "stop") -> tuple[Answer]:
    return (Answer((*(chunk(content) for content in contents), chunk("", end), DONE)),)


THOUGHTS = [
    Quirk("thoughts in <think>", "vLLM, llama.cpp", says("<think>", DRAFT, "</think>\n\n", "Here."), "Here."),
    Quirk("a mark cut into pieces", "vLLM", says("<th", "ink>", DRAFT, "</thi", "nk>Here."), "Here."),
    Quirk("only the closing mark", "llama.cpp, vLLM", says(DRAFT, "</think>", "Here."), "Here."),
    Quirk(
        "only the closing mark, late",
        "SGLang",
        (Answer((chunk("Okay, the user"), Pause(0.05), chunk(DRAFT), chunk("</think>Here."), STOP, DONE)),),
        "Here.",
    ),
    Quirk(
        "<thinking> instead of <think>",
        "LM Studio",
        says("<thinking>", DRAFT, "</thinking>Here."),
        "Here.",
        report="Open WebUI",
    ),
    Quirk("[THINK]", "Mistral", says("[THINK]" + DRAFT, "[/THINK]Here."), "Here."),
    Quirk(
        "content is a list of parts",
        "Mistral",
        says(
            [{"type": "thinking", "thinking": [{"type": "text", "text": DRAFT}]}], [{"type": "text", "text": "Here."}]
        ),
        "Here.",
    ),
    Quirk(
        "harmony channels",
        "vLLM, Ollama",
        says("<|channel|>analysis<|message|>", DRAFT, "<|end|><|start|>assistant<|channel|>final<|message|>Here."),
        "Here.",
    ),
    Quirk(
        "harmony without its marks",
        "LM Studio",
        says("analysis", "We need " + DRAFT, "assistant", "finalHere."),
        "Here.",
    ),
    Quirk(
        "reasoning_content",
        "DeepSeek, vLLM",
        (Answer((chunk(reasoning_content=DRAFT), chunk("Here."), STOP, DONE)),),
        "Here.",
    ),
    Quirk(
        "reasoning, with an empty piece between",
        "OpenRouter, Groq",
        (Answer((chunk(reasoning=DRAFT), chunk(""), chunk("Here."), STOP, DONE)),),
        "Here.",
        report="Open WebUI",
    ),
    Quirk(
        "reasoning and reasoning_details",
        "OpenRouter",
        (
            Answer(
                (
                    chunk("", reasoning=DRAFT, reasoning_details=[{"type": "reasoning.text", "text": DRAFT}]),
                    chunk("Here."),
                    STOP,
                    DONE,
                )
            ),
        ),
        "Here.",
    ),
    Quirk(
        "thoughts merged into the content",
        "LiteLLM",
        says("<think>" + DRAFT, "</think>", "Here."),
        "Here.",
        report="Open WebUI",
    ),
    Quirk("thoughts between the words", "Anthropic, MiniMax", says("One. <think>", DRAFT, "</think>Two."), "One. Two."),
    Quirk("a thought is never closed", "Ollama", says("<think>", DRAFT), "", "thought, but said nothing"),
    Quirk(
        "all of the answer among the thoughts",
        "vLLM",
        (Answer((chunk(None, reasoning_content="Here."), STOP, DONE)),),
        "",
        "thought, but said nothing",
        report="vLLM",
    ),
    Quirk(
        "only the closing mark, late, of a template that tells",
        "llama.cpp",
        (Answer((chunk("A plan: "), chunk(DRAFT), Pause(1.2), chunk("</think>Here."), STOP, DONE)),),
        "Here.",
        models={"data": [{"id": "some-model", "owned_by": "llamacpp"}]},
        routes={
            "/props": {
                "default_generation_settings": {"n_ctx": 6000},
                "chat_template": "{% if add_generation_prompt %}<think>",
            }
        },
        settings={"patience": PATIENT},
    ),
    Quirk(
        "a Gemma 4 channel",
        "llama.cpp",
        says("<|channel>thought\n", DRAFT, "<channel|>Here."),
        "Here.",
        report="Open WebUI",
    ),
]

ENDS = [
    Quirk("cut by the limit", "all", says("Here <image> a fo", end="length"), "Here <image> a fo", "cut off"),
    Quirk("cut by the limit, in Mistral's word", "Mistral", says("Here", end="model_length"), "Here", "cut off"),
    Quirk(
        "all spent on thoughts",
        "vLLM, DeepSeek",
        (Answer((chunk(reasoning_content=DRAFT), chunk("", "length"), DONE)),),
        "",
        "EASEL_LLM_MAX_TOKENS",
    ),
    Quirk(
        "all spent on hidden thoughts",
        "OpenAI",
        (Answer((chunk("", "length"), usage({"completion_tokens": 50}), DONE)),),
        "",
        "EASEL_LLM_MAX_TOKENS",
        used=(0, 50),
    ),
    Quirk(
        "all spent on thoughts in the content",
        "Ollama",
        says("<think>", DRAFT, end="length"),
        "",
        "EASEL_LLM_MAX_TOKENS",
    ),
    Quirk(
        "all spent, as a refusal",
        "OpenAI",
        (refusal(400, error("Could not finish the message because max_tokens or model output limit was reached.")),),
        "",
        "EASEL_LLM_MAX_TOKENS",
    ),
    Quirk("a content filter ends it", "Azure", says("Here is", end="content_filter"), "Here is", "content filter"),
    Quirk(
        "a content filter with more words in its reason",
        "Gemini",
        says(end="content_filter: PROHIBITED_CONTENT"),
        "",
        "content filter",
    ),
    Quirk(
        "a content filter in Google's word",
        "LiteLLM",
        says("Here", end="SAFETY"),
        "Here",
        "content filter",
        report="LiteLLM",
    ),
    Quirk(
        "a refusal beside the content",
        "OpenAI",
        (Answer((chunk(refusal="I can't "), chunk(refusal="help with that."), STOP, DONE)),),
        "",
        "refused: I can't help with that.",
    ),
    Quirk(
        "tools are called that nobody offered",
        "LiteLLM",
        (Answer((chunk(tool_calls=[{"index": 0, "function": {"name": "draw"}}]), chunk(None, "tool_calls"), DONE)),),
        "",
        "called a tool",
    ),
    Quirk("a clean end without a reason", "proxies", (Answer((chunk("Here is a f"),)),), "Here is a f", "broke off"),
    Quirk("[DONE] without a reason", "older servers", (Answer((chunk("Here."), DONE)),), "Here.", report="vllm-mlx"),
    Quirk(
        "[DONE] without a reason in an open tag",
        "LiteLLM",
        (Answer((chunk("Here <image> a f"), DONE)),),
        "Here <image> a f",
        "broke off",
        report="LiteLLM",
    ),
    Quirk(
        "the reason under another name",
        "Gemini",
        (Answer((chunk("Here."), event({"choices": [{"delta": {"content": ""}, "finishReason": "stop"}]}))),),
        "Here.",
        report="llmcord",
    ),
    Quirk(
        "a reason of no letters",
        "LiteLLM",
        (Answer((chunk("He", ""), chunk("re."), STOP, DONE)),),
        "Here.",
        report="Ollama",
    ),
    Quirk(
        "a reason in every piece",
        "LiteLLM",
        (Answer((chunk("He", "stop"), chunk("re.", "stop"), DONE)),),
        "Here.",
        report="LiteLLM",
    ),
    Quirk("an engine that gave up", "vLLM, SGLang", says("Here is", end="abort"), "Here is", "broke off"),
    Quirk("an engine without room", "DeepSeek", (*says(end="insufficient_system_resource"), GOOD), "Here.", asks=2),
    Quirk(
        "an error at the end",
        "OpenRouter",
        (
            Answer(
                (
                    chunk("Here is"),
                    event(
                        {
                            "error": {"code": 502, "message": "draft"},
                            "choices": [{"delta": {"content": ""}, "finish_reason": "error"}],
                        }
                    ),
                )
            ),
        ),
        "Here is",
        "broke off",
    ),
    Quirk("the line stays open after the end", "LM Studio", (Answer((chunk("Here."), STOP, Hang)),), "Here."),
    Quirk(
        "a failure that is called an end",
        "OpenRouter",
        (
            Answer(
                (
                    event({"choices": [{"finish_reason": "stop", "native_finish_reason": "network_error"}]}),
                    DONE,
                )
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        report="hax",
    ),
    Quirk(
        "a prompt that is blocked, without choices",
        "Gemini",
        (Answer((event({"choices": [], "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}), DONE)),),
        "",
        "content filter",
        report="llm-gemini",
    ),
    Quirk(
        "the end of the turn as text, and a turn of somebody else",
        "llama.cpp, vLLM",
        says("Here.", "<|im_", "end|>", "\n<|im_start|>user\n" + DRAFT),
        "Here.",
        report="llama.cpp",
    ),
    Quirk(
        "an event of a thousand levels",
        "nobody",
        (
            Answer(
                (
                    DEEP,
                    chunk("Here."),
                    STOP,
                    DONE,
                )
            ),
            GOOD,
        ),
        "Here.",
        asks=1,
    ),
    Quirk("nothing at all, twice", "Gemini", says(""), "", "empty answer", asks=2),
    Quirk("nothing at all, once", "Ollama", (*says(""), GOOD), "Here.", asks=2),
]

STREAMS = [
    Quirk(
        "comments while it waits",
        "OpenRouter, Anthropic",
        (
            Answer(
                (
                    b": OPENROUTER PROCESSING\n\n",
                    Pause(0.4),
                    b": ping\n\n",
                    Pause(0.4),
                    b":\n",
                    Pause(0.4),
                    chunk("Here."),
                    STOP,
                    DONE,
                )
            ),
        ),
        "Here.",
    ),
    Quirk(
        "null, [] and {} as events",
        "proxies",
        (Answer((b"data: null\n\n", b"data: []\n\n", b"data: {}\n\n", chunk("Here."), STOP, DONE)),),
        "Here.",
    ),
    Quirk(
        "events without data",
        "gateways",
        (
            Answer(
                (b"retry: 3000\n\n", b"event: ping\n\n", b"data:\n\n", b"id: 7\ndata: \n\n", chunk("Here."), STOP, DONE)
            ),
        ),
        "Here.",
        report="openai-python",
    ),
    Quirk(
        "a ping with data",
        "Anthropic",
        (Answer((b'event: ping\ndata: {"type": "ping"}\n\n', chunk("Here."), STOP, DONE)),),
        "Here.",
    ),
    Quirk(
        "one event over several data lines",
        "proxies",
        (Answer((b'data: {"choices": [{"delta":\ndata: {"content": "Here."}, "finish_reason": "stop"}]}\n\n', DONE)),),
        "Here.",
        report="WrzDJ",
    ),
    Quirk(
        "no blank lines between events",
        "LocalAI",
        (
            Answer(
                (chunk("He").rstrip() + b"\n", chunk("re.").rstrip() + b"\n", STOP.rstrip() + b"\n", b"data: [DONE]\n")
            ),
        ),
        "Here.",
    ),
    Quirk(
        "CRLF, no space after the colon, a byte order mark",
        "IIS, Azure",
        (Answer((b"\xef\xbb\xbfdata:" + chunk("Here.")[6:].replace(b"\n", b"\r\n"), b"data:[DONE]\r\n\r\n")),),
        "Here.",
    ),
    Quirk(
        "a character cut in two",
        "all",
        (
            Answer(
                (
                    chunk("Füchse").partition(b"\xc3")[0] + b"\xc3",
                    Pause(0.02),
                    chunk("Füchse").partition(b"\xc3")[2],
                    STOP,
                    DONE,
                )
            ),
        ),
        "Füchse",
    ),
    Quirk(
        "bytes that are no UTF-8",
        "llama.cpp",
        (Answer((chunk("Here.").replace(b"Here", b"H\xffre"), STOP, DONE)),),
        "H\ufffdre.",
    ),
    Quirk(
        "choices that are empty or null",
        "Azure, Ollama",
        (
            Answer(
                (
                    event({"choices": [], "prompt_filter_results": []}),
                    event({"choices": None}),
                    chunk("Here."),
                    STOP,
                    DONE,
                )
            ),
        ),
        "Here.",
        report="Ollama",
    ),
    Quirk(
        "pieces that are null",
        "all",
        (
            Answer(
                (
                    event({"choices": [{"delta": None}]}),
                    event({"choices": [None]}),
                    chunk(None, role="assistant"),
                    chunk("Here."),
                    STOP,
                    DONE,
                )
            ),
        ),
        "Here.",
    ),
    Quirk(
        "usage at the end, without choices",
        "OpenAI",
        (Answer((chunk("Here."), STOP, usage({"prompt_tokens": 7, "completion_tokens": 2}), DONE)),),
        "Here.",
        used=(7, 2),
    ),
    Quirk(
        "usage in every piece, cumulative",
        "Gemini, xAI",
        (
            Answer(
                (
                    usage({"prompt_tokens": 7, "completion_tokens": 1}, [{"delta": {"content": "He"}}]),
                    usage(
                        {"prompt_tokens": 7, "completion_tokens": 2},
                        [{"delta": {"content": "re."}, "finish_reason": "stop"}],
                    ),
                    DONE,
                )
            ),
        ),
        "Here.",
        used=(7, 2),
    ),
    Quirk(
        "usage of nulls, or of nothing",
        "LocalAI, SGLang",
        (
            Answer(
                (
                    usage({}),
                    chunk("Here."),
                    STOP,
                    usage({"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}),
                    DONE,
                )
            ),
        ),
        "Here.",
    ),
    Quirk(
        "usage that is no number",
        "proxies",
        (Answer((chunk("Here."), STOP, usage("many"), usage([1]), DONE)),),
        "Here.",
    ),
    Quirk(
        "usage in a place of its own",
        "Groq",
        (
            Answer(
                (
                    chunk("Here."),
                    event(
                        {
                            "choices": [{"delta": {}, "finish_reason": "stop"}],
                            "x_groq": {"usage": {"prompt_tokens": 7, "completion_tokens": 2}},
                        }
                    ),
                    DONE,
                )
            ),
        ),
        "Here.",
        used=(7, 2),
    ),
    Quirk(
        "usage within the choice",
        "Moonshot",
        (
            Answer(
                (
                    chunk("Here."),
                    event(
                        {
                            "choices": [
                                {
                                    "delta": {},
                                    "finish_reason": "stop",
                                    "usage": {"prompt_tokens": 7, "completion_tokens": 2},
                                }
                            ]
                        }
                    ),
                    DONE,
                )
            ),
        ),
        "Here.",
        used=(7, 2),
    ),
    Quirk(
        "a meter that fails",
        "all",
        (Answer((chunk("Here."), STOP, usage({"prompt_tokens": 7, "completion_tokens": 2}), DONE)),),
        "Here.",
        used=(7, 2),
    ),
    Quirk(
        "whole JSON instead of a stream",
        "LocalAI, gateways",
        (
            Answer(
                (json.dumps(WHOLE | {"usage": {"prompt_tokens": 7, "completion_tokens": 2}}, indent=2).encode(),),
                content_type="application/json",
            ),
        ),
        "Here.",
        used=(7, 2),
    ),
    Quirk(
        "lines of JSON without data:",
        "Ollama",
        (
            Answer(
                (json.dumps({"choices": [{"delta": {"content": "Here."}, "finish_reason": "stop"}]}).encode() + b"\n",)
            ),
        ),
        "Here.",
    ),
    Quirk(
        "an error object in a 200",
        "OpenRouter",
        (Answer((json.dumps(error("draft", code=429)).encode(),), content_type="application/json"), GOOD),
        "Here.",
        asks=2,
    ),
    Quirk(
        "an error as a string in a 200",
        "Ollama",
        (Answer((event({"error": "draft: llama runner process has terminated"}),)), GOOD),
        "Here.",
        asks=2,
    ),
    Quirk(
        "an error event",
        "Anthropic",
        (
            Answer((b'event: error\ndata: {"error": {"type": "overloaded_error", "message": "draft"}}\n\n',)),
            GOOD,
        ),
        "Here.",
        asks=2,
    ),
    Quirk(
        "an error in the middle",
        "vLLM",
        (Answer((chunk("Here is"), event(error("draft", code=500)), DONE)),),
        "Here is",
        "broke off",
    ),
    Quirk(
        "a page instead of a stream", "proxies", (Answer((PAGE.encode(),), content_type="text/html"),), "", "web page"
    ),
    Quirk(
        "a page with line breaks",
        "captive portals",
        (Answer((PAGE.replace(">", ">\n").encode(),), content_type="text/html"),),
        "",
        "web page",
    ),
    Quirk(
        "broken JSON in the middle",
        "proxies",
        (Answer((chunk("Here is"), b'data: {"choices": [{"de\n\n')),),
        "Here is",
        "broke off",
    ),
    Quirk(
        "a line that breaks in the middle",
        "all",
        (Answer((chunk("Here is <image> a f"), Pause(0.05), Abort)),),
        "Here is <image> a f",
        "broke off",
    ),
    Quirk("a line that breaks at once", "all", (Answer((b": ping\n\n", Pause(0.02), Abort)), GOOD), "Here.", asks=2),
    Quirk(
        "endless thoughts",
        "Ollama, llama.cpp",
        (Answer((For(chunk(reasoning_content="draft " * 200)),)),),
        "",
        "EASEL_LLM_MAX_TOKENS",
    ),
    Quirk(
        "endless thoughts in the content",
        "llama.cpp",
        (Answer((chunk("<think>"), For(chunk("draft " * 200)))),),
        "",
        "EASEL_LLM_MAX_TOKENS",
    ),
    Quirk("endless empty pieces", "LM Studio", (Answer((For(chunk("") * 500),)),), "", "empty answer"),
    Quirk(
        "the first word after the timeout", "Ollama", (Answer((Pause(30), chunk("Here."))),), "", "EASEL_LLM_TIMEOUT_S"
    ),
    Quirk("no status before the timeout", "llama.cpp, vLLM", (Answer(hang=True),), "", "EASEL_LLM_TIMEOUT_S"),
    Quirk("silence after the first words", "all", (Answer((chunk("Here is"), Hang)),), "Here is", "broke off"),
]

QUIRKS: tuple[Quirk, ...] = (*THOUGHTS, *ENDS, *STREAMS, *PARAMETERS, *CONTEXTS, *REFUSALS)
