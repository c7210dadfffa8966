"""Fitting the character model from a small folder: the file reads back and has learned its text."""
# ruff: noqa: E501 - sample texts stand in one piece

import gzip
from pathlib import Path

import numpy as np
import pytest

from solon.core.errors import TrainingError
from solon.engines.normalize.charlm import read
from solon.train.charlm import main, texts

PROSE = (
    "The old mill stood by the river, and the miller was fond of bread. He said that the wheel would turn for many years. "
    "What do you know about the mill? Tell the miller how the wheel turns. "
)


def test_main_fits_a_model_that_prefers_its_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "en_mill.txt").write_text(PROSE * 20, encoding="utf-8")
    with gzip.open(tmp_path / "de_muehle.txt.gz", "wt", encoding="utf-8") as out:
        out.write("Die alte Mühle stand am Fluss, und der Müller mochte Brot. " * 20)
    target = tmp_path / "out" / "charlm.npz"
    assert main(["--text", str(tmp_path), "--out", str(target)]) == 0
    assert "MB" in capsys.readouterr().out
    model = read(target)
    assert model.mean("the miller said that the wheel") < 2.0
    assert model.mean("der alte Müller mochte Brot") < 3.0
    assert model.mean("xqzv kjwq zzpf") > 8.0
    with np.load(target) as archive:
        listed = bytes(archive["words"]).decode().split("\n")
    assert {"the", "mill", "mühle"} <= set(listed)


def test_the_same_text_gives_the_same_file_contents(tmp_path: Path) -> None:
    (tmp_path / "en_a.txt").write_text(PROSE * 5, encoding="utf-8")
    for name in ("one.npz", "two.npz"):
        main(["--text", str(tmp_path), "--out", str(tmp_path / name)])
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "two.npz") as two:
        assert all(np.array_equal(one[key], two[key]) for key in one.files)


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no \*\.txt"):
        texts(tmp_path)
