# docker build -t vqgan-clip .
# docker run --rm -v "$PWD/pictures:/app/pictures" vqgan-clip \
#     imagine "a red circle on a blue background" --out pictures/red-circle.png
#
# The same image paints on a GPU (docker run --gpus all): PyTorch brings its own CUDA libraries.
ARG BASE=python:3.12-slim
FROM ${BASE}

ENV PYTHONUNBUFFERED=1
WORKDIR /app

# Before the code, so that a change of the code does not install everything anew.
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt

RUN useradd --create-home --uid 1000 painter \
    && install --directory --owner painter pictures
COPY engine/ engine/
COPY config.toml .

USER painter
VOLUME /app/pictures
ENTRYPOINT ["python", "-m", "engine"]
CMD ["--help"]
