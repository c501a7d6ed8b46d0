"""Supervised fine-tuning and MedGRPO."""
