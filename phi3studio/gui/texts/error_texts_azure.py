"""Sentences for the codes of jobs in Azure ML."""

from __future__ import annotations

from phi3studio.gui.texts.i18n import QT_TRANSLATE_NOOP

AZURE_ERRORS: dict[str, tuple[str, str]] = {
    "azure.empty_subscription": (
        QT_TRANSLATE_NOOP("Errors", "The subscription of Azure is missing."),
        QT_TRANSLATE_NOOP("Errors", "Write the id that “az account show --query id” prints."),
    ),
    "azure.empty_resource_group": (
        QT_TRANSLATE_NOOP("Errors", "The resource group of the workspace is missing."),
        QT_TRANSLATE_NOOP("Errors", "The studio shows it on the workspace's page."),
    ),
    "azure.empty_workspace": (
        QT_TRANSLATE_NOOP("Errors", "The name of the workspace is missing."),
        QT_TRANSLATE_NOOP("Errors", "The studio shows it at its top."),
    ),
    "azure.empty_compute": (
        QT_TRANSLATE_NOOP("Errors", "The compute is missing."),
        QT_TRANSLATE_NOOP(
            "Errors", "Write the name of a cluster; the studio lists them under Compute."
        ),
    ),
    "azure.empty_data": (
        QT_TRANSLATE_NOOP("Errors", "The address of the data in Azure is missing."),
        QT_TRANSLATE_NOOP("Errors", "Write it, or let the file of this computer be uploaded."),
    ),
    "azure.empty_model": (
        QT_TRANSLATE_NOOP("Errors", "The address of the model in Azure is missing."),
        QT_TRANSLATE_NOOP("Errors", "Write it, or take the model of the page Model."),
    ),
    "azure.invalid_value": (
        QT_TRANSLATE_NOOP("Errors", "This value is out of its range."),
        QT_TRANSLATE_NOOP("Errors", "Choose a value in the range that is shown beside it."),
    ),
    "azure.subscription": (
        QT_TRANSLATE_NOOP("Errors", "This is no subscription's id."),
        QT_TRANSLATE_NOOP("Errors", "Write the id that “az account show --query id” prints."),
    ),
    "azure.name": (
        QT_TRANSLATE_NOOP("Errors", "This cannot be a name in Azure ML."),
        QT_TRANSLATE_NOOP(
            "Errors", "Use letters, digits and dashes, as the studio shows the name."
        ),
    ),
    "azure.data": (
        QT_TRANSLATE_NOOP(
            "Errors", "This is neither a data asset nor a path of a datastore or a Data Lake."
        ),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Write azureml://datastores/STORE/paths/FILE, azureml:NAME:VERSION, or "
            "abfss:// and the path.",
        ),
    ),
    "azure.model": (
        QT_TRANSLATE_NOOP("Errors", "This is no model of Azure ML."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Write azureml://registries/REGISTRY/models/MODEL/versions/N or azureml:MODEL:N.",
        ),
    ),
    "azure.model_version": (
        QT_TRANSLATE_NOOP("Errors", "The model is named without a version."),
        QT_TRANSLATE_NOOP("Errors", "Add /versions/N; the model's page in the studio lists them."),
    ),
    "azure.hub_token": (
        QT_TRANSLATE_NOOP("Errors", "The place of the hub's token is not right."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Name a vault (https://NAME.vault.azure.net) or a connection, and let the "
            "job act as a managed identity.",
        ),
    ),
    "azure.batch": (
        QT_TRANSLATE_NOOP(
            "Errors", "The rows of a step cannot be shared evenly by the nodes and GPUs."
        ),
        QT_TRANSLATE_NOOP("Errors", "Choose a multiple of them as batch size."),
    ),
    "azure.no_section": (
        QT_TRANSLATE_NOOP("Errors", "The recipe trains in Azure ML, but does not say where."),
        QT_TRANSLATE_NOOP("Errors", "Add the section azure to the recipe."),
    ),
    "azure.no_sdk": (
        QT_TRANSLATE_NOOP("Errors", "Azure's packages are not installed."),
        QT_TRANSLATE_NOOP("Errors", "The page Target says how to get them."),
    ),
    "azure.not_installed": (
        QT_TRANSLATE_NOOP("Errors", "A package that the job needs is not installed here."),
        QT_TRANSLATE_NOOP("Errors", "Install Phi-3 Studio again; the details name it."),
    ),
    "azure.no_pin": (
        QT_TRANSLATE_NOOP("Errors", "The version of a package that the job needs is not known."),
        QT_TRANSLATE_NOOP("Errors", "Install Phi-3 Studio again; the details name it."),
    ),
    "azure.no_source": (
        QT_TRANSLATE_NOOP(
            "Errors", "This copy of the program does not hold its own source, which the job needs."
        ),
        QT_TRANSLATE_NOOP("Errors", "Start Phi-3 Studio from its source."),
    ),
    "azure.export_exists": (
        QT_TRANSLATE_NOOP("Errors", "The folder exists already and is not empty."),
        QT_TRANSLATE_NOOP("Errors", "Choose a new folder."),
    ),
    "azure.pattern": (
        QT_TRANSLATE_NOOP("Errors", "Files cannot be given to a job by a pattern."),
        QT_TRANSLATE_NOOP("Errors", "Name the folder or each file, or put them into a datastore."),
    ),
    "azure.login": (
        QT_TRANSLATE_NOOP("Errors", "You are not signed in to Azure, or the login has expired."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Sign in (az login) and try again; a job that was submitted goes on meanwhile.",
        ),
    ),
    "azure.forbidden": (
        QT_TRANSLATE_NOOP("Errors", "You may not do this in the workspace."),
        QT_TRANSLATE_NOOP("Errors", "Ask its owner for the role “AzureML Data Scientist”."),
    ),
    "azure.not_found": (
        QT_TRANSLATE_NOOP("Errors", "Azure did not find what is named here."),
        QT_TRANSLATE_NOOP(
            "Errors", "Compare subscription, resource group and workspace with the studio."
        ),
    ),
    "azure.no_datastore": (
        QT_TRANSLATE_NOOP("Errors", "The workspace has no such datastore."),
        QT_TRANSLATE_NOOP("Errors", "Correct its name; workspaceblobstore is always one."),
    ),
    "azure.datastore_kind": (
        QT_TRANSLATE_NOOP("Errors", "Files cannot be read from a datastore of this kind."),
        QT_TRANSLATE_NOOP("Errors", "Name a blob datastore, such as workspaceblobstore."),
    ),
    "azure.no_compute": (
        QT_TRANSLATE_NOOP("Errors", "The workspace has no such compute."),
        QT_TRANSLATE_NOOP("Errors", "Correct its name; the studio lists them under Compute."),
    ),
    "azure.compute_stopped": (
        QT_TRANSLATE_NOOP("Errors", "The compute is stopped."),
        QT_TRANSLATE_NOOP(
            "Errors", "Start it in the studio, or use a cluster, which starts by itself."
        ),
    ),
    "azure.compute_broken": (
        QT_TRANSLATE_NOOP("Errors", "The compute is not usable."),
        QT_TRANSLATE_NOOP("Errors", "Look at it in the studio, or choose another."),
    ),
    "azure.instance_type": (
        QT_TRANSLATE_NOOP("Errors", "The instance type does not fit the compute."),
        QT_TRANSLATE_NOOP("Errors", "Choose one that it has; only Kubernetes has any."),
    ),
    "azure.no_gpu": (
        QT_TRANSLATE_NOOP("Errors", "The machines of the compute have fewer GPUs than are wanted."),
        QT_TRANSLATE_NOOP("Errors", "Choose another compute, or lower the number of GPUs."),
    ),
    "azure.too_many_nodes": (
        QT_TRANSLATE_NOOP("Errors", "The cluster has fewer machines than are wanted."),
        QT_TRANSLATE_NOOP("Errors", "Lower their number, or let the cluster grow."),
    ),
    "azure.quota": (
        QT_TRANSLATE_NOOP("Errors", "The quota of the subscription does not suffice."),
        QT_TRANSLATE_NOOP(
            "Errors", "Ask for more under “Usage + quotas” in the portal, or use a smaller machine."
        ),
    ),
    "azure.no_data": (
        QT_TRANSLATE_NOOP("Errors", "There is no such data asset."),
        QT_TRANSLATE_NOOP("Errors", "Correct its name and version."),
    ),
    "azure.data_type": (
        QT_TRANSLATE_NOOP("Errors", "The data asset is of another type."),
        QT_TRANSLATE_NOOP("Errors", "Say whether it is a file or a folder."),
    ),
    "azure.no_model": (
        QT_TRANSLATE_NOOP("Errors", "There is no such model of that version."),
        QT_TRANSLATE_NOOP(
            "Errors", "Correct its address; the model's page in the studio shows it."
        ),
    ),
    "azure.no_image": (
        QT_TRANSLATE_NOOP("Errors", "There is no such base image."),
        QT_TRANSLATE_NOOP("Errors", "Correct it, or leave it empty for the default."),
    ),
    "azure.submitted": (
        QT_TRANSLATE_NOOP("Errors", "The job was submitted."),
        "",
    ),
    "azure.begun": (
        QT_TRANSLATE_NOOP("Errors", "The job has begun to compute."),
        "",
    ),
    "azure.found": (
        QT_TRANSLATE_NOOP("Errors", "Going on with the job."),
        "",
    ),
    "azure.anew": (
        QT_TRANSLATE_NOOP(
            "Errors", "The job before has ended without a result: a new one takes its place."
        ),
        "",
    ),
    "azure.left": (
        QT_TRANSLATE_NOOP("Errors", "The job goes on in Azure ML; Resume follows it again."),
        "",
    ),
    "azure.back": (
        QT_TRANSLATE_NOOP("Errors", "Azure answers again."),
        "",
    ),
    "azure.cancel_sent": (
        QT_TRANSLATE_NOOP("Errors", "The job is cancelled."),
        "",
    ),
    "azure.cancelled": (
        QT_TRANSLATE_NOOP("Errors", "The job was cancelled in Azure ML."),
        "",
    ),
    "azure.not_cancelled": (
        QT_TRANSLATE_NOOP("Errors", "The job could not be cancelled. It may go on and cost money."),
        QT_TRANSLATE_NOOP("Errors", "Cancel it again, or in the studio."),
    ),
    "azure.unreachable": (
        QT_TRANSLATE_NOOP("Errors", "Azure cannot be reached."),
        QT_TRANSLATE_NOOP(
            "Errors", "Check the network. A job that was submitted goes on meanwhile."
        ),
    ),
    "azure.throttled": (
        QT_TRANSLATE_NOOP("Errors", "Azure asks to wait: too many requests were made."),
        QT_TRANSLATE_NOOP("Errors", "A job that was submitted goes on meanwhile."),
    ),
    "azure.unavailable": (
        QT_TRANSLATE_NOOP("Errors", "Azure has a fault of its own at the moment."),
        QT_TRANSLATE_NOOP("Errors", "Try again later; a job that was submitted goes on meanwhile."),
    ),
    "azure.refused": (
        QT_TRANSLATE_NOOP("Errors", "Azure refused the request."),
        QT_TRANSLATE_NOOP(
            "Errors", "Correct what it names; Check on the page Target tells what is missing."
        ),
    ),
    "azure.failed": (
        QT_TRANSLATE_NOOP("Errors", "Azure's packages failed."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Look at the workspace in the studio; Check on the page Target tells what is missing.",
        ),
    ),
    "azure.no_job": (
        QT_TRANSLATE_NOOP("Errors", "The job is not in the workspace any more."),
        QT_TRANSLATE_NOOP("Errors", "Start the run anew."),
    ),
    "azure.job_failed": (
        QT_TRANSLATE_NOOP("Errors", "The job failed before the training could tell why."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Its log below may say why; often the environment could not be built or an "
            "input not be mounted.",
        ),
    ),
    "azure.no_results": (
        QT_TRANSLATE_NOOP("Errors", "The job left no results, or their list cannot be read."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Look at the job's outputs in the studio; if they are not there, start the run anew.",
        ),
    ),
    "azure.damaged": (
        QT_TRANSLATE_NOOP("Errors", "The job's results are damaged."),
        QT_TRANSLATE_NOOP(
            "Errors", "Resume the run to fetch them again; if it stays so, start it anew."
        ),
    ),
}
