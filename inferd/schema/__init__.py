"""The documents that travel: endpoints, inference requests and results, chats; no behaviour, no I/O."""
