"""What every registry adapter must do; see conftest.py for how an adapter joins."""

import pytest

from shipway.errors import AliasConflict, DigestMismatch, RegistryError, UnsafePath, VersionNotFound
from shipway.registry.manifest import content_digest, scan


def test_a_registered_version_comes_back_byte_for_byte(registry, make_version, proposal, tmp_path):
    source = make_version()
    manifest = registry.register("hmeq", source, proposal)
    assert registry.download("hmeq", manifest.version, tmp_path / "got") == manifest
    assert scan(tmp_path / "got") == scan(source)
    assert manifest.content_digest == content_digest(scan(source))
    assert registry.get("hmeq", manifest.version).digest == manifest.digest
    assert (manifest.registered_by, manifest.metrics) == ("ada", {"ks": 0.5})


def test_numbers_rise_from_one_and_each_model_has_its_own(registry, make_version, proposal):
    source = make_version()
    assert [registry.register("hmeq", source, proposal).version for _ in range(11)] == list(range(1, 12))
    assert registry.register("other", source, proposal).version == 1
    assert registry.versions("hmeq") == list(range(1, 12))
    assert registry.versions("nobody") == []


def test_the_content_digest_knows_no_provenance(registry, make_version, proposal):
    first = registry.register("hmeq", make_version("one"), proposal)
    second = registry.register("hmeq", make_version("two"), proposal.model_copy(update={"registered_by": "eve"}))
    assert first.content_digest == second.content_digest
    assert first.digest != second.digest


def test_an_unknown_version_is_named(registry, tmp_path):
    with pytest.raises(VersionNotFound, match="7"):
        registry.get("hmeq", 7)
    with pytest.raises(VersionNotFound, match="7"):
        registry.download("hmeq", 7, tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_sixteen_processes_get_sixteen_numbers(registry_factory, make_version, proposal, race):
    source = make_version()
    numbers = race(lambda _: registry_factory().register("hmeq", source, proposal).version)
    assert sorted(numbers) == registry_factory().versions("hmeq")
    assert len(set(numbers)) == 16


def test_an_alias_moves_by_compare_and_set(registry, make_version, proposal):
    source = make_version()
    one, two = (registry.register("hmeq", source, proposal).version for _ in range(2))
    assert registry.alias("hmeq", "champion") is None
    registry.move_alias("hmeq", "champion", one, expected=None)
    with pytest.raises(AliasConflict) as caught:
        registry.move_alias("hmeq", "champion", two, expected=None)
    assert caught.value.data["found"] == one
    registry.move_alias("hmeq", "champion", two, expected=one)
    assert registry.alias("hmeq", "champion") == two
    assert registry.alias("hmeq", "challenger") is None
    registry.move_alias("hmeq", "champion", None, expected=two)
    assert registry.alias("hmeq", "champion") is None


def test_moving_an_alias_to_where_it_points_is_no_conflict(registry, make_version, proposal):
    number = registry.register("hmeq", make_version(), proposal).version
    registry.move_alias("hmeq", "champion", number, expected=None)
    registry.move_alias("hmeq", "champion", number, expected=None)
    registry.move_alias("hmeq", "champion", number, expected=99)
    registry.move_alias("hmeq", "champion", None, expected=number)
    registry.move_alias("hmeq", "champion", None, expected=number)
    assert registry.alias("hmeq", "champion") is None


def test_an_alias_never_points_to_a_version_that_is_not_there(registry):
    with pytest.raises(VersionNotFound):
        registry.move_alias("hmeq", "champion", 1, expected=None)
    assert registry.alias("hmeq", "champion") is None


def test_of_sixteen_processes_that_move_an_alias_one_wins(registry_factory, make_version, proposal, race):
    source, registry = make_version(), registry_factory()
    versions = [registry.register("hmeq", source, proposal).version for _ in range(17)]
    registry.move_alias("hmeq", "champion", versions[16], expected=None)

    def move(racer):
        try:
            registry_factory().move_alias("hmeq", "champion", versions[racer], expected=versions[16])
        except AliasConflict as conflict:
            return ("lost", conflict.data["found"])
        return ("won", versions[racer])

    answers = race(move)
    assert sum(answer[0] == "won" for answer in answers) == 1
    assert {answer[1] for answer in answers} == {registry.alias("hmeq", "champion")}


def test_racing_downloads_into_one_folder_all_succeed(registry_factory, make_version, proposal, race, tmp_path):
    source = make_version(weights=bytes(100_000))
    manifest = registry_factory().register("hmeq", source, proposal)
    digests = race(lambda _: registry_factory().download("hmeq", 1, tmp_path / "got").digest, count=8)
    assert set(digests) == {manifest.digest}
    assert scan(tmp_path / "got") == scan(source)
    assert not list(tmp_path.glob(".shipway*"))


def test_downloading_again_changes_nothing(registry, make_version, proposal, tmp_path):
    registry.register("hmeq", make_version(), proposal)
    registry.download("hmeq", 1, tmp_path / "got")
    before = (tmp_path / "got").stat().st_ino
    registry.download("hmeq", 1, tmp_path / "got")
    assert (tmp_path / "got").stat().st_ino == before


def test_an_empty_folder_is_filled_and_any_other_is_left_alone(registry, make_version, proposal, tmp_path):
    registry.register("hmeq", make_version(), proposal)
    (tmp_path / "empty").mkdir()
    registry.download("hmeq", 1, tmp_path / "empty")
    assert (tmp_path / "empty" / "model" / "saved_model.pb").read_bytes() == b"graph"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(RegistryError, match="something else"):
        registry.download("hmeq", 1, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_download_never_follows_a_link_in_its_place(registry, make_version, proposal, tmp_path):
    registry.register("hmeq", make_version(), proposal)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "got").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafePath):
        registry.download("hmeq", 1, tmp_path / "got")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_source_with_a_symbolic_link_is_refused_and_nothing_is_visible(registry, make_version, proposal):
    source = make_version()
    (source / "model" / "assets").symlink_to("/etc")
    with pytest.raises(UnsafePath, match="assets"):
        registry.register("hmeq", source, proposal)
    assert registry.versions("hmeq") == []


def test_a_folder_that_is_no_version_is_refused(registry, proposal, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(RegistryError):
            registry.register("hmeq", folder, proposal)
    assert registry.versions("hmeq") == []


@pytest.mark.parametrize("name", ["", "..", "../hmeq", "a/b", ".hidden", "a b"])
def test_odd_names_are_refused(registry, make_version, proposal, name):
    with pytest.raises(UnsafePath):
        registry.register(name, make_version(), proposal)
    with pytest.raises(UnsafePath):
        registry.alias("hmeq", name)
    with pytest.raises(UnsafePath):
        registry.versions(name)


def test_a_source_that_changes_while_it_is_read_is_never_registered(registry, make_version, proposal, monkeypatch):
    source = make_version()
    from shipway.registry import objectstore

    def scan_then_change(folder):
        files = scan(folder)
        (folder / "model" / "saved_model.pb").write_bytes(b"grapH")
        return files

    monkeypatch.setattr(objectstore, "scan_version", scan_then_change)
    with pytest.raises(DigestMismatch, match="changed while"):
        registry.register("hmeq", source, proposal)
    assert registry.versions("hmeq") == []
