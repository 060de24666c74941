# The service, and the MLflow server: both need the same environment, without torch, Airflow or Great Expectations.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 truegrain && mkdir -p /data/lake && chown -R truegrain /data
WORKDIR /app
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    MLFLOW_DISABLE_TELEMETRY=true ORT_DISABLE_TELEMETRY=1 TRUEGRAIN_HOME=/data

COPY infra/requirements/service.txt infra/requirements/
RUN pip install --requirement infra/requirements/service.txt

COPY pyproject.toml README.md LICENSE ./
COPY model model
COPY service service
COPY expectations expectations
COPY infra/truegrain infra/truegrain
COPY infra/registry infra/registry
RUN pip install --no-deps --editable .

USER truegrain
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "--config", "service/gunicorn.conf.py", "--bind", "0.0.0.0:8000"]
