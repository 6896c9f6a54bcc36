"""In-context reinforcement learning: learning histories, filters, transformers, evaluation, adapters."""
