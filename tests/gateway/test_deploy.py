"""What deploys the gateway is valid, hardened, and names a configuration that the gateway reads."""

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from packaging.requirements import Requirement

from solon.gateway.config import parse_config

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
MANIFESTS = sorted(path for path in KUBERNETES.glob("*.yaml") if path.name != "kustomization.yaml")


def documents(path: Path) -> list[dict]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_manifests_fit_the_schema_of_kubernetes(path, version):
    for document in documents(path):
        kubernetes_validate.validate(document, version, strict=True)


def test_the_schema_is_looked_at():
    broken = documents(KUBERNETES / "deployment.yaml")[0]
    broken["spec"]["replicas"] = "two"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.30", strict=True)


def test_everything_is_in_the_kustomization():
    listed = set(documents(KUBERNETES / "kustomization.yaml")[0]["resources"])
    assert listed == {path.name.replace("secret.example", "secret") for path in MANIFESTS}


def test_names_and_labels_point_at_each_other():
    kinds = {one["kind"]: one for path in MANIFESTS for one in documents(path)}
    pod = kinds["Deployment"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    assert kinds["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert kinds["Service"]["spec"]["selector"] == labels
    assert kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    target = kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", kinds["Deployment"]["metadata"]["name"])
    assert pod["spec"]["serviceAccountName"] == kinds["ServiceAccount"]["metadata"]["name"]


def test_a_pod_has_time_to_drain_and_no_rights():
    (deployment,) = documents(KUBERNETES / "deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    slept = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= slept + 30 + 10
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"


@pytest.mark.parametrize("where", ["kubernetes", "compose"])
def test_the_configurations_are_read_and_scale_out(where, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-000000000000")
    monkeypatch.setenv("SOLON_DB_PASSWORD", "of-the-database")
    if where == "kubernetes":
        text = documents(KUBERNETES / "configmap.yaml")[0]["data"]["gateway.yaml"]
    else:
        text = (ROOT / "deploy" / "compose" / "gateway.yaml").read_text(encoding="utf-8")
    config = parse_config(text, "gateway.yaml")
    assert config.listen.host == "0.0.0.0"
    assert config.limits.shared == "ledger", "replicas count together"
    assert config.ledger_dsn.startswith("postgresql://solon:of-the-database@")
    assert not config.keys_file.is_relative_to(config.state), "replicas share keys, not state"
    assert config.listen.drain_s <= 30


def test_compose_is_complete_and_hardened():
    (compose,) = documents(ROOT / "compose.yaml")
    gateway = compose["services"]["gateway"]
    assert gateway["read_only"]
    assert gateway["cap_drop"] == ["ALL"]
    assert gateway["ports"][0].startswith("127.0.0.1:")
    for volume in gateway["volumes"]:
        source = volume.split(":")[0]
        assert source in compose["volumes"] or (ROOT / source).exists()
    assert "${SOLON_DB_PASSWORD:?" in gateway["environment"]["SOLON_DB_PASSWORD"], "no default password"
    if shutil.which("docker"):
        env = {"PATH": "/usr/bin:/usr/local/bin:/bin", "SOLON_DB_PASSWORD": "x", "OPENAI_API_KEY": "y"}
        done = subprocess.run(["docker", "compose", "config", "-q"], cwd=ROOT, env=env, capture_output=True, text=True)
        if "is not a docker command" not in done.stderr and "unknown" not in done.stderr:
            assert done.returncode == 0, done.stderr


def test_the_image_runs_as_nobody_in_particular():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    final = text.rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER 10001", final, re.MULTILINE)
    assert "VOLUME /var/lib/solon" in final
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)", text, re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists()
    assert "torch" not in closure(set(extras.split(",")))


def closure(extras: set[str]) -> set[str]:
    """Names of everything that an installation brings: by pyproject.toml, then by what is installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    first = [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]
    waiting = [(one.name, frozenset(one.extras)) for one in map(Requirement, first)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            needs = requires(name) or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, needs):
            chosen = [{"extra": extra} for extra in wanted] or [{"extra": ""}]
            if requirement.marker is None or any(requirement.marker.evaluate(one) for one in chosen):
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return {name.lower() for name, _ in seen}


def test_the_closure_sees_torch_where_there_is_some():
    assert "torch" in closure({"train"})
    assert "uvicorn" in closure({"serve"})


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_the_unit_is_valid_and_locked_down(tmp_path):
    text = (ROOT / "deploy" / "solon.service").read_text(encoding="utf-8")
    unit = tmp_path / "solon.service"
    unit.write_text(re.sub(r"^(ExecStart\w*=)\S+.*$", r"\1/bin/true", text, flags=re.MULTILINE), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    told = [line for line in done.stderr.splitlines() if "solon.service" in line]
    assert not told, told
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
