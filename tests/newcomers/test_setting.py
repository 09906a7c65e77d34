"""A new setting is one field: it is read, checked, printed, explained and known to doctor."""

from __future__ import annotations

from pathlib import Path

from tests.newcomers.tree import Tree


def test_a_setting_is_one_field(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "easel")
    days = '    job_days: int = _group("General", "Days for which ended jobs of the queue stay on file.", 7, ge=1)\n'
    tree.after("bot/settings.py", days, '    brushes: int = _group("General", "Brushes at hand.", 3, ge=1)\n')
    assert tree.touched == {"bot/settings.py"}
    assert "# Brushes at hand.\nEASEL_BRUSHES=3\n" in tree.easel("settings", "--example")
    assert "EASEL_BRUSHES=5\n" in tree.easel("settings", brushes="5")
    assert "EASEL_BRUSHES: Input should be greater than or equal to 1" in tree.easel("settings", code=2, brushes="0")
    assert "EASEL_BRUSHEZ is not a setting; did you mean EASEL_BRUSHES?" in tree.easel("settings", brushez="5")
