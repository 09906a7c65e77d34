"""Values of the conversation ↔ what the database holds of them. No database here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from handlers.model import (
    NoticePart,
    PendingJob,
    Person,
    Picture,
    PicturePart,
    PictureState,
    ReplyPart,
    Role,
    SelectPart,
    SlotState,
    TextPart,
    ThreadKey,
    Turn,
    TurnState,
)
from handlers.round import Card, Phase, RoundPart
from imaging.model import ImageRequest, Operation, Owner, Priority, Recipe, plain

TURN_COLUMNS = "id, thread, idx, role, state, person, text, parts, jobs, written, answers, post, created, replies_to"
PICTURE_COLUMNS = (
    "thread, number, operation, parents, description, recipe, sha256, media_type, width, height, person, "
    "turn, state, metrics, device_seconds, created, spoiler"
)


def dumps(value: Any) -> str:
    """Compact JSON that keeps every character; a lone surrogate (from a broken client) is replaced."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return plain(text)


def clean(text: str) -> str:
    """Text that SQLite takes: lone surrogates replaced."""
    return plain(text)


def person_key(thread: ThreadKey, person_id: str) -> str:
    """Names a person across threads: ids are unique within a chat's workspace."""
    return f"{thread.chat}/{thread.tenant}/{person_id}"


def person_to_json(person: Person) -> dict[str, Any]:
    return {"id": person.id, "name": person.name} | ({"account": person.account} if person.account else {})


def person_from_json(data: Mapping[str, Any]) -> Person:
    return Person(id=str(data["id"]), name=str(data["name"]), account=str(data.get("account", "")))


def part_to_json(part: ReplyPart) -> dict[str, Any]:
    """Only what outlives a restart: previews, queue positions and steps are not."""
    match part:
        case TextPart(text):
            return {"text": text}
        case NoticePart(sentence):
            return {"notice": sentence} | ({"anonymous": True} if part.anonymous else {})
        case SelectPart(number, description):
            return {"select": number, "description": description}
        case RoundPart():
            return {"round": round_to_json(part)}
        case PicturePart():
            return {
                "slot": part.slot,
                "number": part.number,
                "operation": part.operation.value,
                "description": part.description,
                "parents": list(part.parents),
                "state": part.state.value,
                "sha256": part.sha256,
                "sentence": part.sentence,
            } | {
                name: told
                for name in ("spoiler", "largest", "again", "width", "height")
                if (told := getattr(part, name))
            }


def part_from_json(data: Mapping[str, Any]) -> ReplyPart:
    if "slot" in data:
        return PicturePart(
            slot=data["slot"],
            number=data["number"],
            operation=Operation(data["operation"]),
            description=data["description"],
            parents=tuple(data["parents"]),
            state=SlotState(data["state"]),
            sha256=data["sha256"],
            sentence=data["sentence"],
            spoiler=bool(data.get("spoiler")),
            largest=bool(data.get("largest")),
            again=data.get("again"),
            width=data.get("width", 0),
            height=data.get("height", 0),
        )
    if "select" in data:
        return SelectPart(data["select"], data["description"])
    if "round" in data:
        return round_from_json(data["round"])
    if "notice" in data:
        return NoticePart(data["notice"], bool(data.get("anonymous")))
    return TextPart(data["text"])


def round_to_json(part: RoundPart) -> dict[str, Any]:
    cards = [asdict(card) | {"parents": list(card.parents)} for card in part.cards]
    plain_values = {"phase": part.phase.value, "cards": cards, "remarks": list(part.remarks)}
    return asdict(part) | plain_values | {"closes": None if part.closes is None else part.closes.isoformat()}


def round_from_json(data: Mapping[str, Any]) -> RoundPart:
    cards = tuple(Card(**(card | {"parents": tuple(card["parents"])})) for card in data["cards"])
    closes = None if data["closes"] is None else datetime.fromisoformat(data["closes"])
    changed = {"phase": Phase(data["phase"]), "cards": cards, "remarks": tuple(data["remarks"]), "closes": closes}
    return RoundPart(**(dict(data) | changed))


