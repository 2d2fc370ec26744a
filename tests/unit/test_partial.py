import multiprocessing
import os
import signal

import pytest

from shipway.partial import PREFIX, partial_file, partial_folder


def in_processes(count, work):
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work, args=(number,)) for number in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    return [child.exitcode for child in children]


def test_nobody_clears_away_what_a_living_process_works_on(tmp_path):
    def work(number):
        for _ in range(60):
            with partial_file(tmp_path) as (descriptor, path), partial_folder(tmp_path / "x") as folder:
                os.write(descriptor, b"mine")
                (folder / "file").write_text("mine")
                assert path.read_text() == (folder / "file").read_text() == "mine"

    assert in_processes(8, work) == [0] * 8
    assert os.listdir(tmp_path) == []


def test_the_next_one_clears_away_what_a_killed_process_left(tmp_path):
    def work(_):
        with partial_file(tmp_path), partial_folder(tmp_path / "x") as folder:
            (folder / "file").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_processes(1, work) == [-signal.SIGKILL]
    assert len(os.listdir(tmp_path)) == 2
    (tmp_path / "innocent").write_text("stays")
    with partial_file(tmp_path):
        pass
    assert os.listdir(tmp_path) == ["innocent"]


def test_what_was_moved_away_is_kept(tmp_path):
    with partial_file(tmp_path) as (descriptor, path):
        os.write(descriptor, b"whole")
        path.rename(tmp_path / "file")
    with partial_folder(tmp_path / "folder") as folder:
        folder.rename(tmp_path / "folder")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_failure_leaves_nothing(tmp_path):
    def work(folder):
        (folder / "file").write_text("half")
        raise ValueError(folder.name)

    with pytest.raises(ValueError, match=PREFIX), partial_folder(tmp_path / "new" / "folder") as folder:
        work(folder)
    assert os.listdir(tmp_path / "new") == []
