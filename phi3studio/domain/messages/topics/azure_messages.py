"""Messages about jobs in Azure Machine Learning."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "azure.anew": Message(
        "{ending:message} A new one takes its place: it begins from the start, for there is no "
        "checkpoint to go on from.",
    ),
    "azure.anew/checkpoint": Message(
        "{ending:message} A new one takes its place: it goes on from the checkpoint of step "
        "{step} that {job} left.",
    ),
    "azure.back": Message("Azure answers again."),
    "azure.batch": Message(
        "{rows:# row|# rows} a step (batch size × accumulation) cannot be shared evenly by "
        "{processes} processes (nodes × GPUs).",
        "Choose a multiple of {processes} rows a step (training.batch_size × "
        "training.accumulation), or fewer nodes and GPUs (azure.nodes, azure.gpus).",
    ),
    "azure.begun": Message("The job computes on {device} with {threads:# thread|# threads}."),
    "azure.cancel_sent": Message("The job {job} is cancelled."),
    "azure.cancelled": Message("The job {job} was cancelled in Azure ML."),
    "azure.compute_broken": Message(
        "The compute {compute} is not usable: its state is {state}.",
        "Look at it in the studio, or choose another in azure.compute.",
    ),
    "azure.compute_stopped": Message(
        "The compute {compute} is stopped (its state is {state}).",
        "Start it: az ml compute start --name {compute}, or use a cluster, which starts on its "
        "own.",
    ),
    "azure.damaged": Message(
        "The job's file {path} does not have the checksum that the job wrote for it.",
        "Resume the run to download it again; if it stays so, the datastore's copy is damaged: "
        "start the recipe as a new run.",
    ),
    "azure.damaged/list": Message(
        "The list of the job's results names a file that is none of a run: {path}",
        "Start the recipe as a new run.",
    ),
    "azure.data": Message(
        "“{value}” is neither a data asset nor a path of a datastore or a Data Lake.",
        "Set azure.data to azureml://datastores/STORE/paths/FOLDER/FILE, azureml:NAME:VERSION, "
        "abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/FOLDER/FILE or "
        "azureml://registries/REGISTRY/data/NAME/versions/N.",
    ),
    "azure.data_type": Message(
        "The data asset {name} is a {type}, and the recipe says it is a {wanted}.",
        "Set azure.data_type: {type}.",
    ),
    "azure.data_type/other": Message(
        "The data asset {name} is of the type {type}, and the recipe says it is a {wanted}.",
        "Register the files as uri_file or uri_folder.",
    ),
    "azure.datastore_kind": Message(
        "The datastore {datastore} is of the kind {kind}, which files cannot be read from here.",
        "Name a blob datastore in azure.datastore, such as workspaceblobstore.",
    ),
    "azure.empty_compute": Message(
        "The compute is missing.",
        "Write the name of a cluster; the studio lists them under Compute.",
    ),
    "azure.empty_data": Message(
        "The address of the data in Azure is missing.",
        "Write it, or let the file of this computer be uploaded.",
    ),
    "azure.empty_model": Message(
        "The address of the model in Azure is missing.",
        "Write it, or take the model of the page Model.",
    ),
    "azure.empty_resource_group": Message(
        "The resource group of the workspace is missing.",
        "The studio shows it on the workspace's page.",
    ),
    "azure.empty_subscription": Message(
        "The subscription of Azure is missing.",
        "Write the id that “az account show --query id” prints.",
    ),
    "azure.empty_workspace": Message(
        "The name of the workspace is missing.", "The studio shows it at its top."
    ),
    "azure.ending/cancelled": Message("The job {job} was cancelled."),
    "azure.ending/failed": Message("The job {job} failed."),
    "azure.ending/gone": Message("The job {job} is not there any more."),
    "azure.export_exists": Message(
        "{path} exists already and is not an empty folder.", "Name a new folder (--out)."
    ),
    "azure.failed": Message(
        "Azure's packages failed: {reason}",
        "Look at the workspace in the studio; the check (phi3studio azure check RECIPE) shows "
        "what is missing.",
    ),
    "azure.forbidden": Message(
        "You may not do this in the workspace {workspace}: {reason}",
        "Ask its owner for the role “AzureML Data Scientist”.",
    ),
    "azure.forbidden/storage": Message(
        "You may not do this in the workspace {workspace}: {reason}",
        "Ask its owner for the role “AzureML Data Scientist”, and for access to the storage of "
        "{datastore}.",
    ),
    "azure.found": Message("Going on with the job {job}."),
    "azure.hub_token": Message(
        "The place of the hub's token is not right.",
        "Name a vault (https://NAME.vault.azure.net) or a connection, and let the job act as a "
        "managed identity.",
    ),
    "azure.hub_token/address": Message(
        "“{value}” is not the address of a key vault.",
        "Write azure.hub_token.key_vault like https://NAME.vault.azure.net.",
    ),
    "azure.hub_token/both": Message(
        "The hub's token has two places: a key vault and a connection.",
        "Keep one of azure.hub_token.key_vault and azure.hub_token.connection.",
    ),
    "azure.hub_token/neither": Message(
        "The hub's token has no place: neither a key vault nor a connection is named.",
        "Set azure.hub_token.key_vault to https://NAME.vault.azure.net, or "
        "azure.hub_token.connection to the name of a workspace connection.",
    ),
    "azure.hub_token/no_identity": Message(
        "The job has to read the hub's token, but it has no identity to do so.",
        "Set azure.job_identity: managed, and let the compute's identity read the secret.",
    ),
    "azure.hub_token/text": Message(
        "azure.hub_token holds a text. A token must never be part of a recipe.",
        "Put the token into a Key Vault and name its place: azure.hub_token.key_vault and "
        "azure.hub_token.secret. If the text was a token, revoke it.",
    ),
    "azure.instance_type": Message(
        "The cluster {compute} has no instance type {instance_type}.",
        "It has: {types:list}. Choose one in azure.instance_type.",
    ),
    "azure.instance_type/not_kubernetes": Message(
        "The compute {compute} is not a Kubernetes cluster, so it has no instance types.",
        "Remove azure.instance_type.",
    ),
    "azure.invalid_value": Message(
        "azure.{field} is not valid: {reason}.",
        "Choose a value in the range that is shown next to it.",
    ),
    "azure.job_failed": Message(
        "The job {job} failed in Azure ML before the training could report why.",
        "Its log is in the run's log.txt, if there was one: often the environment could not be "
        "built, or an input could not be mounted.",
    ),
    "azure.job_failed/page": Message(
        "The job {job} failed in Azure ML before the training could report why.",
        "Its log is in the run's log.txt, if there was one: often the environment could not be "
        "built, or an input could not be mounted. The job's page: {page}",
    ),
    "azure.left": Message("The job goes on in Azure ML; phi3studio resume follows it again."),
    "azure.login": Message(
        "You are not signed in to Azure, or the login has expired: {reason}",
        "Sign in again: az login. Then start, or resume the run.",
    ),
    "azure.login/browser": Message(
        "The sign-in to Azure failed: {reason}",
        "Try again and finish it in the browser, or use az login with azure.login: cli.",
    ),
    "azure.login/managed_identity": Message(
        "This machine has no managed identity that Azure knows: {reason}",
        "Give it one, or set azure.login: cli.",
    ),
    "azure.login/no_az": Message(
        "Azure's command line (az) is not installed.",
        "Install it, then: az login. Or set azure.login: browser.",
    ),
    "azure.login/waiting": Message("{reason:message} The job goes on.", "{reason:hint}"),
    "azure.model": Message(
        "“{value}” is no model of Azure ML.",
        "Set azure.model to azureml://registries/REGISTRY/models/MODEL/versions/N or "
        "azureml:MODEL:N; a model of the hub or of this computer belongs in model.source.",
    ),
    "azure.model_version": Message(
        "The model {model} is named without a version, so another run could train another model.",
        "Write {address}; the model's page in the studio lists the versions.",
    ),
    "azure.model_version/config": Message(
        "The model in Azure ML has no version.",
        "Write its version; the model's page in the studio shows it.{more:message}",
    ),
    "azure.name": Message(
        "“{value}” cannot be a name in Azure ML.",
        "Use letters, digits and dashes, as the studio shows the name.",
    ),
    "azure.name/compute": Message(
        "“{value}” cannot be the name of a compute in Azure ML.",
        "Correct azure.compute: allowed are letters, digits and -, at most 32.",
    ),
    "azure.name/datastore": Message(
        "“{value}” cannot be the name of a datastore in Azure ML.",
        "Correct azure.datastore: allowed are letters, digits and _.",
    ),
    "azure.name/experiment": Message(
        "“{value}” cannot be the name of an experiment in Azure ML.",
        "Correct azure.experiment: allowed are letters, digits, _ and -.",
    ),
    "azure.name/image": Message(
        "“{value}” cannot be the name of a base image in Azure ML.",
        "Correct azure.image: allowed are letters, digits and _ - . : / @.",
    ),
    "azure.name/instance_type": Message(
        "“{value}” cannot be the name of an instance type in Azure ML.",
        "Correct azure.instance_type: allowed are letters, digits and _ - ..",
    ),
    "azure.name/resource_group": Message(
        "“{value}” cannot be the name of a resource group in Azure ML.",
        "Correct azure.resource_group: allowed are letters, digits and _ - . ( ).",
    ),
    "azure.name/workspace": Message(
        "“{value}” cannot be the name of a workspace in Azure ML.",
        "Correct azure.workspace: allowed are 3 to 33 letters, digits, _ and -.",
    ),
    "azure.no_compute": Message(
        "The workspace {workspace} has no compute {compute}.",
        "Correct azure.compute; “az ml compute list” lists them.",
    ),
    "azure.no_data": Message(
        "The workspace has no data asset {name}, version {version}.",
        "Correct azure.data; “az ml data list” lists them.",
    ),
    "azure.no_data/registry": Message(
        "The registry {registry} has no data asset {name}, version {version}.",
        "Correct azure.data; “az ml data list --registry-name {registry}” lists them.",
    ),
    "azure.no_datastore": Message(
        "The workspace {workspace} has no datastore {datastore}.",
        "Correct it in azure.data or azure.datastore; “az ml datastore list” shows them, and "
        "workspaceblobstore always exists.",
    ),
    "azure.no_gpu": Message(
        "A machine of {compute} ({size}) has {gpus:# GPU|# GPUs}, and the recipe wants {wanted}.",
        "Choose a compute with more GPUs, or set azure.gpus: {gpus}.",
    ),
    "azure.no_gpu/instance_type": Message(
        "The instance type {instance_type} of {compute} has {gpus:# GPU|# GPUs}, and the recipe "
        "wants {wanted}.",
        "Choose another in azure.instance_type, or lower azure.gpus.",
    ),
    "azure.no_image": Message(
        "There is no image {image}.", "Correct azure.image, or remove it for the default."
    ),
    "azure.no_job": Message(
        "The workspace {workspace} has no job {job} any more.",
        "It was deleted there; start the recipe as a new run.",
    ),
    "azure.no_model": Message(
        "There is no model {name} of version {version} in the workspace.",
        "Correct azure.model; the model's page in the studio shows its address.",
    ),
    "azure.no_model/registry": Message(
        "There is no model {name} of version {version} in the registry {registry}.",
        "Correct azure.model; the model's page in the studio shows its address.",
    ),
    "azure.no_pin": Message(
        "No version of the package {package} is known for the job.", "{repair:message}"
    ),
    "azure.no_results": Message(
        "The job left no results in the datastore.",
        "Look at the job's outputs in the studio; if they are missing, start the recipe as a new "
        "run.",
    ),
    "azure.no_results/unreadable": Message(
        "The list of the job's results cannot be read: {reason}",
        "Look at the job's outputs in the studio; if they are missing, start the recipe as a new "
        "run.",
    ),
    "azure.no_sdk": Message("Azure's packages are not installed.", "Install them: {command}."),
    "azure.no_sdk/installed_app": Message(
        "Azure's packages are not installed.",
        "The installed app cannot take them in. Get the source from {repository} and start it: "
        "{command}. It shows the same runs.",
    ),
    "azure.no_sdk/source": Message(
        "Azure's packages are not installed.",
        "Install them: {command} (in the source tree: pip install -e '.[azure]').",
    ),
    "azure.no_section": Message(
        "The recipe “{recipe}” has no section azure.",
        "Add azure with subscription, resource_group, workspace and compute.",
    ),
    "azure.no_section/recipe": Message(
        "The recipe trains in Azure ML, but does not say where: it has no section azure.",
        "Add azure with subscription, resource_group, workspace and compute.",
    ),
    "azure.no_source": Message(
        "This copy of the program does not hold its own source, which the job needs.",
        "{repair:message}",
    ),
    "azure.not_cancelled": Message(
        "The job {job} could not be cancelled: {reason:message}",
        "It may go on and cost money; cancel it again, or in the studio.",
    ),
    "azure.not_found": Message(
        "Azure did not find what the recipe names: {reason}",
        "Compare azure.subscription, azure.resource_group ({resource_group}) and azure.workspace "
        "({workspace}) with the studio; the check (phi3studio azure check RECIPE) shows which is "
        "missing.",
    ),
    "azure.not_installed": Message(
        "This copy of the program does not know its own requirements.", "{repair:message}"
    ),
    "azure.pattern": Message(
        "Files cannot be given to a job by a pattern: {pattern}",
        "Name the folder, or each file (data.source and data.also), or put them into a datastore "
        "and name it in azure.data.",
    ),
    "azure.quota": Message(
        "The quota of the subscription does not suffice: {reason}",
        "Ask for more on the page “Usage + quotas” of the portal, or use a smaller machine.",
    ),
    "azure.quota/cores": Message(
        "{nodes:# machine needs|# machines need} {needed} cores of {family}, and {free} are free.",
        "Wait until other jobs are done, ask for more quota in the portal (Usage + quotas), or "
        "use fewer or smaller machines.",
    ),
    "azure.refused": Message(
        "Azure refused the request ({status} {service_code}): {reason}",
        "Correct what it names in the recipe's section azure; the check (phi3studio azure check "
        "RECIPE) shows what is missing.",
    ),
    "azure.submitted": Message("The job {job} was submitted to {workspace}."),
    "azure.submitted/page": Message("The job {job} was submitted to {workspace}. Its page: {page}"),
    "azure.subscription": Message(
        "“{value}” is no subscription's id.",
        "Set azure.subscription to the id that “az account show --query id” prints.",
    ),
    "azure.throttled": Message(
        "Azure asks to wait: too many requests were made.",
        "Try again in some minutes; a job that was submitted goes on meanwhile.",
    ),
    "azure.throttled/waiting": Message(
        "{reason:message} The job goes on; Azure is asked again and again.",
    ),
    "azure.too_many_nodes": Message(
        "The cluster {compute} has at most {most:# machine|# machines}, and the recipe wants "
        "{wanted}.",
        "Set azure.nodes: {most}, or let the cluster grow.",
    ),
    "azure.unavailable": Message(
        "Azure has a fault of its own at the moment ({status}): {reason}",
        "Try again later; a job that was submitted goes on meanwhile.",
    ),
    "azure.unavailable/waiting": Message(
        "{reason:message} The job goes on; Azure is asked again and again.",
    ),
    "azure.unreachable": Message(
        "Azure cannot be reached: {reason}",
        "Check the network. A job that was submitted goes on meanwhile; resume the run to follow "
        "it again.",
    ),
    "azure.unreachable/waiting": Message(
        "{reason:message} The job goes on; Azure is asked again and again.",
    ),
    "disk.full/job_results": Message(
        "The results take {needed:bytes}, and {free:bytes} are free on the disk of {folder}.",
        "Free some space and resume the run: the job's results are kept in the datastore.",
    ),
}
