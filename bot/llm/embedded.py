"""The embedded language model: a small tuned model in a process of its own, started on demand.

It implements the LanguageModel port like any endpoint does, but speaks the compact format: one
constrained command line per turn, from which `prompts.tiny.reply` builds the tagged reply while it is
being written. Turns that want no picture are answered by the same model without its adapter.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bot.llm.embedded_process import Address, EmbeddedProcess
from prompts.operations import OPERATIONS
from prompts.request import LanguageRequest
from prompts.tiny import weights_file
from prompts.tiny.format import (
    MAX_DESCRIPTION,
    MAX_USER,
    TinyPicture,
    TinyTurn,
    english,
    grammar,
    harmless,
    messages,
    shown,
)
from prompts.tiny.reply import ReplyContext, TaggedReply
from prompts.tiny.resolve import resolve
from prompts.tiny.sentences import sentence
from prompts.tiny.wishes import wish

COMMAND_TOKENS = 256
REPLY_BIAS = 1.0
"""A picture that nobody wanted annoys more than a question back: in doubt, words."""
COPY_BIAS = -4.0
"""For `edit`, where an edit said nothing new: most of such lines should have been the model's second choice."""
ANSWER_TOKENS, WRITING_TOKENS = 64, 140

ANSWER_SYSTEM = "You are a helpful assistant. Answer in one short sentence."
"""The shorter the answer, the less is made up: of 36 plain questions this one got 27 right, a longer one 19."""
WRITING_SYSTEM = "You are a helpful assistant. Answer in at most three short sentences."
ANSWER_SENTENCES, WRITING_SENTENCES = 2, 8
"""At most; a decimal point counts as an end, too."""
_WRITING = re.compile(
    r"\b(?:write|compose|draft|invent|make up|poem|haiku|song|lyrics|story|tale|rhyme|joke|riddle|recipe|list|tips"
    r"|steps|how (?:do|can|to|should)|explain|describe|summari[sz]e|letter|e-?mail|speech|plan|code|script|program)\b",
    re.IGNORECASE,
)
_POINTS = re.compile(r"\b(?:it|its|this|that|these|those|picture|image|he|she|they)\b", re.IGNORECASE)
_TAG = re.compile(rf"<\s*(?:{'|'.join(OPERATIONS)})\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?。！？\n])\s+|(?<=[。！？\n])")


def tiny_turn(request: LanguageRequest) -> TinyTurn:
    """Reduce a request to what the compact format shows."""
    pictures = tuple(
        TinyPicture(p.number, p.description, p.parent, batch=p.latest_batch, current=p.current)
        for p in request.pictures
    )
    if sum(p.batch for p in pictures) < 2:
        # A batch of one is just the newest picture, which the model was never shown with a mark.
        pictures = tuple(TinyPicture(p.id, p.description, p.parent, current=p.current) for p in pictures)
    last_user: str | None = None
    said = list(request.history)
    if len(said) >= 2 and said[-1].role == "assistant" and said[-2].role == "user" and not _TAG.search(said[-1].text):
        last_user = said[-2].text
    return TinyTurn(request.user.text, pictures, last_user)


