# The gateway: no torch, no compiler, no root. Build: docker build -t solon .
# EXTRAS: add `ocr` to read text in pictures.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS build
ARG EXTRAS=serve,postgres,otel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/solon && /opt/solon/bin/pip install --no-cache-dir ".[${EXTRAS}]"

FROM python:${PYTHON}-slim
RUN groupadd --gid 10001 solon && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin solon \
    && install -d -o solon -g solon -m 0700 /var/lib/solon /var/lib/solon-keys
COPY --from=build /opt/solon /opt/solon
ENV PATH=/opt/solon/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SOLON_STATE=/var/lib/solon
USER 10001:10001
EXPOSE 8080
VOLUME /var/lib/solon
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["solon"]
CMD ["serve", "--config", "/etc/solon/gateway.yaml"]
