# docker compose up                        (see compose.yaml)
# docker build --tag vqgan-clip-bot . && docker run --rm --entrypoint python vqgan-clip-bot -m engine models
# podman build --format docker …           (without the format it leaves the health check out)
# make image-check                         (builds the image, runs it as compose.yaml does, and looks)
#
# PyTorch brings its own CUDA libraries, so the same image paints on a GPU (docker run --gpus all).
# Another base, such as one with a driver's tools:  --build-arg BASE=nvidia/cuda:...
ARG BASE=python:3.12-slim
FROM ${BASE}

# Idle threads sleep, as in all commands of the program: spinning ones keep others from working.
ENV PYTHONUNBUFFERED=1 OMP_WAIT_POLICY=PASSIVE
WORKDIR /app

# Before the code, so that a change of the code does not install everything again.
# --build-arg PICTURE_FILTER=yes  installs what the picture filter needs too.
# --build-arg POSTGRES=yes        installs what storage.url needs, and pg_dump for backups of it.
# --build-arg CLUSTER=yes         installs what painters on other machines need: Ray.
# --build-arg UPSCALER=yes        installs what engine.upscaler needs.
ARG PICTURE_FILTER=""
ARG POSTGRES=""
ARG CLUSTER=""
ARG UPSCALER=""
# Only files whose SHA-256 is in a lock are installed.
COPY locks/ locks/
RUN pip install --no-cache-dir --require-hashes -r locks/requirements.txt \
    ${PICTURE_FILTER:+-r locks/requirements-picture-filter.txt} \
    ${POSTGRES:+-r locks/requirements-postgres.txt} \
    ${CLUSTER:+-r locks/requirements-cluster.txt} \
    ${UPSCALER:+-r locks/requirements-upscaler.txt}

# The version of the base's Debian: it must be at least that of the server (docs/backup.md).
RUN if [ -n "$POSTGRES" ]; then apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/*; fi

RUN useradd --create-home --uid 1000 painter \
    && install --directory --owner painter --group painter --mode 700 data weights
COPY engine/ engine/
COPY bot/ bot/
COPY cogs/ cogs/
COPY config.toml .
# Python's own files of the code, which a container whose root is read-only cannot write. They name
# no times, so that the same code gives the same files.
RUN python -m compileall -q --invalidation-mode unchecked-hash bot cogs engine

# --build-arg VERSION=1.9.0 --build-arg REVISION=$(git rev-parse HEAD)   for whoever gets the image
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="VQGAN-CLIP bot" \
    org.opencontainers.image.description="A Discord bot that paints with VQGAN-CLIP" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION"

USER painter
VOLUME /app/data /app/weights
# It asks /healthz if host.port is set, else it looks at a file that the bot touches, with a token
# or without.
HEALTHCHECK --interval=30s --timeout=15s --start-period=120s --retries=3 CMD ["python", "-m", "bot", "--healthy"]
ENTRYPOINT ["python", "-m", "bot"]
