"""Doctor asks the language model's endpoint as an answer does, and says what it found."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.home import Home
from bot.llm import checkup
from bot.llm.learnt import KEPT_S, Learnt
from bot.llm.manner import Manner
from bot.settings import SettingsError, load_settings
from imaging.findings import Finding, Level
from tests.peers.endpoint_peer import DONE, GOOD, Answer, EndpointPeer, Quirk, chunk, error, refusal
from tests.peers.endpoint_refusals import listed

NO_TEMPERATURE = refusal(400, error("'temperature' is not supported", param="temperature"))


async def findings(quirk: Quirk, home: Path, **settings: object) -> tuple[list[Finding], EndpointPeer]:
    async with EndpointPeer(quirk) as peer:
        given = load_settings(home=home, llm_base_url=peer.base_url, llm_model="some-model", **settings)
        return await checkup.examine(given), peer


async def test_one_token_is_asked_for_as_answers_are_and_what_was_adapted_is_told(tmp_path: Path) -> None:
    quirk = Quirk("", "", (NO_TEMPERATURE, Answer((chunk("ok", "length"), DONE))), models=listed())
    found, peer = await findings(quirk, tmp_path)
    assert [finding.level for finding in found] == [Level.OK, Level.OK]
    assert "with no temperature" in found[-1].sentence
    sent = peer.requests[-1]
    assert sent["max_tokens"] == 1
    assert sent["messages"][0]["role"] == "system"
    assert "<image" in sent["messages"][0]["content"]


async def test_what_was_learnt_is_there_after_a_restart(tmp_path: Path) -> None:
    quirk = Quirk("", "", (NO_TEMPERATURE, GOOD), models=listed())
    async with EndpointPeer(quirk) as peer:
        given = load_settings(home=tmp_path, llm_base_url=peer.base_url, llm_model="some-model")
        await checkup.examine(given)
        await checkup.examine(given)
    assert ["temperature" in request for request in peer.requests] == [True, False, False]
    kept = Home(tmp_path).cache / "endpoints.json"
    assert "127.0.0.1" not in kept.read_text()
    assert "some-model" not in kept.read_text()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"x": 3}', '{"x": {"at": "y", "manner": {}}}'])
def test_a_damaged_memory_of_endpoints_is_no_harm(tmp_path: Path, text: str) -> None:
    path = tmp_path / "endpoints.json"
    path.write_text(text)
    learnt = Learnt(path)
    assert learnt.get("http://x", "m") is None
    learnt.put("http://x", "m", Manner(frozenset({"stop"}), context=900))
    assert Learnt(path).get("http://x", "m") == Manner(frozenset({"stop"}), context=900)


def test_after_a_month_everything_is_found_out_anew(tmp_path: Path) -> None:
    Learnt(tmp_path / "e.json", clock=lambda: 0.0).put("u", "m", Manner(system=False))
    assert Learnt(tmp_path / "e.json", clock=lambda: KEPT_S - 1).get("u", "m") == Manner(system=False)
    assert Learnt(tmp_path / "e.json", clock=lambda: KEPT_S + 1).get("u", "m") is None


async def test_ollamas_silent_cut_is_warned_of(tmp_path: Path) -> None:
    loaded = {"/api/ps": {"models": [{"name": "some-model", "context_length": 4096}]}}
    found, _ = await findings(Quirk("", "", (GOOD,), models=listed(owned_by="library"), routes=loaded), tmp_path)
    assert found[-1].level is Level.WARNING
    assert "4,096" in found[-1].sentence
    assert "OLLAMA_CONTEXT_LENGTH=8000" in found[-1].sentence


async def test_a_model_that_thinks_needs_room_for_it(tmp_path: Path) -> None:
    thinks = Answer((chunk(reasoning_content="hmm"), chunk("", "length"), DONE))
    found, _ = await findings(Quirk("", "", (thinks,), models=listed()), tmp_path)
    assert [finding.level for finding in found] == [Level.OK, Level.OK, Level.WARNING]
    assert "EASEL_LLM_MAX_TOKENS=1024" in found[-1].sentence
    found, _ = await findings(Quirk("", "", (thinks,), models=listed()), tmp_path, llm_max_tokens=8000)
    assert found[-1].level is Level.OK


async def test_a_request_that_fails_is_broken_though_the_list_is_there(tmp_path: Path) -> None:
    found, _ = await findings(Quirk("", "", (refusal(402, error("Insufficient Balance")),), models=listed()), tmp_path)
    assert found[-1].level is Level.BROKEN
    assert "no credit left" in found[-1].sentence


async def test_a_name_that_is_not_listed_may_answer_all_the_same(tmp_path: Path) -> None:
    found, _ = await findings(Quirk("", "", (GOOD,), models={"data": [{"id": "another"}]}), tmp_path)
    assert [finding.level for finding in found] == [Level.OK, Level.OK]


async def test_settings_by_hand_win(tmp_path: Path) -> None:
    by_hand = {
        "llm_temperature": "none", "llm_system_role": False, "llm_effort": "Low",
        "llm_extra_body": '{"top_p": 0.5, "stream_options": null}',
    }  # fmt: skip
    _, peer = await findings(Quirk("", "", (GOOD,), models=listed()), tmp_path, **by_hand)
    sent = peer.requests[-1]
    assert "temperature" not in sent
    assert "stream_options" not in sent
    assert sent["top_p"] == 0.5
    assert sent["reasoning_effort"] == "low"
    assert {said["role"] for said in sent["messages"]} == {"user", "assistant"}


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"messages": []}', '{"stream": false}'])
def test_a_body_by_hand_is_a_json_object_that_leaves_ours_alone(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="EASEL_LLM_EXTRA_BODY: must"):
        load_settings(home=tmp_path, llm_extra_body=text)
