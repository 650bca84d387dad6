"""Extract-load sources built on dlt; each sub-package is one source, usable without an orchestrator."""
