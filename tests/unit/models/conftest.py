"""Generated sample data, made once, small."""

from pathlib import Path

import pytest

from models.hmeq import data


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hmeq")
    data.generate(folder, seed=7, rows=3000, per_quarter=1000, quarters=4)
    return folder
