"""The Dockerfile and the manifests, as far as neither Docker nor a cluster is needed: `make k8s-test` does the rest."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # has no stubs
import pytest
import yaml

from prober import __version__
from prober.child.parent import CLEANUP, TEARDOWN
from prober.cli import main
from prober.watch.canary import WRITING
from prober.watch.service import MOST_GRACE
from prober.watch.web import operating
from prober.watch.web.listen import Listen
from tests.blocks import blocks
from tests.edge.test_cli import invoke

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
COMPONENTS = sorted((KUBERNETES / "components").iterdir())
FOLDERS = sorted({path.parent for path in KUBERNETES.rglob("kustomization.yaml")} - {*COMPONENTS})
RELEASE = "1.35"
GENERATED = {"prober.yaml"}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
Manifest = dict[str, Any]


def read(path: Path) -> Manifest:
    found: Manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


RESOURCES = {
    path: read(path)
    for path in sorted(KUBERNETES.rglob("*.yaml"))
    if path.name not in {"kustomization.yaml", *GENERATED}
}


def pods() -> Iterator[tuple[str, Manifest]]:
    """What makes a pod, each with the pod that it makes."""
    for path, resource in RESOURCES.items():
        spec = resource.get("spec", {})
        template = spec.get("jobTemplate", {"spec": spec})["spec"].get("template")
        if template is not None:
            yield f"{path.parent.name}/{path.stem}", template["spec"]


PODS = dict(pods())
OURS = Path("..") / "livekit-prober"
"""Where the guide's reader has this repository, seen from a folder of his own."""
_first, *_others = (
    yaml.safe_load(block.text) for block in blocks(ROOT / "docs" / "kubernetes.md") if block.language == "yaml"
)
READERS: list[Manifest] = [_first, *(_first | other for other in _others)]
"""The kustomizations that the guide shows; each but the first says what is other than in the first."""


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_manifest_is_what_kubernetes_takes(path: Path) -> None:
    if RESOURCES[path]["apiVersion"].startswith("monitoring.coreos.com/"):
        assert "prometheus-operator" in path.parts  # its schema is the cluster's: `make k8s-test`
        return
    kubernetes_validate.validate(RESOURCES[path], RELEASE, strict=True)


