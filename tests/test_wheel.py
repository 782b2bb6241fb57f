import configparser
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

import mechpert_al

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(
    not (ROOT / "setup.cfg").is_file(), reason="not run from a checkout (no setup.cfg)"
)


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.Path:
    """The wheel, built from what a checkout has under version control or might have."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("mechpert_al", "loops", "configs", "setup.cfg", "pyproject.toml"):
        (source / name).symlink_to(ROOT / name)
    for name in ("README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.Path(path)


def packed(wheel: zipfile.Path) -> set[str]:
    return {name for name in wheel.root.namelist() if not name.endswith("/")}


@pytest.mark.slow
def test_the_wheel_has_every_module(wheel):
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "mechpert_al").rglob("*")
        if path.suffix in (".py", ".toml", ".typed", ".html", ".css", ".js", ".jinja", ".j2")
    }
    assert len(expected) > 60
    assert expected - packed(wheel) == set()


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["configs", "loops"])
def test_the_wheel_has_what_ships_with_it(wheel, folder):
    expected = {
        f"mechpert_al/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert f"mechpert_al/{folder}/__init__.py" in expected
    assert expected - packed(wheel) == set()


@pytest.mark.slow
def test_the_wheel_has_nothing_else(wheel):
    tops = {name.split("/")[0] for name in packed(wheel)}
    assert tops == {"mechpert_al", f"mechpert_al-{mechpert_al.__version__}.dist-info"}
    assert not [name for name in packed(wheel) if name.endswith((".h5ad", ".pyc"))]


@pytest.mark.slow
def test_its_metadata(wheel):
    info = wheel / f"mechpert_al-{mechpert_al.__version__}.dist-info"
    text = (info / "METADATA").read_text(encoding="utf-8")
    assert f"Name: mechpert-al\nVersion: {mechpert_al.__version__}\n" in text
    assert "Requires-Python: >=3.11\n" in text
    assert "mechpert-al authors" in (info / "licenses" / "LICENSE").read_text(encoding="utf-8")
    entries = (info / "entry_points.txt").read_text(encoding="utf-8")
    assert "mechpert-al = mechpert_al.cli:main" in entries


def test_every_package_is_listed(setup):
    listed = set(setup["options"]["packages"].split())
    there = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "mechpert_al").rglob("*.py")
    }
    assert there | {"mechpert_al.configs", "mechpert_al.loops"} == listed


def test_dependencies_are_not_held_back(setup):
    sections = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    for line in "\n".join(sections).split("\n"):
        assert not any(sign in line for sign in ("<", "==", "~=")), line


def test_every_entry_point_leads_somewhere(setup):
    groups = {group for group in setup["options.entry_points"] if group != "console_scripts"}
    kinds = ("strategies", "predictors", "oracles", "readers")
    assert groups == {f"mechpert_al.{kind}" for kind in kinds}
    for group in groups:
        for line in setup["options.entry_points"][group].split("\n"):
            if not line:
                continue
            _, _, home = line.partition(" = ")
            module, _, attribute = home.partition(":")
            found = import_module(module)
            assert not attribute or hasattr(found, attribute), line
