"""What real endpoints refuse, and how they say so: the other half of `tests.peers.endpoint_quirks`."""

from __future__ import annotations

import json
from typing import Any

from bot.llm.manner import RequestOptions
from tests.peers.endpoint_peer import (
    DONE,
    GOOD,
    Answer,
    Quirk,
    chunk,
    error,
    event,
    refusal,
)

DRAFT = "hmm <image> a draft </image>"
TAG = "Here <image> a fox </image>"
WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Here."}, "finish_reason": "stop"}]}
PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>draft</body></html>"


def listed(**fields: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": "some-model", "object": "model", **fields}]}


def says(*contents: object, end: str = "stop") -> tuple[Answer]:
    return (Answer((*(chunk(content) for content in contents), chunk("", end), DONE)),)


PARAMETERS = [
    Quirk(
        "max_tokens is called otherwise",
        "OpenAI, Azure",
        (
            refusal(
                400,
                error(
                    "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                    "'max_completion_tokens' instead.",
                    param="max_tokens",
                    code="unsupported_parameter",
                ),
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"max_tokens": None, "max_completion_tokens": 50},
    ),
    Quirk(
        "max_completion_tokens is not known",
        "Mistral",
        (
            refusal(
                422,
                {
                    "detail": [
                        {
                            "type": "extra_forbidden",
                            "loc": ["body", "max_completion_tokens"],
                            "msg": "Extra inputs are not permitted",
                            "input": 50,
                        }
                    ]
                },
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        model="o3-mini",
        sent={"max_tokens": 50, "max_completion_tokens": None},
    ),
    Quirk(
        "a smaller limit",
        "Groq",
        (refusal(400, error("`max_tokens` must be less than or equal to 40")), GOOD),
        "Here.",
        asks=2,
        sent={"max_tokens": 40},
    ),
    Quirk(
        "only the default temperature",
        "OpenAI",
        (
            refusal(
                400,
                error(
                    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) "
                    "value is supported.",
                    param="temperature",
                ),
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"temperature": None},
    ),
    Quirk(
        "temperature, named in a proxy's words",
        "LiteLLM",
        (refusal(400, error("litellm.UnsupportedParamsError: gpt-5 models don't support temperature=0.7.")), GOOD),
        "Here.",
        asks=2,
        sent={"temperature": None},
    ),
    Quirk(
        "top_p by hand beside temperature",
        "Anthropic",
        (refusal(400, error("`temperature` and `top_p` cannot both be specified for this model.")), GOOD),
        "Here.",
        asks=2,
        sent={"temperature": None, "top_p": 0.9},
        settings={"options": RequestOptions(50, 0.7, extra={"top_p": 0.9})},
    ),
    Quirk(
        "stop is not taken",
        "xAI, OpenAI",
        (
            refusal(
                400,
                {"code": "Client specified an invalid argument", "error": "Argument not supported on this model: stop"},
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        model="llama-x",
        sent={"stop": None},
    ),
    Quirk(
        "stream_options, by Google's name for it",
        "Gemini",
        (
            refusal(
                400,
                [
                    {
                        "error": {
                            "code": 400,
                            "message": 'Invalid JSON payload received. Unknown name "stream_options": '
                            "Cannot find field.",
                            "status": "INVALID_ARGUMENT",
                        }
                    }
                ],
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"stream_options": None},
    ),
    Quirk(
        "stream_options, by FastAPI",
        "Mistral",
        (
            refusal(
                422,
                {
                    "object": "error",
                    "message": {
                        "detail": [
                            {
                                "type": "extra_forbidden",
                                "loc": ["body", "stream_options"],
                                "msg": "Extra inputs are not permitted",
                            }
                        ]
                    },
                },
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"stream_options": None, "temperature": 0.7},
    ),
    Quirk(
        "several, one after the other",
        "Azure",
        (
            refusal(400, error("", param="max_tokens")),
            refusal(400, error("", param="temperature")),
            refusal(400, error("", param="stream_options.include_usage")),
            GOOD,
        ),
        "Here.",
        asks=4,
        sent={"max_tokens": None, "max_completion_tokens": 50, "temperature": None, "stream_options": None},
    ),
    Quirk(
        "something that is not named",
        "older servers",
        (refusal(400, {"error": "bad request"}),) * 2 + (GOOD,),
        "Here.",
        asks=3,
        sent={"stream_options": None, "temperature": None, "max_tokens": 50},
    ),
    Quirk(
        "nothing helps",
        "older servers",
        (refusal(400, {"error": "bad request"}),),
        "",
        "did not take the request",
        asks=3,
    ),
    Quirk(
        "effort is not known",
        "Ollama",
        (refusal(400, error('"some-model" does not support thinking', param="reasoning_effort")), GOOD),
        "Here.",
        asks=2,
        sent={"reasoning_effort": None},
        settings={"options": RequestOptions(50, effort="low")},
    ),
    Quirk(
        "no route takes all parameters",
        "OpenRouter",
        (refusal(404, error("No endpoints found that can handle the requested parameters.", code=404)), GOOD),
        "Here.",
        asks=2,
        sent={"temperature": 0.7, "stream_options": None},
    ),
    Quirk(
        "streams only for the verified",
        "OpenAI",
        (
            refusal(400, error("Your organization must be verified to stream this model.", param="stream")),
            Answer((json.dumps(WHOLE).encode(),), content_type="application/json"),
        ),
        "Here.",
        asks=2,
        sent={"stream": None},
    ),
    Quirk(
        "no system role",
        "vLLM with gemma-2",
        (refusal(400, {"object": "error", "message": "System role not supported", "code": 400}), GOOD),
        "Here.",
        asks=2,
        sent={"roles": {"user", "assistant"}},
    ),
    Quirk(
        "no system role, in a server error",
        "llama.cpp",
        (refusal(500, error("Jinja Exception: System role not supported", code=500)), GOOD),
        "Here.",
        asks=2,
        sent={"roles": {"user", "assistant"}},
    ),
    Quirk(
        "no developer instruction",
        "Gemini with gemma-3",
        (refusal(400, error("Developer instruction is not enabled for models/gemma-3-27b-it")), GOOD),
        "Here.",
        asks=2,
        sent={"roles": {"user", "assistant"}},
    ),
    Quirk(
        "roles must alternate, and the system role is none",
        "vLLM with Mistral v0.2",
        (refusal(400, {"message": "Conversation roles must alternate user/assistant/user/assistant/...", "code": 400}),)
        * 2
        + (GOOD,),
        "Here.",
        asks=3,
        sent={"roles": {"user", "assistant"}},
    ),
    Quirk(
        "roles must alternate, in Mistral's words",
        "Mistral",
        (
            refusal(
                400, {"message": "Unexpected role 'user' after role 'user'", "type": "invalid_request_message_order"}
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        model="gpt-oss",
        sent={"alternates": True},
        report="crush",
    ),
    Quirk(
        "effort, in a list of names",
        "LiteLLM",
        (
            refusal(
                400,
                error(
                    "litellm.UnsupportedParamsError: openai does not support parameters: ['reasoning_effort'], for "
                    "model=x. To drop these, set `litellm_settings: drop_params: true`"
                ),
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"reasoning_effort": None, "temperature": 0.7},
        settings={"options": RequestOptions(50, effort="low")},
        report="Cherry Studio",
    ),
    Quirk(
        "roles must alternate",
        "vLLM, SGLang",
        (refusal(400, {"message": "After the optional system message, conversation roles must alternate"}), GOOD),
        "Here.",
        asks=2,
        model="gpt-oss",
        sent={"alternates": True},
    ),
    Quirk(
        "no system role, by its place",
        "OpenAI",
        (
            refusal(
                400,
                error(
                    "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
                    param="messages[0].role",
                ),
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"roles": {"user", "assistant"}},
    ),
]

CONTEXTS = [
    Quirk(
        "overflow, with the size",
        "vLLM, OpenAI",
        (
            refusal(
                400,
                error(
                    "This model's maximum context length is 900 tokens. However, you requested 5000 tokens "
                    "(4950 in the messages, 50 in the completion).",
                    code="context_length_exceeded",
                ),
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"prompt_below": 900},
    ),
    Quirk(
        "overflow, with the size",
        "llama.cpp",
        (
            refusal(
                400,
                error(
                    "the request exceeds the available context size",
                    type="exceed_context_size_error",
                    n_prompt_tokens=4950,
                    n_ctx=900,
                ),
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"prompt_below": 900},
    ),
    Quirk(
        "overflow, with the size",
        "LM Studio",
        (
            refusal(
                400,
                {
                    "error": "Trying to keep the first 4950 tokens when context the overflows. However, the model is "
                    "loaded with context length of only 900 tokens"
                },
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"prompt_below": 900},
    ),
    Quirk(
        "overflow, with the size",
        "Anthropic",
        (
            refusal(
                400,
                {
                    "type": "error",
                    "error": {
                        "type": "invalid_request_error",
                        "message": "prompt is too long: 4950 tokens > 900 maximum",
                    },
                },
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"prompt_below": 900},
    ),
    Quirk(
        "overflow, with the size",
        "Gemini",
        (
            refusal(400, [error("The input token count (4950) exceeds the maximum number of tokens allowed (900).")]),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"prompt_below": 900},
    ),
    Quirk(
        "overflow, with the size",
        "Mistral",
        (
            refusal(
                400,
                {
                    "message": "Prompt contains 4950 tokens and 0 draft tokens, too large for model with 900 maximum "
                    "context length"
                },
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"prompt_below": 900},
    ),
    Quirk(
        "overflow, with the size",
        "SGLang",
        (
            refusal(
                400,
                {
                    "object": "error",
                    "message": "The input (4950 tokens) is longer than the model's context length (900 tokens).",
                },
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"prompt_below": 900},
    ),
    Quirk(
        "a reply that leaves no room",
        "vLLM",
        (
            refusal(
                400,
                error(
                    "'max_tokens' or 'max_completion_tokens' is too large. This model's maximum context length is "
                    "900 tokens and your request has 700 input tokens (4000 > 900 - 700).",
                    param="max_tokens",
                ),
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"prompt_below": 900, "max_tokens": 419},
        settings={"options": RequestOptions(4000)},
    ),
    Quirk(
        "overflow, told within a stream",
        "llama.cpp, OpenRouter",
        (Answer((event(error("the request exceeds the available context size", code=400, n_ctx=900)),)), GOOD),
        "Here.",
        asks=2,
        sent={"prompt_below": 900},
        report="llama.cpp",
    ),
    Quirk(
        "overflow, without the size",
        "LiteLLM",
        (refusal(400, error("litellm.ContextWindowExceededError: too long")), GOOD),
        "Here.",
        asks=2,
        sent={"prompt_below": 4000},
    ),
    Quirk(
        "a rate that one request exceeds",
        "Groq",
        (
            refusal(
                413,
                error(
                    "Request too large for model `x` on tokens per minute (TPM): Limit 900, Requested 4950",
                    code="rate_limit_exceeded",
                ),
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"prompt_below": 900},
    ),
    Quirk(
        "overflow that nothing helps", "all", (refusal(400, error("context_length_exceeded")),), "", "too long", asks=4
    ),
    Quirk(
        "the size stands in the list",
        "vLLM, SGLang",
        (GOOD,),
        "Here.",
        models=listed(max_model_len=900),
        sent={"prompt_below": 900},
    ),
    Quirk(
        "the size stands in the list",
        "OpenRouter",
        (GOOD,),
        "Here.",
        models=listed(context_length=8000, top_provider={"context_length": 900}),
        sent={"prompt_below": 900},
    ),
    Quirk(
        "the size stands in the list",
        "Groq, Mistral",
        (GOOD,),
        "Here.",
        models=listed(context_window=900),
        sent={"prompt_below": 900},
    ),
    Quirk(
        "the size stands in /props",
        "llama.cpp",
        (GOOD,),
        "Here.",
        models=listed(owned_by="llamacpp"),
        routes={"/props": {"default_generation_settings": {"n_ctx": 900}}},
        sent={"prompt_below": 900},
    ),
    Quirk(
        "the size of a slot, where the list tells of all",
        "llama.cpp",
        (GOOD,),
        "Here.",
        models=listed(owned_by="llamacpp", meta={"n_ctx": 3600, "n_ctx_train": 32768}),
        routes={"/props": {"default_generation_settings": {"n_ctx": 900}}},
        sent={"prompt_below": 900},
    ),
    Quirk(
        "the size stands in the other list",
        "LM Studio",
        (GOOD,),
        "Here.",
        models=listed(owned_by="organization_owner"),
        routes={
            "/api/v0/models": {
                "data": [{"id": "some-model", "max_context_length": 32768, "loaded_context_length": 900}]
            }
        },
        sent={"prompt_below": 900},
    ),
    Quirk(
        "the size of what is loaded",
        "Ollama",
        (GOOD,),
        "Here.",
        models=listed(owned_by="library"),
        routes={"/api/ps": {"models": [{"name": "some-model:latest", "context_length": 900}]}},
        sent={"prompt_below": 900},
    ),
    Quirk(
        "the size that the Modelfile says",
        "Ollama",
        (GOOD,),
        "Here.",
        models=listed(owned_by="library"),
        routes={"/api/ps": {"models": []}, "/api/show": {"parameters": "temperature 1\nnum_ctx    900\n"}},
        sent={"prompt_below": 900},
    ),
    Quirk(
        "the size that nobody set: the rest is cut silently",
        "Ollama",
        (GOOD,),
        "Here.",
        models=listed(owned_by="library"),
        routes={
            "/api/ps": {"models": []},
            "/api/show": {"parameters": "", "model_info": {"qwen3.context_length": 40960}},
        },
        sent={"prompt_below": 4096},
        report="Ollama",
    ),
]

REFUSALS = [
    Quirk(
        "a wrong key",
        "OpenAI",
        (refusal(401, error("Incorrect API key provided: sk-draft.", code="invalid_api_key")),),
        "",
        "EASEL_LLM_API_KEY",
    ),
    Quirk(
        "a wrong key is a 400",
        "Gemini, xAI",
        (refusal(400, [error("API key not valid. Please pass a valid API key.")]),),
        "",
        "EASEL_LLM_API_KEY",
    ),
    Quirk(
        "no credit left",
        "OpenRouter",
        (refusal(402, error("This request requires more credits, draft", code=402)),),
        "",
        "no credit left",
    ),
    Quirk(
        "no credit left is a 400",
        "Anthropic",
        (refusal(400, error("Your credit balance is too low to access the draft API.")),),
        "",
        "no credit left",
    ),
    Quirk("no balance left", "DeepSeek", (refusal(402, error("Insufficient Balance")),), "", "no credit left"),
    Quirk(
        "a quota that is used up is a 429",
        "OpenAI",
        (
            refusal(
                429,
                error(
                    "You exceeded your current quota, please check your plan and billing details.",
                    code="insufficient_quota",
                ),
            ),
        ),
        "",
        "quota is used up",
    ),
    Quirk(
        "a quota of one minute",
        "Gemini",
        (
            refusal(
                429,
                [
                    {
                        "error": {
                            "code": 429,
                            "message": "You exceeded your current quota.",
                            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.01s"}],
                        }
                    }
                ],
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
    ),
    Quirk(
        "busy, with the time in words",
        "Groq",
        (refusal(429, error("Rate limit reached for model `x`. Please try again in 20ms.")), GOOD),
        "Here.",
        asks=2,
    ),
    Quirk("busy for long", "OpenAI", (refusal(429, error("Rate limit reached")),), "", "busy", asks=3),
    Quirk(
        "overloaded", "Anthropic", (refusal(529, error("Overloaded", type="overloaded_error")), GOOD), "Here.", asks=2
    ),
    Quirk(
        "a model that is loading", "llama.cpp", (refusal(503, error("Loading model", code=503)), GOOD), "Here.", asks=2
    ),
    Quirk(
        "moderation",
        "OpenRouter",
        (
            refusal(
                403,
                error(
                    "Input was flagged for draft",
                    code=403,
                    metadata={"reasons": ["violence"], "flagged_input": "draft"},
                ),
            ),
        ),
        "",
        "refused this message",
    ),
    Quirk(
        "moderation is a 400",
        "Azure",
        (
            refusal(
                400,
                error(
                    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
                    code="content_filter",
                    innererror={"code": "ResponsibleAIPolicyViolation"},
                ),
            ),
        ),
        "",
        "refused this message",
    ),
    Quirk(
        "moderation in another word",
        "DashScope",
        (refusal(400, error("draft", code="data_inspection_failed")),),
        "",
        "refused this message",
    ),
    Quirk(
        "a region or a plan",
        "OpenAI",
        (refusal(403, error("Country, region, or territory not supported")),),
        "",
        "does not let this bot use the model",
    ),
    Quirk("a page of a firewall", "Cloudflare", (refusal(403, PAGE),), "", "web page"),
    Quirk(
        "no such model",
        "OpenAI, vLLM",
        (refusal(404, error("The model `some-model` does not exist.", code="model_not_found")),),
        "",
        "EASEL_LLM_MODEL",
    ),
    Quirk(
        "no such model is a 400",
        "Mistral, LiteLLM",
        (refusal(400, {"message": "Invalid model: some-model", "code": "1500"}),),
        "",
        "EASEL_LLM_MODEL",
    ),
    Quirk(
        "no such model, try pulling",
        "Ollama",
        (refusal(404, error('model "some-model" not found, try pulling it first')),),
        "",
        "EASEL_LLM_MODEL",
    ),
    Quirk("no such address", "Ollama, FastAPI", (refusal(404, "404 page not found"),), "", "EASEL_LLM_BASE_URL"),
    Quirk(
        "the address has moved", "nginx", (refusal(301, PAGE, Location="https://elsewhere.example/v1"),), "", "web page"
    ),
    Quirk("a bad gateway's page", "nginx", (refusal(502, PAGE), GOOD), "Here.", asks=2),
    Quirk("a bad gateway's page, always", "nginx", (refusal(502, PAGE),), "", "problem (status 502)", asks=3),
    Quirk("a proxy that does not wait", "nginx, Cloudflare", (refusal(504, PAGE),), "", "taking too long"),
    Quirk("a proxy that wants a login", "Squid", (refusal(407, PAGE),), "", "web page"),
    Quirk(
        "an error wrapped in an error",
        "LiteLLM, OpenRouter",
        (
            refusal(
                400, error("Provider returned error", metadata={"raw": json.dumps(error("", param="temperature"))})
            ),
            GOOD,
        ),
        "Here.",
        asks=2,
        sent={"temperature": None},
        report="crush",
    ),
    Quirk("a hostile error", "nobody", (refusal(500, "[" * 60_000), GOOD), "Here.", asks=2),
]
