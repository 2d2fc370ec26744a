"""A stand-in for Airflow's image, made from scratch of this machine's shell and Python, with a real pip.

What it keeps of the original is what the Dockerfile relies on: bash, coreutils, a user 50000 of group 0 that
may install with pip. Packages come from a folder in the image instead of the network.
"""

import hashlib
import shutil
import site
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

USER = 50000
PACKAGES = "/packages"
_TOOLS = ("bash", "chgrp", "chmod", "chown", "cp", "env", "grep", "ls", "mkdir", "rm", "sed", "sh", "xargs")
_LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages",
    "dist-packages", "config-*", "EXTERNALLY-MANAGED", "*.a", "_test*", "_codecs_*", "pydoc_data", "sqlite3",
    "curses", "dbm",
)  # fmt: skip

_DOCKERFILE = f"""\
FROM scratch
COPY rootfs /
ENV PATH=/usr/local/bin:/usr/bin:/bin PIP_NO_INDEX=1 PIP_FIND_LINKS={PACKAGES} PIP_DISABLE_PIP_VERSION_CHECK=1 HOME=/tmp
RUN chown {USER}:0 {{owned}}
USER {USER}
"""


def make_base_folder(folder: Path) -> Path:
    """Lay out the build context of the stand-in base."""
    root = folder / "rootfs"
    for name in ("usr/local/bin", "usr/bin", "tmp", "etc", PACKAGES.strip("/")):
        (root / name).mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text(f"root:x:0:0::/root:/bin/bash\nairflow:x:{USER}:0::/tmp:/bin/bash\n")
    for tool in _TOOLS:
        _put(root, Path(str(shutil.which(tool))).resolve(), Path("/usr/bin") / tool)
    owned = _put_python(root)
    make_package(root / PACKAGES.strip("/"))
    (folder / "Dockerfile").write_text(_DOCKERFILE.format(owned=" ".join(owned)))
    return folder


def make_package(folder: Path) -> str:
    """Write a wheel ``standin`` and return the line of a lock that wants exactly these bytes."""
    wheel = folder / "standin-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {
            "standin.py": "found = True\n",
            "standin-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: standin\nVersion: 1.0\n",
            "standin-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "standin-1.0.dist-info/RECORD": "",
        }.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return f"standin==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def _put_python(root: Path) -> list[str]:
    """Copy the interpreter below its own path, with this environment's pip; return the folders that pip writes to."""
    real = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    shutil.copytree(library, root / library.relative_to("/"), ignore=_LEFT_OUT, symlinks=True)
    _put(root, real, real)
    _link(root, root / "usr/local/bin/python", real)
    packages, scripts = (
        Path(_ask(real, what)) for what in ("site.getsitepackages()[0]", "sysconfig.get_path('scripts')")
    )
    for tool in ("pip", "setuptools", "_distutils_hack"):
        for source in Path(site.getsitepackages()[0]).glob(f"{tool}*"):
            if source.name == tool or source.name.endswith(".dist-info"):
                shutil.copytree(source, root / packages.relative_to("/") / source.name, ignore=_LEFT_OUT)
    pip = root / "usr/local/bin/pip"
    pip.write_text('#!/bin/bash\nexec python -m pip "$@"\n')
    pip.chmod(0o755)
    _put_libraries(root, *(root / library.relative_to("/")).rglob("*.so"))
    for folder in (packages, scripts):
        (root / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
    for parent in (root / library.relative_to("/")).parents:
        if root in parent.parents:
            parent.chmod(0o755)
    return [str(packages), str(scripts)]


def _ask(python: Path, what: str) -> str:
    code = f"import site, sysconfig; print({what})"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _put(root: Path, source: Path, place: Path) -> None:
    target = root / place.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    _put_libraries(root, source)


def _put_libraries(root: Path, *binaries: Path) -> None:
    told = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False).stdout
    for word in told.split():
        if word.startswith("/") and not word.endswith(":") and not (root / word[1:]).exists():
            (root / word[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(word).resolve(), root / word[1:])


def _link(root: Path, link: Path, to: Path) -> None:
    if link != root / to.relative_to("/"):
        link.symlink_to(to)
