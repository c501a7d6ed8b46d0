"""Build medical video benchmarks, score and train vision-language models on them."""
