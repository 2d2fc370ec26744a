"""Parse all DAG files in a fresh interpreter, as Airflow does, and print what was found as JSON."""

import json
import sys
from pathlib import Path

HEAVY = {
    *("tensorflow", "keras", "ydf", "ydf_tf", "numpy", "scipy", "sklearn", "pandas", "pyarrow", "kubernetes", "boto3"),
    *(
        "botocore",
        "psycopg",
        "psycopg_pool",
        "sqlalchemy",
        "alembic",
        "aiohttp",
        "requests",
        "pymsteams",
        "rich",
        "typer",
    ),
}


def loaded() -> list[str]:
    return sorted(HEAVY & set(sys.modules))


def main(project: Path) -> None:
    import airflow.sdk  # noqa: F401 - to see what it loads alone

    alone = loaded()
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.serialization.serialized_objects import DagSerialization

    dags = {}
    for file in sorted((project / "dags").glob("*.py")):
        bag = BundleDagBag(dag_folder=str(file), bundle_path=project / "dags", bundle_name="dags-folder")
        assert not bag.import_errors, bag.import_errors
        dags |= {dag.dag_id: DagSerialization.to_dict(dag) for dag in bag.dags.values()}
    found = {"sdk": alone, "after": loaded(), "dags": dags}

    from airflow import plugins_manager

    plugins_manager.ensure_plugins_loaded()
    plugins = str(project / "plugins")
    found["plugin_modules"] = sorted(
        name
        for name, module in list(sys.modules.items())
        if str(getattr(module, "__file__", None) or "").startswith(plugins)
    )
    found["plugin_errors"] = plugins_manager.get_import_errors()
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
