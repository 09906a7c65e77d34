"""Easel's own certificate is made once, renewed in time under the same root, and nobody else's to read."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.marking import checkup
from bot.marking.certificate import RENEWED_DAYS, SIGNER_DAYS, NoCertificate, certificate, renew, tried
from bot.settings import Settings
from imaging.findings import Level
from imaging.marking.copies import Layers, marked
from imaging.marking.signature import Statement
from tests.marking.reading import said
from tests.marking.test_copies import STORED

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def settings(home: Path, **chosen: Any) -> Settings:
    return Settings(_env_file=None, home=home, **chosen)


def test_it_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = certificate(settings(tmp_path), tmp_path)
    assert first.own
    assert certificate(settings(tmp_path), tmp_path) == first
    files = list((tmp_path / "marking").iterdir())
    assert {file.name for file in files} == {"ca.key", "ca.pem", "signer.key", "signer.pem"}
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_it_is_renewed_long_before_it_ends_and_the_root_stays(tmp_path: Path) -> None:
    first = certificate(settings(tmp_path), tmp_path, NOW)
    same = certificate(settings(tmp_path), tmp_path, NOW + timedelta(days=SIGNER_DAYS - RENEWED_DAYS - 1))
    later = certificate(settings(tmp_path), tmp_path, NOW + timedelta(days=SIGNER_DAYS - RENEWED_DAYS + 1))
    assert same == first
    assert later.until > first.until
    assert later.root == first.root
    assert later.credential.key != first.credential.key


@pytest.mark.parametrize("days", [-20_000, 400], ids=["in 1972", "next year"])
def test_a_first_start_under_a_wrong_clock_is_made_good(tmp_path: Path, days: int) -> None:
    """Machines without a battery wake up in another year, and set their clocks later."""
    certificate(settings(tmp_path), tmp_path, NOW + timedelta(days=days))
    found = certificate(settings(tmp_path), tmp_path, NOW)
    assert found.since <= NOW
    assert found.until - NOW == timedelta(days=SIGNER_DAYS)
    assert certificate(settings(tmp_path), tmp_path, NOW) == found


@pytest.mark.parametrize("name", ["signer.key", "ca.key"])
def test_a_start_that_was_cut_short_leaves_no_pair_that_does_not_match(tmp_path: Path, name: str) -> None:
    certificate(settings(tmp_path), tmp_path)
    certificate(settings(tmp_path), tmp_path / "other")
    (tmp_path / "marking" / name).write_bytes((tmp_path / "other" / "marking" / name).read_bytes())
    if name == "ca.key":
        (tmp_path / "marking" / "signer.key").unlink()
    found = tried(certificate(settings(tmp_path), tmp_path))
    copy = marked(STORED, Layers(credential=found.credential), Statement("1")).data
    assert said(copy, found.root).state == "Trusted"


def test_who_trusts_the_root_trusts_the_pictures(tmp_path: Path) -> None:
    found = tried(certificate(settings(tmp_path), tmp_path))
    copy = marked(STORED, Layers(credential=found.credential), Statement("1")).data
    assert (said(copy).state, said(copy).wrong) == ("Valid", ["signingCredential.untrusted"])
    assert (said(copy, found.root).state, said(copy, found.root).wrong) == ("Trusted", [])
    (tmp_path / "other").mkdir()
    other = certificate(settings(tmp_path), tmp_path / "other")
    assert said(copy, other.root).wrong == ["signingCredential.untrusted"]


def test_the_hosts_own_is_used_as_it_is(tmp_path: Path) -> None:
    made = certificate(settings(tmp_path), tmp_path)
    chosen = settings(
        tmp_path,
        mark_certificate=str(tmp_path / "marking" / "signer.pem"),
        mark_key=str(tmp_path / "marking" / "signer.key"),
    )
    hosts = tried(certificate(chosen, tmp_path / "nowhere"))
    assert not hosts.own
    assert hosts.credential == made.credential
    assert not (tmp_path / "nowhere").exists()


def test_what_does_not_sign_is_told_with_its_reason(tmp_path: Path) -> None:
    certificate(settings(tmp_path), tmp_path)
    certificate(settings(tmp_path), tmp_path / "other")
    chain, key = tmp_path / "marking" / "signer.pem", tmp_path / "other" / "marking" / "signer.key"
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    for names, told in (
        ((chain, key), "signature does not match"),
        ((junk, key), "no PEM"),
        ((tmp_path / "missing.pem", key), "missing.pem cannot be used"),
    ):
        chosen = settings(tmp_path, mark_certificate=str(names[0]), mark_key=str(names[1]))
        with pytest.raises(NoCertificate, match=told):
            tried(certificate(chosen, tmp_path))


def test_one_that_has_ended_is_told(tmp_path: Path) -> None:
    made = certificate(settings(tmp_path), tmp_path, NOW)
    marking = tmp_path / "marking"
    chosen = settings(tmp_path, mark_certificate=str(marking / "signer.pem"), mark_key=str(marking / "signer.key"))
    with pytest.raises(NoCertificate, match="ended on 2031-11"):
        certificate(chosen, tmp_path, made.until + timedelta(days=1))


@pytest.mark.parametrize(("days", "level"), [(10, Level.WARNING), (200, Level.OK)])
def test_doctor_warns_before_a_hosts_certificate_ends(tmp_path: Path, days: int, level: Level) -> None:
    renew(tmp_path, datetime.now(UTC) - timedelta(days=SIGNER_DAYS - days))
    names = {"mark_certificate": str(tmp_path / "signer.pem"), "mark_key": str(tmp_path / "signer.key")}
    (said,) = checkup.examine(settings(tmp_path, **names))
    assert said.level is level
    assert ("get its successor" in said.sentence) == (level is Level.WARNING)
