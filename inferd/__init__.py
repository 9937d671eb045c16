"""inferd: Elasticsearch's Inference API for the openai service, without Elasticsearch."""

__version__ = "0.1.0"
