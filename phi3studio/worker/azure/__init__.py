"""Runs as jobs of Azure Machine Learning, through its SDK (azure-ai-ml v2).

``job_files`` makes what the job brings along (code, environment), ``spec`` the job itself,
``connect`` the client, ``job_run`` submits and follows, ``results`` downloads, ``job_check`` looks
for what is missing, ``keep`` copies the checkpoints of jobs that end early, ``azure_failures``
turns the SDK's errors into ours; ``job`` runs in the cloud and imports nothing of Azure's unless it
needs a token. The SDK is imported inside functions only: it takes a second, and comes with the
extra ``azure``.
"""
