"""The ready pipelines are what GitHub, GitLab and Kubernetes take. What they run: `tests/stack/test_documents.py`."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # has no stubs
import pytest
import yaml

from tests.edge.test_manifests import KUBERNETES, RELEASE

PIPELINES = KUBERNETES.parent / "pipelines"
SCHEMAS = [
    ("github-actions.yml", "vendor.github-workflows"),
    ("github-actions.yml", "custom.github-workflows-require-timeout"),
    ("gitlab-ci.yml", "vendor.gitlab-ci"),
]
CALL = "livekit-prober run --config prober.yaml --repeat 3 --require 2 --label"


def check(file: Path, schema: str) -> subprocess.CompletedProcess[str]:
    linter = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    return subprocess.run(linter, capture_output=True, text=True, check=False)


def read(name: str) -> Any:
    return yaml.safe_load((PIPELINES / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "schema"), SCHEMAS)
def test_a_pipeline_keeps_its_published_schema(name: str, schema: str, tmp_path: Path) -> None:
    assert check(PIPELINES / name, schema).stdout.strip() == "ok -- validation done"
    spoilt = tmp_path / name
    spoilt.write_text((PIPELINES / name).read_text(encoding="utf-8").replace("timeout", "time-out"), encoding="utf-8")
    assert check(spoilt, schema).returncode == 1


def test_no_pipeline_is_left_out() -> None:
    assert {path.name for path in PIPELINES.iterdir()} == {name for name, _ in SCHEMAS} | {"argo-rollouts.yaml"}


def test_both_pipelines_call_alike() -> None:
    (github,) = [step["run"] for step in read("github-actions.yml")["jobs"]["smoke-test"]["steps"] if "env" in step]
    (gitlab,) = read("gitlab-ci.yml")["smoke-test"]["script"]
    for call in (github.replace("\\\n", ""), gitlab):
        words = " ".join(call.split())
        assert words.startswith(CALL)
        assert words.endswith("--junit prober.xml --record evidence")


def test_argo_s_job_is_that_of_the_overlay_in_one_file() -> None:
    (metric,) = read("argo-rollouts.yaml")["spec"]["metrics"]
    spec = metric["provider"]["job"]["spec"]
    job = yaml.safe_load((KUBERNETES / "overlays" / "smoke-test" / "job.yaml").read_text(encoding="utf-8"))
    del job["metadata"]["annotations"]
    kubernetes_validate.validate(job | {"spec": spec}, RELEASE, strict=True)
    del job["spec"]["ttlSecondsAfterFinished"], job["spec"]["template"]["metadata"]  # Argo Rollouts tidies up by itself
    assert spec["template"]["spec"]["containers"][0].pop("image").startswith("registry.example.com/")
    del job["spec"]["template"]["spec"]["containers"][0]["image"]  # kustomize puts another there
    assert spec == job["spec"]
