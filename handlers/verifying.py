"""What a file says of its origin, told to people: one sentence that sums it up, then what each layer says."""

from __future__ import annotations

from collections.abc import Iterator

from handlers.errors import UserError
from handlers.model import Attachment, PictureState, ThreadKey
from handlers.services import Services
from imaging.decoding.pool import Closed
from imaging.marking.inspection import Manifest, Origin, inspected
from imaging.marking.looks import alike
from imaging.marking.metadata import AI_TYPES
from imaging.marking.watermark import SURE_SIDE
from imaging.model import Operation
from imaging.outputs import posted_size

NEITHER = "Attach a picture to /verify, or name one of this thread: /verify picture:3."
STOPPING = "I am being restarted; please ask again in a moment."
UNTRUSTED = "signingCredential.untrusted"
ENDED = frozenset({"signingCredential.expired", "claimSignature.outsideValidity", "signingCredential.invalid"})
CHANGED = "assertion.dataHash.mismatch"
MADE_FROM = frozenset(operation.value for operation in Operation if operation.makes.keeps_source)


async def verify_files(services: Services, files: tuple[Attachment, ...], account: str) -> str:
    """What all of them say.

    Raises:
        imaging.errors.BadPicture: one cannot be opened.
    """
    found = [await _verified(services, file.data, account) for file in files[: services.limits.attachments]]
    if len(found) == 1:
        return found[0]
    return "\n\n".join(f"{file.name}: {told}" for file, told in zip(files, found, strict=False))


async def verify_picture(services: Services, thread: ThreadKey, number: int, account: str) -> str:
    """What the copy that people get of a picture of the thread says.

    Raises:
        UserError: there is none.
    """
    picture = await services.store.picture(thread, number)
    if picture is None or picture.state is not PictureState.READY:
        raise UserError(f"There is no picture {number} here; /gallery in:here lists them.")
    return await _verified(services, await services.marking.copy(picture.sha256), account)


async def _verified(services: Services, data: bytes, account: str) -> str:
    anchors = services.marking.root
    try:
        found = await inspected(services.decoders, data, anchors, owner=account)
    except Closed:
        raise UserError(STOPPING) from None
    return told(found, ours=is_ours(found, services.marking.serial))


def is_ours(found: Origin, serial: str) -> bool:
    """Whether a signer that is trusted is this Easel: others may hang from the root of a host's own certificate.

    Args:
        serial: Of this Easel's certificate; empty where nobody else's hangs from its root.
    """
    return found.manifest is not None and serial in ("", found.manifest.serial)


def told(found: Origin, *, ours: bool) -> str:
    """All that there is to say, the sum of it first.

    Args:
        ours: A signer that is trusted is this Easel (`is_ours`).
    """
    lines = [_signature(found, ours=ours), _mark(found), _metadata(found), _recipe(found), *_disagreements(found)]
    return "\n".join([_sum(found, ours=ours), *(f"- {line}" for line in filter(None, lines))])


def _sum(found: Origin, *, ours: bool) -> str:
    manifest = found.manifest
    if manifest is None:
        return _unsigned(found)
    if broken := _broken(found, manifest):
        return f"{broken} {'It still carries the mark of Easel: made with AI.' if found.marked else ''}".strip()
    if not AI_TYPES & set(manifest.sources):
        if found.marked:
            return "Made with AI: it carries the mark of Easel, although its signature says nothing of that."
        return "Its signature holds and says nothing of AI."
    if ENDED & set(manifest.wrong):
        return "Made with AI, says a signature that holds, but its certificate has ended or is not valid for this."
    if manifest.trusted:
        by = "this Easel" if ours else manifest.signer or "a trusted signer"
        return f"Made with AI, by {by}: its signature holds, and nothing was changed since."
    return "Made with AI, says a signature that holds; nobody here knows who signed it."


