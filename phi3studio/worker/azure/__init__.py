"""Runs as jobs of Azure Machine Learning, through its SDK (azure-ai-ml v2).

``bundle`` makes what the job brings along (code, environment), ``spec`` the job itself,
``connect`` the client, ``life`` submits and follows, ``results`` downloads, ``check`` looks for
what is missing, ``keep`` sees to the checkpoints of jobs that end early, ``failures`` turns the
SDK's errors into ours; ``job`` runs in the cloud and imports nothing of Azure's unless it needs a
token. The SDK is imported inside functions only: it takes a second, and comes with the extra
``azure``.
"""
