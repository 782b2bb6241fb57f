import difflib
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from mechpert_al.config import LoopFile, Settings, load_toml, validated
from mechpert_al.datasets import shipped_loops
from mechpert_al.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "loop.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_toml(written(folder, text), LoopFile)
    return caught.value


WHOLE = """
seed = 7

[[effects]]
path = "a.h5ad"
role = "settings"

[[effects]]
path = "b.h5ad"
name = "B"

[panel]
path = "essential585"
agents = ["complex", "response"]

[features]
path = "features.h5ad"

[network]
path = "network.tsv"
min_score = 0.7

[design]
strategy = "facility_location"
batch = 24
rounds = 3
must_include = ["TP53"]
exclude = ["ACTB"]

[prediction]
predictor = "neighbours"
other_line = "c.h5ad"

[compare]
strategies = ["random", "expected_coverage"]
predictors = ["kriging"]
budgets = [5, 10]
splits = 2
test_fraction = 0.3
random_draws = 9
rounds = 2
degraded = "random:0.5"
oracles = false
"""


def test_everything_in_a_loop_file_is_read(tmp_path):
    loop = load_toml(written(tmp_path, WHOLE), LoopFile)
    assert loop.seed == 7
    assert [(one.path, one.name, one.role) for one in loop.effects] == [
        ("a.h5ad", None, "settings"),
        ("b.h5ad", "B", "judge"),
    ]
    assert (loop.panel.path, loop.panel.agents) == ("essential585", ("complex", "response"))
    assert loop.features.path == "features.h5ad"
    assert (loop.network.path, loop.network.min_score) == ("network.tsv", 0.7)
    assert loop.design.model_dump() == {
        "strategy": "facility_location",
        "batch": 24,
        "rounds": 3,
        "must_include": ("TP53",),
        "exclude": ("ACTB",),
    }
    assert (loop.prediction.predictor, loop.prediction.other_line) == ("neighbours", "c.h5ad")
    assert loop.compare.model_dump() == {
        "strategies": ("random", "expected_coverage"),
        "predictors": ("kriging",),
        "budgets": (5, 10),
        "splits": 2,
        "test_fraction": 0.3,
        "random_draws": 9,
        "rounds": 2,
        "degraded": "random:0.5",
        "oracles": False,
    }


def test_an_empty_file_has_the_defaults(tmp_path):
    loop = load_toml(written(tmp_path, ""), LoopFile)
    assert (loop.seed, loop.effects, loop.panel, loop.network) == (0, (), None, None)
    assert (loop.design.strategy, loop.design.batch, loop.design.rounds) == (
        "expected_coverage",
        10,
        5,
    )
    assert (loop.prediction.predictor, loop.prediction.other_line) == (None, None)
    assert loop.compare.budgets == (10, 20, 30, 50, 100, 200)
    assert (loop.compare.splits, loop.compare.test_fraction, loop.compare.random_draws) == (
        6,
        0.4,
        50,
    )


