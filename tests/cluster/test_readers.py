"""The folders that docs/kubernetes.md shows, built by kubectl as its reader builds them."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from prober.refstack.cache import output_of
from tests.cluster.programs import ensure_kubernetes
from tests.edge.test_cli import invoke
from tests.edge.test_manifests import KUBERNETES, OURS, READERS, ROOT, Manifest

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="session")]
ALWAYS = {"Namespace", "ConfigMap", "Secret", "NetworkPolicy"}
BUILT = [
    ALWAYS | {"Deployment", "PersistentVolumeClaim", "Service", "ServiceMonitor", "PrometheusRule"},
    ALWAYS | {"StatefulSet", "Service", "ServiceMonitor", "PrometheusRule"},
    ALWAYS | {"Job", "CronJob"},
]
"""What is in each of them."""


async def built(folder: Path) -> list[dict[str, Any]]:
    kubectl = await ensure_kubernetes("kubectl", lambda line: print(line, file=sys.stderr))
    return list(yaml.safe_load_all(await output_of([kubectl, "kustomize", folder])))


@pytest.mark.parametrize(
    ("reader", "kinds"), [*zip(READERS, BUILT, strict=True)], ids=("canary", "shards", "smoke test")
)
async def test_what_the_guide_shows_is_built_with_the_readers_own(
    reader: Manifest, kinds: set[str], tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(KUBERNETES, folder / OURS / KUBERNETES.relative_to(ROOT))
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(reader))
    shutil.copy(ROOT / "examples" / "incident.yaml", folder / "prober.yaml")
    rules = invoke(
        "rules", "--kubernetes", "--config", str(folder / "prober.yaml"), "--runbook-url", "https://own.example"
    )
    (folder / "prometheus-rule.yaml").write_text(rules.output)
    for secret in ("api-key", "api-secret"):
        (folder / secret).write_text(f"own {secret}")
    found = {resource["kind"]: resource for resource in await built(folder)}
    assert found.keys() == kinds
    assert found["ConfigMap"]["data"] == {"prober.yaml": (folder / "prober.yaml").read_text()}
    if "PrometheusRule" in kinds:
        assert found["PrometheusRule"]["spec"] == yaml.safe_load(rules.output)["spec"]
