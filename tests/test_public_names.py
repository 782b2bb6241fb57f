import subprocess
import sys

import pytest

import mechpert_al

NAMES = sorted(set(mechpert_al.__all__) - {"__version__"})


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there(name):
    assert callable(getattr(mechpert_al, name))


def test_dir_lists_them():
    assert set(mechpert_al.__all__) <= set(dir(mechpert_al))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'read_everything'"):
        _ = mechpert_al.read_everything


def test_importing_the_package_loads_nothing_else():
    code = "import sys, mechpert_al; print(*(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "mechpert_al" in loaded
    assert loaded.isdisjoint({"numpy", "scipy", "pandas", "click", "pydantic", "h5py"})
