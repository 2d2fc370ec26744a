from shipway.registry.opening import open_registry
from shipway.spec.environment import Environment, LocalRegistry, Stage


def test_a_local_registry_lies_where_the_environment_says_and_is_made_at_first_use(tmp_path, make_version, proposal):
    environment = Environment(
        name="test", registry=LocalRegistry(path=str(tmp_path / "registry")), stages=(Stage(name="production"),)
    )
    registry = open_registry(environment)
    assert registry.versions("hmeq") == []
    assert not (tmp_path / "registry").exists()
    registry.register("hmeq", make_version(), proposal)
    assert open_registry(environment).versions("hmeq") == [1]
    assert (tmp_path / "registry").is_dir()
