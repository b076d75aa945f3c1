"""The manifests as a real API server judges them: fields, rules across fields, Pod Security, the operator's types."""

import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import yaml

from tests.cluster.api_server import Kubectl, api_server
from tests.cluster.programs import ensure_operator_types
from tests.edge.test_manifests import FOLDERS, KUBERNETES, PODS, Manifest

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="session")]
NAMESPACE = "--namespace=livekit-prober"
LIVENESS, TWO_HANDLERS = "/-/healthy, port: http}", "/-/healthy, port: http}\n            tcpSocket: {port: http}"
JOB, MONITOR = "overlays/smoke-test/job.yaml", "components/prometheus-operator/service-monitor.yaml"


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kubectl() -> AsyncIterator[Kubectl]:
    """The client of an API server that knows the operator's types and has our namespace."""
    types = await ensure_operator_types(_tell)
    async with api_server(_tell) as client:
        for how, what in (("--server-side", types), ("--server-side=false", KUBERNETES / "base" / "namespace.yaml")):
            made = await client("apply", how, "--filename", what)
            assert made.code == 0, made.warned
        waited = await client("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        assert waited.code == 0, waited.warned
        yield client


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
async def test_it_takes_every_kustomization_without_a_warning(kubectl: Kubectl, folder: object) -> None:
    answer = await kubectl("apply", "--dry-run=server", "--kustomize", str(folder))
    assert (answer.code, answer.warned) == (0, "")
    assert "networkpolicy.networking.k8s.io/livekit-prober created" in answer.said


def alone(pod: Manifest) -> str:
    """The pod by itself; where a claim would be made for it, it has a volume that needs none."""
    volumes = {"data": {"name": "data", "emptyDir": {}}} | {volume["name"]: volume for volume in pod["volumes"]}
    spec = {"restartPolicy": "Always", **pod, "volumes": list(volumes.values())}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": spec})


@pytest.mark.parametrize("name", PODS)
async def test_pod_security_restricted_lets_every_pod_in(kubectl: Kubectl, name: str) -> None:
    answer = await kubectl("create", NAMESPACE, "--dry-run=server", "--filename=-", given=alone(PODS[name]))
    assert (answer.code, answer.warned) == (0, "")


async def test_pod_security_keeps_out_a_pod_that_is_not_shut_in(kubectl: Kubectl) -> None:
    pod = PODS["base/deployment"]
    (container,) = pod["containers"]
    loose = {**pod, "containers": [{**container, "securityContext": {}}]}
    answer = await kubectl("create", NAMESPACE, "--dry-run=server", "--filename=-", given=alone(loose))
    assert answer.code != 0
    assert 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false' in answer.warned


def altered(file: str, old: str, new: str) -> str:
    text = (KUBERNETES / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("base/deployment.yaml", "  replicas:", "  replica:", 'unknown field "spec.replica"'),
        ("base/deployment.yaml", LIVENESS, TWO_HANDLERS, "may not specify more than 1 handler type"),
        (JOB, "restartPolicy: Never", "restartPolicy: OnFailure", 'only "Never" is supported'),
        (MONITOR, "interval: 15s", "intervall: 15s", 'unknown field "spec.endpoints[0].intervall"'),
        (MONITOR, "interval: 15s", "interval: soon", "should match"),
    ],
)
async def test_it_refuses_what_is_wrong(kubectl: Kubectl, file: str, old: str, new: str, words: str) -> None:
    wrong = altered(file, old, new)
    answer = await kubectl("create", NAMESPACE, "--dry-run=server", "--validate=strict", "--filename=-", given=wrong)
    assert answer.code != 0
    assert words in answer.warned