def job_to_json(job: PendingJob) -> dict[str, Any]:
    request = job.request
    return {
        "id": request.id,
        "recipe": request.recipe.to_json(),
        "owner": [request.owner.tenant, request.owner.person, request.owner.thread, request.owner.account],
        "priority": request.priority.value,
        "number": job.number,
        "needs": job.needs,
    }


def job_from_json(data: Mapping[str, Any]) -> PendingJob:
    owner = Owner(*data["owner"])
    request = ImageRequest(data["id"], Recipe.from_json(data["recipe"]), owner, Priority(data["priority"]))
    return PendingJob(request, data["number"], data["needs"])


def turn_values(turn: Turn, *, jobs: bool = True) -> tuple[Any, ...]:
    """In the order of `TURN_COLUMNS`, with the person's key appended; `jobs=False` leaves the jobs empty."""
    return (
        turn.id,
        clean(str(turn.thread)),
        turn.index,
        turn.role.value,
        turn.state.value,
        None if turn.person is None else dumps(person_to_json(turn.person)),
        clean(turn.text),
        dumps([part_to_json(part) for part in turn.parts]),
        dumps([job_to_json(job) for job in turn.jobs]) if jobs else "[]",
        int(turn.written),
        turn.answers,
        turn.post,
        turn.created.timestamp(),
        turn.replies_to,
        None if turn.person is None else clean(person_key(turn.thread, turn.person.id)),
    )


def turn_from_row(row: tuple[Any, ...], thread: ThreadKey, *, jobs: bool = True) -> Turn:
    """`jobs=False` leaves the jobs out: history does not need them, and recipes are long."""
    (id_, _, index, role, state, person, text, parts, orders, written, answers, post, created, about) = row
    return Turn(
        id=id_,
        thread=thread,
        index=index,
        role=Role(role),
        person=None if person is None else person_from_json(json.loads(person)),
        text=text,
        created=datetime.fromtimestamp(created, UTC),
        state=TurnState(state),
        parts=tuple(part_from_json(part) for part in json.loads(parts)) if parts != "[]" else (),
        answers=answers,
        post=post,
        jobs=tuple(job_from_json(job) for job in json.loads(orders)) if jobs and orders != "[]" else (),
        written=bool(written),
        replies_to=about,
    )


def picture_values(picture: Picture) -> tuple[Any, ...]:
    """In the order of `PICTURE_COLUMNS`, with the person's key appended."""
    return (
        clean(str(picture.thread)),
        picture.number,
        picture.operation.value,
        dumps(list(picture.parents)),
        clean(picture.description),
        None if picture.recipe is None else dumps(picture.recipe.to_json()),
        picture.sha256,
        picture.media_type,
        picture.width,
        picture.height,
        dumps(person_to_json(picture.person)),
        picture.turn,
        picture.state.value,
        dumps(picture.metrics),
        picture.device_seconds,
        picture.created.timestamp(),
        int(picture.spoiler),
        clean(person_key(picture.thread, picture.person.id)),
    )


def picture_from_row(row: tuple[Any, ...], thread: ThreadKey) -> Picture:
    (_, number, operation, parents, description, recipe, sha256, media_type, width, height, person) = row[:11]
    turn, state, metrics, device_seconds, created, spoiler = row[11:17]
    return Picture(
        thread=thread,
        number=number,
        operation=Operation(operation),
        parents=tuple(json.loads(parents)),
        description=description,
        recipe=None if recipe is None else Recipe.from_json(json.loads(recipe)),
        sha256=sha256,
        media_type=media_type,
        width=width,
        height=height,
        person=person_from_json(json.loads(person)),
        created=datetime.fromtimestamp(created, UTC),
        turn=turn,
        state=PictureState(state),
        metrics=json.loads(metrics),
        device_seconds=device_seconds,
        spoiler=bool(spoiler),
    )
