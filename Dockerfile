# The course in a container: docs/run.md has the lines to copy.
FROM python:3.13-slim AS library
COPY . /opt/marginlib
RUN pip install --no-cache-dir "/opt/marginlib[course]"
RUN useradd --create-home learner
USER learner
WORKDIR /home/learner
RUN mkdir course
EXPOSE 8888

# For a JupyterHub: docker build --target hub
FROM library AS hub
USER root
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir jupyterhub nbgitpuller
USER learner
CMD ["jupyterhub-singleuser"]

# For one learner: docker build
FROM library
CMD ["marginlib", "course", "course", "--ip=0.0.0.0", "--no-browser"]