@pytest.mark.parametrize("folder", [*FOLDERS, *COMPONENTS], ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_a_kustomization_names_all_that_lies_beside_it(folder: Path) -> None:
    named = read(folder / "kustomization.yaml")
    assert named["kind"] == ("Component" if folder in COMPONENTS else "Kustomization")
    files = {name for name in named["resources"] if name.endswith(".yaml")}
    generated = {file for maker in named.get("configMapGenerator", ()) for file in maker["files"]}
    assert files | generated == {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert {(folder / name).resolve() for name in named["resources"] if name not in files} <= {*FOLDERS}
    assert {(folder / name).resolve() for name in named.get("components", ())} <= {*COMPONENTS}


@pytest.mark.parametrize("name", PODS)
def test_every_pod_is_shut_in(name: str) -> None:
    pod = PODS[name]
    (container,) = pod["containers"]
    assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False)
    assert pod["terminationGracePeriodSeconds"] >= MOST_GRACE + TEARDOWN + CLEANUP + WRITING
    assert "cpu" not in container["resources"]["limits"]
    same = PODS["base/deployment"]
    assert pod["securityContext"] == same["securityContext"]
    for key in ("image", "resources", "securityContext", "volumeMounts"):
        assert container[key] == same["containers"][0][key]


def test_prometheus_operator_gets_the_rules_of_prometheus() -> None:
    file = KUBERNETES / "components" / "prometheus-operator" / "prometheus-rule.yaml"
    written = invoke("rules", "--kubernetes").output
    assert written == file.read_text(encoding="utf-8"), f"livekit-prober rules --kubernetes > {file}"


def test_prometheus_operator_goes_with_the_base_and_with_the_shards() -> None:
    named = {path: (found["kind"], found["metadata"]["name"]) for path, found in RESOURCES.items()}
    added = [name for path, name in named.items() if path.parent in COMPONENTS]
    assert set(added).isdisjoint(name for path, name in named.items() if path.parent not in COMPONENTS)
    monitor, service = (
        RESOURCES[KUBERNETES / file]["spec"]
        for file in ("components/prometheus-operator/service-monitor.yaml", "base/service.yaml")
    )
    assert [end["port"] for end in monitor["endpoints"]] == [port["name"] for port in service["ports"]]
    for folder in ("base", "overlays/shards"):
        (labels,) = read(KUBERNETES / folder / "kustomization.yaml")["labels"]
        assert monitor["selector"]["matchLabels"] == labels["pairs"]


def test_the_guide_builds_on_folders_that_there_are() -> None:
    for folder in READERS:
        for key, made in (("resources", FOLDERS), ("components", COMPONENTS)):
            assert {Path(name) for name in folder.get(key, ())} <= {OURS / one.relative_to(ROOT) for one in made}


def test_a_shard_is_the_canary_with_its_number() -> None:
    stateful, one = RESOURCES[KUBERNETES / "overlays" / "shards" / "stateful-set.yaml"]["spec"], PODS["base/deployment"]
    (container,) = stateful["template"]["spec"]["containers"]
    (claim,) = stateful["volumeClaimTemplates"]
    (shard,) = set(container["args"]) - set(one["containers"][0]["args"])
    assert shard == f"--shard=$({container['env'][0]['name']})/{stateful['replicas']}"
    assert container["livenessProbe"] == one["containers"][0]["livenessProbe"]
    assert claim["spec"] == RESOURCES[KUBERNETES / "base" / "volume.yaml"]["spec"]


def takes(arguments: list[str]) -> None:
    """The program understands these words; nothing is done."""
    form, verb, *rest = arguments
    assert form == "--log-format=json"
    with main.make_context("livekit-prober", [form, "faults"]) as context:
        command = main.get_command(context, verb)
        assert command is not None
        parsed = command.make_context(verb, rest, parent=context).params
    assert str(parsed["config"]) == "/etc/livekit-prober/prober.yaml"


@pytest.mark.parametrize("name", PODS)
def test_the_program_takes_the_pods_arguments(name: str) -> None:
    (container,) = PODS[name]["containers"]
    takes([argument.replace("$(SHARD)", "0") for argument in container["args"]])


def test_the_pods_probes_are_pages_of_the_canary() -> None:
    (container,) = PODS["base/deployment"]["containers"]
    (port,) = container["ports"]
    served = {route.path for route in operating.ROUTES}
    assert {container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")} <= served
    assert port["containerPort"] == Listen().port
    assert f"--listen=0.0.0.0:{Listen().port}" in container["args"]


def test_a_pod_that_hangs_is_not_given_the_time_that_runs_need_to_end() -> None:
    pod, grace = PODS["base/deployment"], "terminationGracePeriodSeconds"
    assert pod["containers"][0]["livenessProbe"][grace] < MOST_GRACE < pod[grace]


def test_the_example_finds_its_secrets_where_the_pod_puts_them(tmp_path: Path) -> None:
    made = read(KUBERNETES / "base" / "kustomization.yaml")
    literals = dict(literal.split("=", 1) for literal in made["secretGenerator"][0]["literals"])
    (volume,) = (one for one in PODS["base/deployment"]["volumes"] if one["name"] == "config")
    for source in volume["projected"]["sources"]:
        for item in source.get("secret", {}).get("items", ()):
            file = tmp_path / item["path"]
            file.parent.mkdir(exist_ok=True)
            file.write_text(literals[item["key"]])
    shutil.copy(KUBERNETES / "base" / "prober.yaml", tmp_path)
    checked = invoke("check", str(tmp_path / "prober.yaml"))
    assert checked.exit_code == 0, checked.output
    (image,) = made["images"]
    assert image == {"name": PODS["base/deployment"]["containers"][0]["image"], "newTag": __version__}


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_runs_the_canary_as_it_is_documented() -> None:
    (words,) = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    arguments = yaml.safe_load(words)
    takes(arguments)
    assert f"EXPOSE {Listen().port}\n" in DOCKERFILE
    assert f"http://127.0.0.1:{Listen().port}/-/healthy" in DOCKERFILE
    guide = (ROOT / "docs" / "container.md").read_text(encoding="utf-8")
    assert " ".join(arguments) in guide


def test_the_image_has_the_versions_that_the_program_is_tested_with() -> None:
    def pinned(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        return set(re.findall(r"^[a-z0-9-]+==\S+", text, re.MULTILINE))

    assert pinned("runtime.txt") <= pinned("prober.txt")
    assert pinned("image.txt") <= pinned("dev.txt") | pinned("tools.txt")


def test_whatever_the_dockerfile_copies_reaches_the_builder() -> None:
    reaches = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert {source.split("/")[0] for line in copied for source in line.split()} == reaches
