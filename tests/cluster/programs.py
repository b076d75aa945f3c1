"""A Kubernetes API server, its client and prometheus-operator's types, built from their published sources once.

What is built stays in the user's cache; what Go has compiled, in Go's.
"""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from prober.refstack.cache import Progress, cache_directory, install, output_of, run_tool
from prober.refstack.process import StackError

RELEASE, LIBRARIES = "v1.35.4", "v0.35.4"
OPERATOR, GENERATOR = "v0.93.1", "v0.20.1"
_KUBERNETES = f"k8s.io/kubernetes@{RELEASE}"
_VERSION = "k8s.io/component-base/version"
_FLAGS = f"-s -w -X {_VERSION}.gitVersion={RELEASE} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=35"
_MONITORING = "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"
_GENERATOR = "sigs.k8s.io/controller-tools/cmd/controller-gen"


async def ensure_kubernetes(name: str, progress: Progress) -> Path:
    """This program of Kubernetes: kube-apiserver, which takes six minutes to build, or kubectl."""
    target = cache_directory() / f"{name}-{RELEASE}"
    if not target.exists():
        await install(target, lambda work, log: _build(name, _Go(work, log, progress)), progress)
    return target


async def ensure_operator_types(progress: Progress) -> Path:
    """A folder with the custom resource definitions of prometheus-operator."""
    target = cache_directory() / f"prometheus-operator-{OPERATOR}"
    if not target.exists():
        await install(target, lambda work, log: _types(_Go(work, log, progress)), progress)
    return target


async def _build(name: str, go: "_Go") -> Path:
    package = f"k8s.io/kubernetes/cmd/{name}"
    # Kubernetes names its own libraries by folders of its repository; as modules they have versions of their own.
    libraries = [f"-replace={library}={library}@{LIBRARIES}" for library in await go.unversioned(_KUBERNETES)]
    await go("Naming Kubernetes' libraries", ["mod", "edit", *libraries])
    await go(f"Fetching the sources of {name}", ["get", f"{package}@{RELEASE}"])
    await go(f"Building {name} {RELEASE} (once)", ["build", "-trimpath", "-ldflags", _FLAGS, "-o", "made", package])
    return go.work / "made"


async def _types(go: "_Go") -> Path:
    sources = [f"{_MONITORING}@{OPERATOR}", f"{_GENERATOR}@{GENERATOR}"]
    await go("Fetching prometheus-operator's types", ["get", *sources])
    generate = ["run", _GENERATOR, "crd:crdVersions=v1", f"paths={_MONITORING}/v1", "output:dir=made"]
    await go("Generating their definitions", generate)
    return go.work / "made"


class _Go:
    """Go in a module of its own, in the work folder."""

    def __init__(self, work: Path, log: Path, progress: Progress) -> None:
        found = shutil.which("go")
        if found is None:
            raise StackError("Go 1.25 or newer is needed on PATH to build Kubernetes' API server.")
        self.work, self._log, self._progress = work, log, progress
        self._argv = (found, "-C", str(work))
        self._environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
        (work / "go.mod").write_text("module scratch\n\ngo 1.25.0\n")

    async def __call__(self, doing: str, arguments: Sequence[str]) -> None:
        argv = [*self._argv, *arguments]
        await run_tool(doing, argv, log=self._log, progress=self._progress, env=self._environment)

    async def unversioned(self, module: str) -> list[str]:
        """Kubernetes' libraries that this module needs without saying which version."""
        told = await output_of([*self._argv, "mod", "download", "-json", module], self._environment)
        found = re.search(r'"GoMod": "(.*)"', told)
        if found is None:
            raise StackError(f"Go cannot fetch {module}; `go mod download {module}` says why.")
        needs = Path(found[1]).read_text(encoding="utf-8")
        return sorted(set(re.findall(r"(k8s\.io/[a-z-]+) v0\.0\.0$", needs, re.MULTILINE)))
