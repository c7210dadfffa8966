"""Client libraries that pin versions of their own: they live in an environment of their own.

python -m venv ~/solon-clients
~/solon-clients/bin/pip install langchain-openai langchain-anthropic litellm 'pydantic-ai-slim[openai]' inspect-ai
SOLON_CLIENTS_PYTHON=~/solon-clients/bin/python python -m pytest tests/clients/test_clients_others.py
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateways import KEY

from clients import scripted

PYTHON = os.environ.get("SOLON_CLIENTS_PYTHON", "")
SCRIPT = Path(__file__).with_name("other_clients.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="SOLON_CLIENTS_PYTHON names no interpreter with clients"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with scripted(tmp_path_factory.mktemp("state")) as running:
        yield running.url


@pytest.mark.parametrize("client", ["langchain_openai", "langchain_anthropic", "litellm", "pydantic_ai", "inspect_ai"])
def test_a_client_of_its_own_environment(client: str, url: str) -> None:
    found = subprocess.run([PYTHON, "-c", f"import {client}"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"{client} is not installed there")
    ran = subprocess.run(
        [PYTHON, str(SCRIPT), client, url, KEY], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip().splitlines()[-1] == "You said: Hello there"