class EmbeddedLanguageModel:
    """The tuned model, with the process that it runs in.

    Args:
        cache: Folder for the unpacked weights.
        adapter: The trained LoRA; None for the base model as it is.
        used: Is told of the tokens of each reply, read and written.
        shots: Worked examples of the compact format, for a model without adapter.
        answer_scale: How much of the adapter is on in answers in words, 0 to 1; anything but 0 is there to be measured.
        on_port: Let it listen on a port of the loopback, so that `address` can be asked by others.
    """

    def __init__(
        self,
        cache: Path,
        *,
        threads: int = 1,
        adapter: Path | None = weights_file.ADAPTER,
        used: Callable[[int, int], None] = lambda prompt, completion: None,
        answer_scale: float = 0.0,
        shots: Sequence[tuple[str, str]] = (),
        on_port: bool = False,
    ) -> None:
        self._process = EmbeddedProcess(cache, adapter, used, threads=threads, on_port=on_port)
        self._answer_scale = answer_scale
        self._shots = [
            {"role": role, "content": text}
            for shot in shots
            for role, text in zip(("user", "assistant"), shot, strict=True)
        ]

    instructable = False
    """It knows one form, and answers everything else in a short sentence."""

    @property
    def name(self) -> str:
        """What people may call it."""
        return "smollm2-135m (embedded)"

    async def start(self) -> None:
        """Start the process now, so that the first message does not wait for it.

        Raises:
            LanguageModelError: when it cannot run here.
        """
        await self._process.address()

    async def address(self) -> Address:
        """The process's own OpenAI-compatible server, for evaluations that ask the base model another way (`on_port`).

        Raises:
            LanguageModelError: when it cannot run here.
        """
        return await self._process.address()

    async def close(self) -> None:
        """End the process."""
        await self._process.close()

    async def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        """Write the reply in chunks, as the LanguageModel port wants it."""
        if request.plain:
            async for chunk in self._plain(request):
                yield chunk
            return
        turn = tiny_turn(request)
        found = wish(english(turn.user, MAX_USER), shown(turn.pictures), request.skills)
        if found.message is not None:
            turn = replace(turn, user=found.message)
        context = ReplyContext(
            request.next_number,
            max_count=request.max_pictures,
            user=request.user.text,
            language=request.language,
            descriptions={p.id: harmless(p.description, MAX_DESCRIPTION) for p in turn.pictures},
            current=next((p.id for p in turn.pictures if p.current), None),
            wish=found,
        )
        if found.line is not None:
            reply = TaggedReply(context)
            for chunk in (*reply.feed(found.line), *reply.finish()):
                yield chunk
            return
        reply = TaggedReply(replace(context, doubt=True))
        async for chunk in self._command(turn, reply):
            yield chunk
        if reply.copied:
            reply = TaggedReply(context)
            async for chunk in self._command(turn, reply, bias=(("edit", COPY_BIAS),)):
                yield chunk
        if reply.is_reply and reply.language != "en":
            yield sentence("english", reply.language, request.user.text)
        elif reply.is_reply:
            async for chunk in self._answer(turn):
                yield chunk
            remark = sentence("check", "en", request.user.text)
            if not _WRITING.search(turn.user) and not any(remark in said.text for said in request.history[-12:]):
                yield f" {remark}"

    async def _command(
        self, turn: TinyTurn, reply: TaggedReply, bias: tuple[tuple[str, float], ...] = ()
    ) -> AsyncIterator[str]:
        """Let the tuned model write its line, and pass on what becomes of it."""
        pictures = shown(turn.pictures)
        targets = resolve(english(turn.user, MAX_USER), pictures)
        system, asked = messages(turn)
        async for piece in self._process.complete(
            [system, *self._shots, asked],
            max_tokens=COMMAND_TOKENS,
            adapter=1.0,
            slot=0,
            bias=(("reply", REPLY_BIAS), *bias),
            grammar=grammar((p.id for p in pictures), change=targets.change, choose=targets.choose),
        ):
            for chunk in reply.feed(piece):
                yield chunk
        for chunk in reply.finish():
            yield chunk

    async def _answer(self, turn: TinyTurn) -> AsyncIterator[str]:
        """Answer in words, with the adapter off: a sentence or two, a few more where something is to be written."""
        writing = _WRITING.search(turn.user) is not None
        system = WRITING_SYSTEM if writing else ANSWER_SYSTEM
        question = harmless(turn.user, 700)
        current = next((p for p in turn.pictures if p.current), turn.pictures[-1] if turn.pictures else None)
        if current is not None and _POINTS.search(turn.user):
            question = f"About a picture of {harmless(current.description, 160)}: {question}"
        asked = [{"role": "system", "content": system}]
        if turn.last_user:
            asked.append({"role": "user", "content": harmless(turn.last_user, 160)})
            asked.append({"role": "assistant", "content": "(answered)"})
        asked.append({"role": "user", "content": question})
        limit, most = (WRITING_TOKENS, WRITING_SENTENCES) if writing else (ANSWER_TOKENS, ANSWER_SENTENCES)
        held, wrote = "", False
        async for piece in self._process.complete(
            asked,
            max_tokens=limit,
            adapter=self._answer_scale,
            slot=1,
            grammar=_sentences(most, lines=writing),
            repeat=1.1 if writing else 1.0,
        ):
            held += _untagged(piece)
            for end in [match.start() for match in _SENTENCE.finditer(held)][-1:]:
                wrote = True
                yield held[:end]
                held = held[end:]
        if held.strip() and (not wrote or held.rstrip().endswith((".", "!", "?", "。", "！", "？"))):
            # What the token limit cut off in the middle is dropped, unless it is all there is.
            yield held
            wrote = True
        if not wrote:
            yield "I am not sure what to say to that."

    async def _plain(self, request: LanguageRequest) -> AsyncIterator[str]:
        """Write for a helper: its own system prompt, no tags, no pictures."""
        asked = [{"role": "system", "content": harmless(request.system or ANSWER_SYSTEM, 2500)}]
        asked += [{"role": said.role, "content": harmless(said.text, 600)} for said in request.history[-4:]]
        asked.append({"role": "user", "content": harmless(request.user.text, 1500)})
        limit = min(request.max_tokens, 400)
        async for piece in self._process.complete(
            asked, max_tokens=limit, adapter=self._answer_scale, slot=1, stop=request.stop
        ):
            yield _untagged(piece)


def _sentences(most: int, *, lines: bool) -> str:
    """A grammar of a few sentences: what a tiny model says after them is made up, and it is counted to its end.

    A number with a point in it, or at the beginning of a line, ends no sentence.
    """
    ends = ".!?。！？"
    other, gap = (f"[^{ends}<>]", "[ \\n]{0,2}") if lines else (f"[^{ends}<>\\n]", '" "?')
    number = '([0-9] [0-9]? ". ")? ' if lines else ""
    return (
        f"root ::= ({number}c+ [{ends}]{{1,3}} {gap}){{0,{most - 1}}} {number}c+ [{ends}]{{0,3}}\n"
        f'c ::= {other} | "." [0-9]\n'
    )


def _untagged(text: str) -> str:
    """Keep the words of a plain answer from ever being read as a tag."""
    return text.replace("<", "‹").replace("&lt;", "‹").replace("＜", "‹")
