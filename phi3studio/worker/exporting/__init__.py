"""From a trained to an exported model: checks, presets, calibration, adapters kept apart."""
