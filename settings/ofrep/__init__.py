"""OFREP 0.3, the OpenFeature Remote Evaluation Protocol: flags for any OpenFeature client, below ``/ofrep/v1``."""
