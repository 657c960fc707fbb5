"""The files of deploy/: systemd takes the unit, and the others name what there is."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import load
from tests.conftest import ROOT

UNIT = ROOT / "deploy/citewell@.service"
PROGRAM = "/srv/citewell/.venv/bin/citewell"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("instance", ["page", "serve"])
def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path, instance: str) -> None:
    text = UNIT.read_text(encoding="utf-8")
    assert text.count(PROGRAM) == 1
    unit = tmp_path / f"citewell@{instance}.service"
    unit.write_text(text.replace(PROGRAM, sys.executable))
    checked = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_proxy_passes_to_the_ports_that_page_and_service_listen_on() -> None:
    passed = re.findall(r"reverse_proxy (\S+)", (ROOT / "deploy/Caddyfile").read_text(encoding="utf-8"))
    settings = load(environ={})
    assert passed == [f"{each.host}:{each.port}" for each in (settings.ui, settings.service)]


def test_the_container_copies_files_that_there_are_and_names_settings_that_there_are() -> None:
    text = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8")
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", text, re.M) for name in line.split()]
    installed = re.findall(r"-r (\S+)", text)
    assert set(installed) < set(copied)
    assert all((ROOT / name).exists() for name in copied)
    variables = dict(pair.split("=") for line in re.findall(r"^ENV (.+)$", text, re.M) for pair in line.split())
    home = variables.pop("CITEWELL_HOME")
    assert f"VOLUME {home}\n" in text
    settings = load(environ=variables)  # a name that there is not is an error
    assert {settings.ui.host, settings.service.host} == {"0.0.0.0"}
    assert set(re.findall(r"^EXPOSE (\d+) (\d+)$", text, re.M)) == {(str(settings.ui.port), str(settings.service.port))}


def test_the_context_of_the_container_leaves_out_what_git_leaves_out() -> None:
    left_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {".git", ".venv", "artifacts"} <= set(left_out)
    assert not {"core", "data", "deploy", "requirements.txt"} & set(left_out)
