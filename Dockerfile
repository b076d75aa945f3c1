# The prober alone, for `watch` (the default) and `run`: docs/container.md.
# BASE: any image with Python >= 3.11 and its venv module; pin it by digest where you can.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
WORKDIR /src
COPY requirements/image.txt requirements/runtime.txt requirements/
RUN python3 -m venv /tools \
 && /tools/bin/python -m pip install --no-cache-dir --only-binary :all: --require-hashes -r requirements/image.txt
RUN /tools/bin/uv venv /app \
 && /tools/bin/uv pip sync --python /app/bin/python --require-hashes --no-build --compile-bytecode requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY fixtures fixtures
COPY prober prober
RUN /tools/bin/python -m hatchling build -t wheel -d /dist \
 && /tools/bin/uv pip install --python /app/bin/python --no-deps --compile-bytecode /dist/*.whl

FROM ${BASE}
# What the base leaves to whoever breaks in: programs that run as root, and one that fetches others.
RUN find / -xdev -type f -perm /6000 -exec chmod ug-s {} + \
 && rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip /usr/local/lib/python3*/site-packages/pip-* \
           /usr/local/lib/python3*/ensurepip /usr/lib/python3*/ensurepip /usr/share/python-wheels \
 && install -d -o 65532 -g 65532 -m 0700 /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 XDG_STATE_HOME=/data HOME=/data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 9765
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s \
  CMD ["python3", "-Ic", "import urllib.request as u; u.urlopen('http://127.0.0.1:9765/-/healthy', timeout=4)"]
ARG VERSION=unknown
ARG REVISION=unknown
ENV LIVEKIT_PROBER_REVISION=${REVISION}
LABEL org.opencontainers.image.title="livekit-prober" \
      org.opencontainers.image.description="A robot customer for LiveKit voice products" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENTRYPOINT ["livekit-prober"]
CMD ["--log-format=json", "watch", "--config=/etc/livekit-prober/prober.yaml", "--listen=0.0.0.0:9765"]
