# Airflow with everything its tasks need: ingestion, validation and training.
FROM python:3.11-slim

# The index that torch comes from: PyTorch's own has builds for CPU and for every CUDA.
# infra/docs/decisions/0001-torch-outside-the-lock.md gives the reasons.
ARG TORCH_INDEX=
RUN useradd --create-home --uid 1000 truegrain && mkdir -p /data/lake && chown -R truegrain /data
WORKDIR /app
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    AIRFLOW_HOME=/data/airflow TRUEGRAIN_HOME=/data \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=false GX_ANALYTICS_ENABLED=false \
    MLFLOW_DISABLE_TELEMETRY=true ORT_DISABLE_TELEMETRY=1

COPY infra/requirements infra/requirements
RUN pip install ${TORCH_INDEX:+--index-url $TORCH_INDEX} --requirement infra/requirements/torch.txt \
    && pip install --constraint infra/requirements/all.txt uv \
    && uv pip install --system --no-cache --requirement infra/requirements/pipeline.txt

COPY pyproject.toml README.md LICENSE ./
COPY model model
COPY service service
COPY expectations expectations
COPY dags dags
COPY plugins plugins
COPY infra/truegrain infra/truegrain
COPY infra/truegrain_rig infra/truegrain_rig
RUN pip install --no-deps --editable .

# Names the code in the card of every detector it trains.
ARG TRUEGRAIN_REVISION=
ENV TRUEGRAIN_REVISION=$TRUEGRAIN_REVISION
USER truegrain
VOLUME /data
EXPOSE 8080
CMD ["airflow", "version"]
