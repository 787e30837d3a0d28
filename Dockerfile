# One image for `inn serve` (the default), `inn consume` and every other command of `inn`.
# On Lambda the adapter in /opt/extensions turns invocations into HTTP; elsewhere nothing starts it.
FROM docker.io/library/python:3.11.14-slim-bookworm AS build
RUN python -m venv /opt/inn
WORKDIR /src
COPY requirements/run.lock requirements/
# Wheels only: nothing that was downloaded runs a build script.
RUN /opt/inn/bin/pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes --only-binary=:all: -r requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY function function
COPY adapters adapters
COPY local_runtime local_runtime
RUN /opt/inn/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
    && /opt/inn/bin/pip uninstall --yes setuptools pip

FROM docker.io/library/python:3.11.14-slim-bookworm
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="inn-service" \
      org.opencontainers.image.description="Finds a Russian person's INN by passport data, over CloudEvents HTTP and RabbitMQ" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore setuptools wheel pip
COPY --from=public.ecr.aws/awsguru/aws-lambda-adapter:0.9.1 /lambda-adapter /opt/extensions/lambda-adapter
COPY --from=build /opt/inn /opt/inn
# The root file system may be read-only: only /tmp is ever written.
ENV PATH="/opt/inn/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    HTTP_HOST=0.0.0.0 \
    HTTP_PORT=8080
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /opt/inn
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f\"http://127.0.0.1:{os.environ['HTTP_PORT']}/livez\", timeout=2)"]
ENTRYPOINT ["inn"]
CMD ["serve"]