def _unsigned(found: Origin) -> str:
    if found.unreadable:
        rest = " It carries the mark of Easel: made with AI." if found.marked else ""
        return f"Its signed statement cannot be read.{rest}"
    if found.marked:
        return "Made with AI: it carries the mark of Easel, but no signature; many platforms take that out."
    if found.source in AI_TYPES or found.recipe is not None:
        return "Its metadata say that it was made with AI; nothing proves it."
    return "Nothing in this file says that it was made with AI. That proves nothing: what says so can be taken out."


def _broken(found: Origin, manifest: Manifest) -> str:
    """What was done to a statement that does not hold; empty where it does."""
    wrong = set(manifest.wrong) - {UNTRUSTED} - ENDED
    if CHANGED in wrong and manifest.look:
        if alike(manifest.look, found.look):
            return "Changed after it was signed: the signature is for other bytes of this picture."
        return "The signed statement in this file belongs to another picture."
    if CHANGED in wrong:
        return "Changed after it was signed, or the signed statement belongs to another picture."
    return "The signed statement in this file was tampered with: its signature does not hold." if wrong else ""


def _signature(found: Origin, *, ours: bool) -> str:
    manifest = found.manifest
    if manifest is None:
        return f"Signature: cannot be read ({found.unreadable})." if found.unreadable else "Signature: none."
    trusted = "this Easel's own certificate" if ours else "under a root that you trust"
    known = trusted if manifest.trusted else "not known here"
    said = [f"Signature: by {manifest.signer or 'nobody named'} ({known}), made with {manifest.generator or 'unknown'}"]
    if manifest.actions:
        said.append(f"what was done: {', '.join(name.removeprefix('c2pa.') for name in manifest.actions)}")
    if manifest.parents:
        said.append(f"made from: {'; '.join(manifest.parents)}")
    if wrong := [code for code in manifest.wrong if code != UNTRUSTED]:
        said.append(f"what fails: {', '.join(wrong)}")
    return ". ".join(f"{part[0].upper()}{part[1:]}" for part in said) + "."


def _mark(found: Origin) -> str:
    if found.marked:
        same = 0.97 < found.mark_size < 1.03
        return f"Invisible mark: Easel's{'' if same else f', in a copy at {found.mark_size:.0%} of its first size'}."
    return "Invisible mark: none was found." if found.could_be_marked else "Invisible mark: too small to carry one."


def _metadata(found: Origin) -> str:
    return f"Metadata: {found.source.rpartition('/')[2]}." if found.source else "Metadata: nothing of its origin."


def _recipe(found: Origin) -> str:
    if found.recipe is None:
        return "Recipe: none."
    if not found.recipe:
        return "Recipe: there is one that cannot be read."
    return "Recipe: {operation} by {model} (engine {engine}).".format_map(found.recipe)


def _disagreements(found: Origin) -> Iterator[str]:
    """What does not fit together although each of it may hold."""
    manifest, recipe = found.manifest, found.recipe
    whole = manifest is not None and not _broken(found, manifest)
    if (
        whole
        and min(found.width, found.height) >= SURE_SIDE
        and not found.marked
        and manifest
        and manifest.generator.startswith("Easel ")
    ):
        yield "These do not agree: its signature names Easel, and the mark is not in it (a host can turn that off)."
    if manifest is not None and AI_TYPES & set(manifest.sources) and found.source and found.source not in AI_TYPES:
        yield "These do not agree: the signature says AI, the metadata say something else."
    if recipe and (found.width, found.height) not in _sizes(recipe["width"], recipe["height"]):
        yield (
            f"These do not agree: the recipe is of a picture of {recipe['width']} × {recipe['height']}, "
            f"this one has {found.width} × {found.height}."
        )
    if whole and recipe and manifest and recipe["operation"] not in MADE_FROM and "c2pa.edited" in manifest.actions:
        yield "These do not agree: the signature says that it was edited, the recipe that it was drawn anew."


def _sizes(width: int, height: int) -> tuple[tuple[int, int], ...]:
    """Of a copy of a picture that was drawn so large: chats are posted small ones enlarged."""
    return (width, height), posted_size(width, height)