@pytest.mark.parametrize("name", sorted(shipped_loops()))
def test_shipped_loops_are_valid(name):
    loop = load_toml(shipped_loops()[name], LoopFile)
    assert not loop.effects or any(one.role == "judge" for one in loop.effects)


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        ("sed = 3", "unknown key sed (= 3)", "Did you mean seed? Keys of the file: seed, effects"),
        (
            '[[effects]]\npath = "a"\n[[effects]]\npath = "b"\nrolle = "judge"',
            'unknown key effects[1].rolle (= "judge")',
            "Did you mean role? Keys of effects[1]: path, name",
        ),
        (
            "[compare]\nspilts = 3",
            "unknown key compare.spilts (= 3)",
            "Did you mean splits",
        ),
        ("[zzzz]\na = 1", 'unknown key zzzz (= {"a": 1})', "Keys of the file: "),
        ('seed = "1"', 'seed is "1", expected a valid integer', ""),
        ("seed = true", "seed is true, expected a valid integer", ""),
        ("seed = -1", "seed is -1, expected greater than or equal to 0", ""),
        ("[panel]", "key panel.path is missing", ""),
        (
            '[[effects]]\npath = "a"\nrole = "jduge"',
            "effects[0].role is \"jduge\", expected 'judge' or 'settings'",
            "",
        ),
        (
            "[compare]\nbudgets = [10, 0]",
            "compare.budgets[1] is 0, expected greater than or equal to 1",
            "",
        ),
        ("[compare]\nbudgets = []", "compare.budgets is [], expected at least 1 item", ""),
        (
            "[compare]\ntest_fraction = 1.0",
            "compare.test_fraction is 1.0, expected less than 1",
            "",
        ),
        ("[compare]\ntest_fraction = nan", "compare.test_fraction is NaN", ""),
        ("[compare]\nsplits = 2.5", "compare.splits is 2.5, expected a valid integer", ""),
        ('[design]\nstrategy = ""', 'design.strategy is "", expected at least 1 character', ""),
        ("[design]\nexclude = 'A'", 'design.exclude is "A", expected a valid', ""),
        ("seed = 2026-11-25", 'seed is "2026-11-25", expected a valid integer', ""),
        ("seed = ", "not TOML: Invalid value (at end of document)", 'text in "quotes"'),
        ("seed = 1\nseed = 2", "not TOML: Cannot overwrite a value", ""),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, told, hint):
    error = refused(tmp_path, text)
    assert f"{tmp_path / 'loop.toml'}: {told}" in error.message
    assert hint in error.hint
    assert error.exit_code == 3


def test_all_wrong_keys_are_told_at_once(tmp_path):
    error = refused(tmp_path, "sed = 1\n[design]\nbach = 2\nrounds = 0\n")
    assert len(error.message.splitlines()) == 3
    assert error.hint.count("Did you mean") == 2


def test_what_is_no_text_file(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml: No such file"):
        load_toml(tmp_path / "absent.toml", LoopFile)
    with pytest.raises(ConfigError, match="Is a directory"):
        load_toml(tmp_path, LoopFile)
    (tmp_path / "latin.toml").write_bytes("# \u00e4\nseed = 1".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_toml(tmp_path / "latin.toml", LoopFile)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "loop.toml"
    path.write_bytes(b"\xef\xbb\xbfseed = 3\r\n")
    assert load_toml(path, LoopFile).seed == 3


def test_settings_do_not_change(tmp_path):
    loop = load_toml(written(tmp_path, WHOLE), LoopFile)
    with pytest.raises(ValueError, match="frozen"):
        loop.seed = 1


class Inner(Settings):
    first: int = 0
    second: str = ""


class Outer(Settings):
    inner: Inner | None = None
    either: Annotated[int, Field(ge=0)] | Annotated[float, Field(lt=1)] | None = None
    named: dict[str, Inner] | None = None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("x", 'f: either is "x", expected a valid integer or a valid number'),
        (-1.5, None),
        (1.5, "f: either is 1.5, expected a valid integer or less than 1"),
        ([2], "f: either is [2], expected a valid integer or a valid number"),
    ],
)
def test_a_value_of_several_types_is_told_once(value, told):
    if told is None:
        assert validated({"either": value}, Outer, "f").either == value
        return
    with pytest.raises(ConfigError) as caught:
        validated({"either": value}, Outer, "f")
    assert caught.value.message == told


def test_keys_below_names_are_found_too():
    with pytest.raises(ConfigError) as caught:
        validated({"named": {"any": {"frist": 1}}}, Outer, "f")
    assert caught.value.message == "f: unknown key named.any.frist (= 1)"
    assert caught.value.hint == "Did you mean first? Keys of named.any: first, second."


@given(st.text(min_size=1).filter(lambda key: key not in LoopFile.model_fields))
def test_no_unknown_key_passes(key):
    with pytest.raises(ConfigError) as caught:
        validated({key: 1}, LoopFile, "f")
    assert f"unknown key {key} (= 1)" in caught.value.message
    near = difflib.get_close_matches(key, LoopFile.model_fields, n=3, cutoff=0.5)
    assert all(name in caught.value.hint for name in near)
