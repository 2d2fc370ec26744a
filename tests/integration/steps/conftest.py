import itertools
from urllib.parse import urlsplit

import psycopg
import pytest
from integration.steps.planting import weigh
from integration.steps.steps_world import Home

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def fresh_url(postgres, migrated):
    """Make a database from a template, the migrated one where none is named; gives the tasks' address."""
    made = []

    def make(template=migrated):
        name = f"steps_{next(_NUMBERS)}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        made.append(name)
        return urlsplit(postgres)._replace(netloc="shipway_tasks@", path=f"/{name}").geturl()

    yield make
    with psycopg.connect(postgres, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def copied(fresh_url, tmp_path_factory):
    """Copy a home, with its records."""

    def copy(home):
        place = tmp_path_factory.mktemp("copied") / "home"
        return home.copy(place, fresh_url(urlsplit(home.url).path.lstrip("/")))

    return copy


@pytest.fixture(scope="session")
def trained(fresh_url, tmp_path_factory):
    """A quick home with a trained version 1 whose scores say nothing; never changed by a test."""
    home = Home.make(tmp_path_factory.mktemp("trained") / "home", fresh_url(), quick=True)
    rows = [f"D{one:04},{one / 300},{'south' if one % 2 else 'north'},{int(one > 150)}\n" for one in range(300)]
    (home.folder / "var").mkdir()
    (home.folder / "var" / "development.csv").write_text("APPLICANT,INCOME,REGION,BAD\n" + "".join(rows))
    weigh(home, income=0.0)
    home.built = home.run("first", development=str(home.folder / "var" / "development.csv"))
    return home


@pytest.fixture
def quick(trained, copied):
    """A home of the test's own, with version 1 in its registry."""
    home = copied(trained)
    home.built = trained.built
    return home
