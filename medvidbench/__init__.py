"""Build medical video benchmarks, score and train vision-language models on them."""

__version__ = "0.1.0"
