"""Contagion models: arrays in, arrays out."""
