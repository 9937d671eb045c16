"""Texts cut into passages as Elasticsearch's chunkers cut them; pure, offsets in UTF-16 code units.

``settings`` parses without loading ICU; ``passages`` cuts, ``batches`` packs passages into upstream requests.
"""
