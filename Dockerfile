# The image of every Airflow component of Shipway: scheduler, API server, DAG processor, triggerer, workers.
#
#   docker build -t shipway .
#   docker build -t shipway --build-arg BASE=<any other image with Airflow 3.3 and Python 3.11 to 3.13> .
#
# Another base: the official slim image has fewer providers and is smaller. Of Astro Runtime take a tag that ends with
# "-base": the plain tags run steps of their own (ONBUILD), which would install requirements.txt without the lock. Both
# have a user 50000 of group 0 and a pip that this user may run, which is all that is asked of a base.
#
# Nothing secret is in here or comes in by build arguments: addresses and passwords come as Airflow Connections and
# AIRFLOW__... variables when a container starts. It runs under any user id of group 0, as OpenShift gives them.
#
# COPY names the owner, because a checkout under a strict umask has files that only their owner may read.
ARG BASE=apache/airflow:3.3.2-python3.11

# The wheel of the library and its command, built without the network by the setuptools of the lock.
FROM ${BASE} AS wheel
USER 50000
COPY --chown=50000:0 pyproject.toml README.md LICENSE requirements-installer.lock /src/
COPY --chown=50000:0 include/shipway /src/include/shipway
RUN pip install --no-cache-dir --require-hashes -r /src/requirements-installer.lock \
    && cp -r /src /tmp/src \
    && pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /tmp/wheels /tmp/src

FROM ${BASE}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# System packages, one a line (the convention of Astro projects).
USER 0
COPY --chown=50000:0 packages.txt /opt/shipway/packages.txt
RUN if grep -q '^[^#]' /opt/shipway/packages.txt; then \
        apt-get update \
        && sed 's/#.*//' /opt/shipway/packages.txt | xargs apt-get install -y --no-install-recommends \
        && rm -rf /var/lib/apt/lists/*; \
    fi

# Every package in the version of the lock, refused when its bytes are others. Bytecode is compiled by pip.
USER 50000
COPY --chown=50000:0 requirements.lock /opt/shipway/requirements.lock
RUN pip install --no-cache-dir --require-hashes -r /opt/shipway/requirements.lock
COPY --chown=50000:0 --from=wheel /tmp/wheels /opt/shipway/wheels
RUN pip install --no-cache-dir --no-index --no-deps /opt/shipway/wheels/*.whl

# PYTHONPATH comes first, so the library is the copy in include/; the wheel brings the command `shipway`.
ENV PYTHONPATH=/opt/shipway/include:/opt/shipway/plugins \
    AIRFLOW_CONFIG=/opt/shipway/include/config/airflow.cfg \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/shipway/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/shipway/plugins
COPY --chown=50000:0 dags /opt/shipway/dags
COPY --chown=50000:0 plugins /opt/shipway/plugins
COPY --chown=50000:0 include /opt/shipway/include

# Bytecode is compiled here, because a user id that nobody knows may not write it later, and TensorFlow's import without
# it costs tens of seconds. Whatever the modes in the checkout: group 0 may do what the owner may.
USER 0
RUN python -m compileall -q /opt/shipway/dags /opt/shipway/plugins /opt/shipway/include \
    && chgrp -R 0 /opt/shipway \
    && chmod -R g=u /opt/shipway
USER 50000
