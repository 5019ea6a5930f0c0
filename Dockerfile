# The service alone: PostgreSQL and Redis are given by DATABASE_URL and REDIS_URL.
# Runs with a read-only root file system; give it a tmpfs on /tmp (large uploads) and, to keep files, a volume on /data.

FROM python:3.13-slim AS packages
COPY requirements-service.txt /tmp/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: -r /tmp/requirements-service.txt

FROM python:3.13-slim
# The number, not the name, lets Kubernetes verify runAsNonRoot.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin service \
    && install -d -o service -g service /data
COPY --from=packages /opt/venv /opt/venv
# .dockerignore is a list of what belongs in here.
COPY . /app
# Compiled now, because nothing can be written later.
RUN python -m compileall -q /app
WORKDIR /app
USER 10001:10001
ENV PATH="/opt/venv/bin:$PATH" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 DATA_DIR=/data
EXPOSE 8008
# http.client asks no proxy, whatever the environment says.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "\
import http.client, os, sys; \
c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 8008), timeout=4); \
c.request('GET', '/health'); \
sys.exit(c.getresponse().status != 200)"]
# The shell only fills in HOST, PORT and WORKERS; exec makes uvicorn process 1, which receives the stop signal.
# Below 'warning', uvicorn's supervisor of several workers would write lines that are not JSON. It takes a worker that does
# not answer within 5 s for dead, which one that starts beside others on a busy processor may not.
CMD ["sh", "-c", "exec uvicorn main:app --http common.http.reception:BoundedHttp \
--host \"${HOST:-0.0.0.0}\" --port \"${PORT:-8008}\" --workers \"${WORKERS:-1}\" \
--timeout-graceful-shutdown 25 --timeout-worker-healthcheck 30 --log-level warning --no-access-log --no-server-header --no-proxy-headers"]
