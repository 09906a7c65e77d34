"""Directive and thread → plan → recipe."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import UserError
from handlers.recipes import LONGEST_CHAIN, Built, build, depth, refined
from handlers.router import Invalid, Parent, Planned, Resolution, Selected, View, resolve
from imaging.model import Abilities, Operation, Technique
from prompts.adapter import adapt
from prompts.protocol import Directive
from tests.fakes import ABILITIES, with_techniques

FULL = ABILITIES
SAME_SEED_ONLY = with_techniques(Technique.SAME_SEED, Technique.IMAGE_TO_IMAGE)


def made(directive: Directive, view: View, abilities: Abilities = FULL, seed: int = 5, **more: bool | None) -> Built:
    plan = resolve(directive, view)
    assert isinstance(plan, Planned)
    description = directive.description or (plan.parent.description if plan.parent else "")
    plan = Planned(replace(plan.directive, description=description), plan.parent)
    words = adapt(description, style=None, negative=None, abilities=abilities)
    return build(plan, words, abilities=abilities, seed=seed, keep_layout=more.get("keep_layout"))


def fox(number: int = 1, description: str = "a red fox in the snow", seed: int = 11) -> Parent:
    built = made(Directive(Operation.IMAGE, description=description), View({}, {}, None), seed=seed)
    return Parent(number, Operation.IMAGE, description, built.recipe, f"sha-{number}", 64, 64)


def thread(*parents: Parent, current: int | None = None, written: dict[int, int] | None = None) -> View:
    newest = parents[-1].number if parents else None
    return View(written or {}, {parent.number: parent for parent in parents}, current or newest)


@pytest.mark.parametrize(
    ("directive", "view", "expected"),
    [
        (Directive(Operation.EDIT, description="x"), thread(), Planned(Directive(Operation.IMAGE, description="x"))),
        (
            Directive(Operation.EDIT, source=7, description="x"),
            thread(),
            Planned(Directive(Operation.IMAGE, description="x")),
        ),
        (
            Directive(Operation.VARIATION, description="a fox", problem="It must hold a number."),
            thread(),
            Planned(Directive(Operation.IMAGE, description="a fox")),
        ),
        (
            Directive(Operation.VARIATION, description="a fox", problem="It must hold a number."),
            thread(fox()),
            Invalid("It must hold a number."),
        ),
        (Directive(Operation.VARIATION), thread(), Invalid("There is no picture yet to make a variation of.")),
        (
            Directive(Operation.EDIT, source=9, description="x"),
            thread(fox()),
            Invalid("There is no picture 9 in this thread."),
        ),
        (Directive(Operation.SELECT, source=1), thread(fox()), Selected(1, "a red fox in the snow")),
        (Directive(Operation.SELECT), thread(), Invalid("There is no picture yet to select.")),
        (Directive(Operation.IMAGE, problem="It is broken."), thread(), Invalid("It is broken.")),
        (Directive(Operation.IMAGE), thread(), Invalid("A picture needs a description.")),
    ],
)
def test_what_a_directive_means(directive: Directive, view: View, expected: Resolution) -> None:
    assert resolve(directive, view) == expected


def test_ids_of_the_reply_go_before_numbers_of_the_thread() -> None:
    view = thread(fox(1), fox(2, "a cat"), written={1: 2})
    plan = resolve(Directive(Operation.VARIATION, source=1), view)
    assert isinstance(plan, Planned)
    assert plan.parent is not None
    assert plan.parent.number == 2


def test_an_edit_keeps_seed_and_size_and_runs_beside_its_parent() -> None:
    parent = fox()
    built = made(
        Directive(Operation.EDIT, source=1, description="a blue fox in the snow", change="small"), thread(parent)
    )
    recipe = built.recipe
    assert parent.recipe is not None
    assert recipe.seed == parent.recipe.seed
    assert recipe.control is not None
    assert recipe.control.technique is Technique.PROMPT_TO_PROMPT
    assert recipe.source == parent.recipe
    assert recipe.source_image is None


def test_an_engine_without_controls_edits_with_the_same_seed() -> None:
    recipe = made(
        Directive(Operation.EDIT, source=1, description="a blue fox in the snow", change="small"),
        thread(fox()),
        SAME_SEED_ONLY,
    ).recipe
    assert recipe.control is not None
    assert recipe.control.technique is Technique.SAME_SEED
    assert (recipe.seed, recipe.source) == (11, None)


def test_an_edit_of_an_edit_never_nests_without_end() -> None:
    parent = fox()
    for step in range(12):
        colour = ("blue", "green", "white", "black")[step % 4]
        directive = Directive(Operation.EDIT, source=1, description=f"a {colour} fox in the snow", change="small")
        recipe = made(directive, thread(parent)).recipe
        assert depth(recipe) <= LONGEST_CHAIN
        parent = Parent(1, Operation.EDIT, directive.description, recipe, "sha", 64, 64)


def test_a_variation_is_a_new_draw_of_the_same_words() -> None:
    recipe = made(Directive(Operation.VARIATION, source=1), thread(fox()), seed=77).recipe
    assert (recipe.seed, recipe.description, recipe.operation) == (77, "a red fox in the snow", Operation.VARIATION)


def test_refine_is_larger_and_starts_from_the_pixels() -> None:
    parent = fox()
    recipe = made(Directive(Operation.REFINE, source=1), thread(parent)).recipe
    assert (recipe.width, recipe.height) == (96, 96)
    assert recipe.source_image == "sha-1"
    refined = Parent(2, Operation.REFINE, parent.description, recipe, "sha-2", 96, 96)
    edit = made(
        Directive(Operation.EDIT, description="a blue fox in the snow", change="small"), thread(parent, refined)
    )
    assert (edit.recipe.width, edit.recipe.source) == (64, parent.recipe)


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (64, 64, (96, 96)), (96, 96, (144, 144)), (144, 144, None), (64, 2000, None), (1, 1, (16, 16)),
    ],
)  # fmt: skip
def test_refine_ends_where_the_engine_draws_none_larger(width: int, height: int, size: tuple[int, int] | None) -> None:
    assert refined(width, height, FULL) == size
    upload = Parent(1, Operation.UPLOAD, "me.png", None, "sha-up", width, height)
    directive = Directive(Operation.REFINE, source=1)
    if size is None:
        with pytest.raises(UserError, match="as large as pictures get here"):
            made(directive, thread(upload))
    else:
        recipe = made(directive, thread(upload)).recipe
        assert (recipe.width, recipe.height) == size
        assert FULL.draws(*size)


def test_an_engine_that_draws_at_its_own_size_refines_as_often_as_is_wished() -> None:
    hosted = replace(FULL, refine_scale=1.0, sizes={"square": (1024, 1024)})
    assert refined(1024, 1024, hosted) == (1024, 1024)


@pytest.mark.parametrize("operation", [Operation.REFINE, Operation.VARIATION])
def test_an_engine_that_changes_pictures_by_words_refines_and_varies_what_it_is_given(operation: Operation) -> None:
    told = with_techniques(Technique.INSTRUCTION)
    upload = Parent(1, Operation.UPLOAD, "me.png", None, "sha-up", 64, 64)
    recipe = made(Directive(operation, source=1), thread(upload), told).recipe
    assert recipe.control is not None
    assert (recipe.control.technique, recipe.source_image) == (Technique.INSTRUCTION, "sha-up")


def test_an_edit_of_an_upload_looks_at_its_pixels() -> None:
    upload = Parent(1, Operation.UPLOAD, "me.png", None, "sha-up", 300, 200)
    recipe = made(Directive(Operation.EDIT, description="me as a knight"), thread(upload)).recipe
    assert recipe.source_image == "sha-up"
    assert recipe.source is None


def test_a_parent_that_is_still_rendering_is_waited_for_only_when_its_pixels_are_needed() -> None:
    pending = replace(fox(), sha256=None)
    small = made(Directive(Operation.EDIT, description="a blue fox in the snow", change="small"), thread(pending))
    large = made(Directive(Operation.EDIT, description="a red fox in a castle", change="large"), thread(pending))
    assert small.needs is None
    assert large.needs == 1


def test_the_users_word_on_the_layout_overrules() -> None:
    directive = Directive(Operation.EDIT, description="a blue fox in the snow")
    kept = made(directive, thread(fox()), keep_layout=True).recipe.control
    more = made(directive, thread(fox()), keep_layout=False).recipe.control
    assert kept is not None
    assert more is not None
    assert (kept.technique, more.technique) == (Technique.PROMPT_TO_PROMPT, Technique.IP_ADAPTER)


@given(
    st.builds(
        Directive,
        st.sampled_from([operation for operation in Operation if operation is not Operation.UPLOAD]),
        id=st.none() | st.integers(-5, 99),
        source=st.none() | st.integers(-5, 5),
        description=st.sampled_from(["", "a cat", "a red fox in the snow", "a fox in a castle"]),
        count=st.integers(1, 4),
        size=st.sampled_from([None, "square", "wide", "tall"]),
        change=st.sampled_from([None, "small", "large"]),
    ),
    st.sets(st.integers(1, 4)),
    st.sampled_from([FULL, SAME_SEED_ONLY, with_techniques()]),
)
def test_every_directive_ends_in_a_plan_the_engine_can_run(
    directive: Directive, numbers: set[int], abilities: Abilities
) -> None:
    view = thread(*(fox(number) for number in sorted(numbers)))
    plan = resolve(directive, view)
    if not isinstance(plan, Planned):
        assert isinstance(plan, Invalid | Selected)
        return
    recipe = made(directive, view, abilities).recipe
    technique = recipe.control.technique if recipe.control else Technique.NONE
    assert technique is Technique.NONE or technique in abilities.techniques
    assert recipe.width % 8 == recipe.height % 8 == 0
    assert plan.parent is None or plan.parent.number in numbers
