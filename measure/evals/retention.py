"""`easel eval retention`: does a model still answer plain questions when it is told about pictures?

The retention check of "Mini-DALLE3" (arXiv 2310.07653, section 4): the same questions without and with the iT2I
prompt. For the embedded model also without and with its adapter: `bare` and `it2i` are what is shipped (the adapter
is off while it answers in words), `prompt_only` is the base model prompted as large models are, and `adapter_only`
is what the adapter would do to answers if it stayed on. An answer is right when it contains an accepted word.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Sequence

from bot.app import build_model
from bot.home import Home
from bot.settings import load_settings
from handlers.ports import LanguageModel
from measure.report import Report, Row
from measure.untrained import untrained
from prompts.protocol import Directive, parse
from prompts.request import LanguageRequest, Said

BARE = "You are a helpful assistant. Answer in one or two short sentences."
QUESTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("What is the capital of France?", ("paris",)),
    ("What is the capital of Japan?", ("tokyo",)),
    ("What is the capital of Italy?", ("rome",)),
    ("Which planet is known as the Red Planet?", ("mars",)),
    ("Which planet is the largest in our solar system?", ("jupiter",)),
    ("What gas do plants take in for photosynthesis?", ("carbon dioxide", "co2")),
    ("What is frozen water called?", ("ice",)),
    ("At how many degrees Celsius does water boil?", ("100", "hundred")),
    ("How many days are there in a week?", ("7", "seven")),
    ("How many months are there in a year?", ("12", "twelve")),
    ("How many legs does a spider have?", ("8", "eight")),
    ("What is 2 + 2?", ("4", "four")),
    ("What is 10 minus 3?", ("7", "seven")),
    ("Who wrote Romeo and Juliet?", ("shakespeare",)),
    ("Who painted the Mona Lisa?", ("leonardo", "vinci")),
    ("Which ocean lies between Europe and America?", ("atlantic",)),
    ("On which continent is Egypt?", ("africa",)),
    ("On which continent is Brazil?", ("south america",)),
    ("Which language is spoken in Brazil?", ("portuguese",)),
    ("What do bees make?", ("honey",)),
    ("What is the young of a cat called?", ("kitten",)),
    ("What is the young of a dog called?", ("puppy", "pup")),
    ("What is the opposite of hot?", ("cold",)),
    ("What is the opposite of up?", ("down",)),
    ("Which colour do you get when you mix blue and yellow?", ("green",)),
    ("What is the chemical symbol of gold?", ("au",)),
    ("Which organ pumps blood through the body?", ("heart",)),
    ("What force pulls things to the ground?", ("gravity",)),
    ("Who was the first president of the United States?", ("washington",)),
    ("Which season comes after winter?", ("spring",)),
    ("What do you call a baker's product made of flour, water and yeast?", ("bread",)),
    ("What is the largest mammal?", ("whale",)),
    ("Which animal is called the king of the jungle?", ("lion",)),
    ("What star is at the centre of our solar system?", ("sun",)),
    ("What is H2O?", ("water",)),
    ("How do you say thank you in French?", ("merci",)),
)


def run(arguments: argparse.Namespace) -> Report:
    return asyncio.run(measure(arguments))


async def measure(arguments: argparse.Namespace) -> Report:
    settings = load_settings(home=arguments.home, llm_base_url=arguments.llm)
    questions = QUESTIONS[: arguments.limit] if arguments.limit else QUESTIONS
    model, close = build_model(settings, Home(settings.home))
    try:
        figures = {
            "bare": (await asked(model, questions, plain=True))[0],
            **dict(zip(("it2i", "it2i.drew"), await asked(model, questions, plain=False), strict=True)),
        }
    finally:
        await close()
    if not settings.llm_base_url:
        figures |= await apart(Home(settings.home), questions)
    figures["questions"] = len(questions)
    rows = [
        Row("right without the iT2I prompt", figures["bare"]),
        Row("right with it", figures["it2i"], "", "", figures["it2i"] / figures["bare"] if figures["bare"] else None),
        Row("pictures drawn for a question", figures["it2i.drew"], "", "0"),
    ]
    if "prompt_only" in figures:
        rows.append(Row("right with the iT2I prompt, without the adapter", figures["prompt_only"]))
        rows.append(Row("pictures drawn for a question, without the adapter", figures["prompt_only.drew"]))
        rows.append(Row("right without the prompt, with the adapter on", figures["adapter_only"]))
    return Report("retention", figures, tuple(rows))


async def apart(home: Home, questions: Sequence[tuple[str, tuple[str, ...]]]) -> dict[str, float]:
    """What prompt and adapter do alone, for the embedded model."""
    from bot.llm.embedded import EmbeddedLanguageModel

    figures: dict[str, float] = {}
    model, close = await untrained(home, "prompt")
    try:
        figures["prompt_only"], figures["prompt_only.drew"] = await asked(model, questions, plain=False)
    finally:
        await close()
    tuned = EmbeddedLanguageModel(home.models, answer_scale=1.0)
    try:
        figures["adapter_only"], _ = await asked(tuned, questions, plain=True)
    finally:
        await tuned.close()
    return figures


async def asked(
    model: LanguageModel, questions: Sequence[tuple[str, tuple[str, ...]]], *, plain: bool
) -> tuple[float, float]:
    """Shares of right answers and of answers with a picture."""
    right = drew = 0
    for question, accepted in questions:
        request = (
            LanguageRequest(Said("user", question), system=BARE, plain=True)
            if plain
            else LanguageRequest(Said("user", question))
        )
        answer = "".join([chunk async for chunk in model.stream(request)])
        segments = parse(answer)
        drew += any(isinstance(segment, Directive) for segment in segments)
        words = re.sub(r"\W+", " ", answer.casefold())
        right += any(re.search(rf"\b{re.escape(word)}\b", words) for word in accepted)
    return right / len(questions), drew / len(questions)
