"""An OpenAI-compatible server without a model, for development and tests: a program of its own, on asyncio streams.

`Simulator` is the server, `serve` runs one until it is stopped, `faults_help` tells which model names make it
go wrong. It serves POST /v1/chat/completions, POST /v1/embeddings, GET /v1/models, POST /oauth/token and
GET /healthz, takes any bearer key but "sim-invalid", and says that it is a simulator in ``system_fingerprint``.
"""

from inferd.simulator.faults import faults_help
from inferd.simulator.http1 import Limits
from inferd.simulator.server import Simulator, serve

__all__ = ["Limits", "Simulator", "faults_help", "serve"]
