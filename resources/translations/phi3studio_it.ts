<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="it" sourcelanguage="en">
<context>
    <name>AboutCard</name>
    <message>
        <source>About</source>
        <translation>Informazioni</translation>
    </message>
    <message>
        <source>Fine-tunes small language models with Microsoft Olive, on your own computer. Free software under the MIT licence.</source>
        <translation>Addestra piccoli modelli linguistici con Microsoft Olive, sul tuo computer. Software libero con licenza MIT.</translation>
    </message>
    <message>
        <source>Qt {version} and PySide6 are used under the LGPL, version 3.</source>
        <translation>Qt {version} e PySide6 sono usati secondo la LGPL, versione 3.</translation>
    </message>
    <message>
        <source>Check for a newer version once a day</source>
        <translation>Cerca una versione più recente una volta al giorno</translation>
    </message>
    <message>
        <source>Asks GitHub for the newest release and sends nothing else. While this is off nothing is asked. Nothing is ever installed by itself.</source>
        <translation>Chiede a GitHub l’ultima versione e non invia altro. Finché è spento non chiede nulla. Niente si installa mai da solo.</translation>
    </message>
    <message>
        <source>Version and licences</source>
        <translation>Versione e licenze</translation>
    </message>
    <message>
        <source>Versions and devices</source>
        <translation>Versioni e dispositivi</translation>
    </message>
    <message>
        <source>Checking…</source>
        <translation>Controllo in corso…</translation>
    </message>
    <message>
        <source>{when}: the check failed.</source>
        <translation>{when}: controllo non riuscito.</translation>
    </message>
    <message>
        <source>Version {version} is available.</source>
        <translation>È disponibile la versione {version}.</translation>
    </message>
    <message>
        <source>Show it</source>
        <translation>Mostrala</translation>
    </message>
    <message>
        <source>{when}: this is the newest version.</source>
        <translation>{when}: questa è la versione più recente.</translation>
    </message>
</context>
<context>
    <name>AboutDialog</name>
    <message>
        <source>About Phi-3 Studio</source>
        <translation>Informazioni su Phi-3 Studio</translation>
    </message>
    <message>
        <source>Third-party licences</source>
        <translation>Licenze di terze parti</translation>
    </message>
    <message>
        <source>Search components</source>
        <translation>Cerca tra i componenti</translation>
    </message>
    <message>
        <source>Components</source>
        <translation>Componenti</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>Licenza</translation>
    </message>
    <message>
        <source>Open the data directory</source>
        <translation>Apri la cartella dei dati</translation>
    </message>
    <message>
        <source>Copy version</source>
        <translation>Copia la versione</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Chiudi</translation>
    </message>
    <message>
        <source>Running from source.</source>
        <translation>In esecuzione dal codice sorgente.</translation>
    </message>
    <message>
        <source>Build {commit} of {date}, flavour {flavour}</source>
        <translation>Build {commit} del {date}, variante {flavour}</translation>
    </message>
    <message>
        <source>licence not stated</source>
        <translation>licenza non dichiarata</translation>
    </message>
    <message>
        <source>The package does not include its licence text.</source>
        <translation>Il pacchetto non include il testo della licenza.</translation>
    </message>
</context>
<context>
    <name>AdapterChoice</name>
    <message>
        <source>Adapter</source>
        <translation>Adattatore</translation>
    </message>
    <message>
        <source>The adapter that answers; it is switched at once.</source>
        <translation>L’adattatore che risponde; il cambio è immediato.</translation>
    </message>
    <message>
        <source>Add an adapter</source>
        <translation>Aggiungi un adattatore</translation>
    </message>
    <message>
        <source>base model</source>
        <translation>modello base</translation>
    </message>
    <message>
        <source>Adapter: {name}</source>
        <translation>Adattatore: {name}</translation>
    </message>
    <message>
        <source>Base model, no adapter</source>
        <translation>Modello base, senza adattatore</translation>
    </message>
</context>
<context>
    <name>AdapterLine</name>
    <message>
        <source>Start from an adapter</source>
        <translation>Parti da un adattatore</translation>
    </message>
    <message>
        <source>No run has an adapter yet</source>
        <translation>Nessuna esecuzione ha ancora un adattatore</translation>
    </message>
    <message>
        <source>Adapter folder…</source>
        <translation>Cartella di un adattatore…</translation>
    </message>
    <message>
        <source>Choose the folder of an adapter</source>
        <translation>Scegli la cartella di un adattatore</translation>
    </message>
    <message>
        <source>Starts from the adapter in {folder}</source>
        <translation>Parte dall’adattatore in {folder}</translation>
    </message>
    <message>
        <source>Its training continues. It must belong to the chosen base model.</source>
        <translation>Il suo addestramento continua. Deve appartenere al modello di base scelto.</translation>
    </message>
    <message>
        <source>It is merged as it is into the chosen base model.</source>
        <translation>Viene fuso così com’è al modello di base scelto.</translation>
    </message>
    <message>
        <source>Start from scratch</source>
        <translation>Riparti da zero</translation>
    </message>
</context>
<context>
    <name>AdapterMenu</name>
    <message>
        <source>Adapter folder…</source>
        <translation>Cartella di un adattatore…</translation>
    </message>
    <message>
        <source>Choose a folder with a LoRA adapter</source>
        <translation>Scegli una cartella con un adattatore LoRA</translation>
    </message>
</context>
<context>
    <name>AnswerForm</name>
    <message>
        <source>The answer is</source>
        <translation>La risposta è</translation>
    </message>
    <message>
        <source>any text</source>
        <translation>un testo qualsiasi</translation>
    </message>
    <message>
        <source>one of some labels</source>
        <translation>una di alcune etichette</translation>
    </message>
    <message>
        <source>JSON by a schema</source>
        <translation>JSON secondo uno schema</translation>
    </message>
    <message>
        <source>Labels, one on each line</source>
        <translation>Etichette, una per riga</translation>
    </message>
    <message>
        <source>One label on each line</source>
        <translation>Un’etichetta per riga</translation>
    </message>
    <message>
        <source>As in the run&apos;s data</source>
        <translation>Come nei dati dell’esecuzione</translation>
    </message>
    <message>
        <source>JSON schema</source>
        <translation>Schema JSON</translation>
    </message>
    <message>
        <source>From a file…</source>
        <translation>Da un file…</translation>
    </message>
    <message>
        <source>The answer is one of: {labels}</source>
        <translation>La risposta è una di: {labels}</translation>
    </message>
    <message>
        <source>The answer is JSON that fits the schema.</source>
        <translation>La risposta è JSON conforme allo schema.</translation>
    </message>
    <message>
        <source>Choose a JSON schema</source>
        <translation>Scegli uno schema JSON</translation>
    </message>
    <message>
        <source>JSON files (*.json)</source>
        <translation>File JSON (*.json)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Tutti i file (*)</translation>
    </message>
</context>
<context>
    <name>Azure</name>
    <message>
        <source>Signing in to Azure.</source>
        <translation>Accesso ad Azure.</translation>
    </message>
    <message>
        <source>Checking the workspace.</source>
        <translation>Controllo dell’area di lavoro.</translation>
    </message>
    <message>
        <source>Looking for checkpoints of the previous job.</source>
        <translation>Ricerca dei checkpoint del processo precedente.</translation>
    </message>
    <message>
        <source>Packing the job.</source>
        <translation>Preparazione del processo.</translation>
    </message>
    <message>
        <source>Uploading what the job needs.</source>
        <translation>Caricamento di ciò che serve al processo.</translation>
    </message>
    <message>
        <source>Waiting for Azure ML to take the job.</source>
        <translation>In attesa che Azure ML accetti il processo.</translation>
    </message>
    <message>
        <source>Azure ML starts the job.</source>
        <translation>Azure ML avvia il processo.</translation>
    </message>
    <message>
        <source>Azure ML starts the machines.</source>
        <translation>Azure ML avvia le macchine.</translation>
    </message>
    <message>
        <source>Azure ML builds the environment; the first time this takes a while.</source>
        <translation>Azure ML costruisce l’ambiente; la prima volta richiede un po’ di tempo.</translation>
    </message>
    <message>
        <source>Queued: the compute is busy, or its machines are starting.</source>
        <translation>In coda: il calcolo è occupato o le sue macchine si stanno avviando.</translation>
    </message>
    <message>
        <source>Azure ML stores the results.</source>
        <translation>Azure ML salva i risultati.</translation>
    </message>
    <message>
        <source>Downloading the results.</source>
        <translation>Scaricamento dei risultati.</translation>
    </message>
    <message>
        <source>Submitted.</source>
        <translation>Inviato.</translation>
    </message>
    <message>
        <source>Login</source>
        <translation>Accesso</translation>
    </message>
    <message>
        <source>Workspace</source>
        <translation>Area di lavoro</translation>
    </message>
    <message>
        <source>Datastores</source>
        <translation>Archivi dati</translation>
    </message>
    <message>
        <source>Compute</source>
        <translation>Calcolo</translation>
    </message>
    <message>
        <source>Quota</source>
        <translation>Quota</translation>
    </message>
    <message>
        <source>Data</source>
        <translation>Dati</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modello</translation>
    </message>
    <message>
        <source>Image</source>
        <translation>Immagine</translation>
    </message>
    <message>
        <source>Subscription</source>
        <translation>Sottoscrizione</translation>
    </message>
    <message>
        <source>Its id, as “az account show --query id” prints it.</source>
        <translation>Il suo id, come lo stampa «az account show --query id».</translation>
    </message>
    <message>
        <source>Resource group</source>
        <translation>Gruppo di risorse</translation>
    </message>
    <message>
        <source>The one that holds the workspace.</source>
        <translation>Quello che contiene l’area di lavoro.</translation>
    </message>
    <message>
        <source>The name that the studio shows at its top.</source>
        <translation>Il nome che lo studio mostra in alto.</translation>
    </message>
    <message>
        <source>Sign in with</source>
        <translation>Accedi con</translation>
    </message>
    <message>
        <source>How this computer signs in; no password is kept here.</source>
        <translation>Come accede questo computer; qui non si conserva alcuna password.</translation>
    </message>
    <message>
        <source>az login (command line)</source>
        <translation>az login (riga di comando)</translation>
    </message>
    <message>
        <source>the browser</source>
        <translation>il browser</translation>
    </message>
    <message>
        <source>this machine&apos;s managed identity</source>
        <translation>l’identità gestita di questa macchina</translation>
    </message>
    <message>
        <source>A cluster, or a Kubernetes cluster attached through Azure Arc.</source>
        <translation>Un cluster, o un cluster Kubernetes collegato con Azure Arc.</translation>
    </message>
    <message>
        <source>Instance type</source>
        <translation>Tipo di istanza</translation>
    </message>
    <message>
        <source>Only for Kubernetes: what the job&apos;s pods get.</source>
        <translation>Solo per Kubernetes: ciò che ricevono i pod del processo.</translation>
    </message>
    <message>
        <source>Machines</source>
        <translation>Macchine</translation>
    </message>
    <message>
        <source>How many train together.</source>
        <translation>Quante si addestrano insieme.</translation>
    </message>
    <message>
        <source>GPUs of each machine</source>
        <translation>GPU per macchina</translation>
    </message>
    <message>
        <source>0 trains on processors.</source>
        <translation>Con 0 si addestra sui processori.</translation>
    </message>
    <message>
        <source>Time limit in hours</source>
        <translation>Limite di tempo in ore</translation>
    </message>
    <message>
        <source>The job is stopped after this time.</source>
        <translation>Dopo questo tempo il processo viene fermato.</translation>
    </message>
    <message>
        <source>Data from</source>
        <translation>Dati da</translation>
    </message>
    <message>
        <source>If the data is already in Azure, the file on the Data page is a sample of it, for template and preview.</source>
        <translation>Se i dati sono già in Azure, il file della pagina Dati ne è un campione: serve al modello di prompt e all’anteprima.</translation>
    </message>
    <message>
        <source>this computer (uploaded)</source>
        <translation>questo computer (caricati)</translation>
    </message>
    <message>
        <source>a datastore or data asset</source>
        <translation>un archivio o un asset di dati</translation>
    </message>
    <message>
        <source>Address of the data</source>
        <translation>Indirizzo dei dati</translation>
    </message>
    <message>
        <source>A path of a datastore, a data asset (azureml:NAME:VERSION, or a registry&apos;s), or abfss:// of a Data Lake.</source>
        <translation>Un percorso di un archivio, un asset di dati (azureml:NOME:VERSIONE, o di un registro), o abfss:// di un Data Lake.</translation>
    </message>
    <message>
        <source>The address is</source>
        <translation>L’indirizzo è</translation>
    </message>
    <message>
        <source>One file, or a folder of them.</source>
        <translation>Un solo file, o una cartella di file.</translation>
    </message>
    <message>
        <source>a file</source>
        <translation>un file</translation>
    </message>
    <message>
        <source>a folder</source>
        <translation>una cartella</translation>
    </message>
    <message>
        <source>Model from</source>
        <translation>Modello da</translation>
    </message>
    <message>
        <source>The job downloads a model of the hub; a model on this computer is uploaded.</source>
        <translation>Un modello dell’hub lo scarica il processo; uno di questo computer viene caricato.</translation>
    </message>
    <message>
        <source>the Model page</source>
        <translation>la pagina Modello</translation>
    </message>
    <message>
        <source>a registry or workspace</source>
        <translation>un registro o un’area di lavoro</translation>
    </message>
    <message>
        <source>Address of the model</source>
        <translation>Indirizzo del modello</translation>
    </message>
    <message>
        <source>With its version, so that another run trains the same one.</source>
        <translation>Con la versione, così un’altra esecuzione addestra lo stesso.</translation>
    </message>
    <message>
        <source>It is stored as</source>
        <translation>È conservato come</translation>
    </message>
    <message>
        <source>As the model&apos;s page in the studio says.</source>
        <translation>Come dice la pagina del modello nello studio.</translation>
    </message>
    <message>
        <source>plain files (custom)</source>
        <translation>file semplici (custom)</translation>
    </message>
    <message>
        <source>Datastore for the results</source>
        <translation>Archivio dei risultati</translation>
    </message>
    <message>
        <source>They are written there and downloaded from there.</source>
        <translation>Si scrivono lì e da lì si scaricano.</translation>
    </message>
    <message>
        <source>Experiment</source>
        <translation>Esperimento</translation>
    </message>
    <message>
        <source>The studio lists the job under this name.</source>
        <translation>Con questo nome lo studio elenca il processo.</translation>
    </message>
    <message>
        <source>Base image</source>
        <translation>Immagine di base</translation>
    </message>
    <message>
        <source>Of the environment; empty: one of Azure ML&apos;s own.</source>
        <translation>Dell’ambiente; vuoto: una di Azure ML.</translation>
    </message>
    <message>
        <source>The job acts as</source>
        <translation>Il processo agisce come</translation>
    </message>
    <message>
        <source>Needed where it reads a vault, or data without a key.</source>
        <translation>Serve se legge un key vault, o dati senza chiave.</translation>
    </message>
    <message>
        <source>no identity</source>
        <translation>nessuna identità</translation>
    </message>
    <message>
        <source>the compute&apos;s managed identity</source>
        <translation>l’identità gestita del calcolo</translation>
    </message>
    <message>
        <source>you</source>
        <translation>te</translation>
    </message>
    <message>
        <source>Key vault with the hub&apos;s token</source>
        <translation>Key vault con il token dell’hub</translation>
    </message>
    <message>
        <source>For models with a licence to accept. Never the token itself.</source>
        <translation>Per i modelli con una licenza da accettare. Mai il token stesso.</translation>
    </message>
    <message>
        <source>Name of the secret</source>
        <translation>Nome del segreto</translation>
    </message>
    <message>
        <source>The vault holds the token under this name.</source>
        <translation>Con questo nome il vault custodisce il token.</translation>
    </message>
    <message>
        <source>Or a workspace connection</source>
        <translation>O una connessione dell’area di lavoro</translation>
    </message>
    <message>
        <source>The name of one that holds the token, instead of a vault.</source>
        <translation>Il nome di una che custodisce il token, al posto di un vault.</translation>
    </message>
    <message>
        <source>This is a token, so it was not accepted: a token must never be stored in a file. Put it into a key vault and name the vault.</source>
        <translation>Questo è un token, quindi non è stato accettato: un token non deve mai stare in un file. Mettilo in un key vault e indica il vault.</translation>
    </message>
</context>
<context>
    <name>AzureCard</name>
    <message>
        <source>the whole run is a job there; its curves, log and model come back here</source>
        <translation>l’intera esecuzione è un processo lì; curve, registro e modello tornano qui</translation>
    </message>
    <message>
        <source>Azure&apos;s packages are not installed, so no job can be started from here.</source>
        <translation>I pacchetti di Azure non sono installati: da qui non si può avviare alcun processo.</translation>
    </message>
    <message>
        <source>They cannot be added to the installed app. Start Phi-3 Studio from its source instead, which shows the same runs: {command}</source>
        <translation>Non si possono aggiungere all’app installata. Avvia Phi-3 Studio dal suo codice sorgente, che mostra le stesse esecuzioni: {command}</translation>
    </message>
    <message>
        <source>Open the page of the source</source>
        <translation>Apri la pagina del codice sorgente</translation>
    </message>
    <message>
        <source>Install them and start Phi-3 Studio again: {command}</source>
        <translation>Installali e riavvia Phi-3 Studio: {command}</translation>
    </message>
    <message>
        <source>Copy the command</source>
        <translation>Copia il comando</translation>
    </message>
    <message>
        <source>More settings</source>
        <translation>Altre impostazioni</translation>
    </message>
    <message>
        <source>Nothing secret is kept here: the login stays with Azure&apos;s own tools, and a token in its vault.</source>
        <translation>Qui non si conserva nulla di segreto: l’accesso resta agli strumenti di Azure, e un token nel suo vault.</translation>
    </message>
    <message>
        <source>Fewer settings</source>
        <translation>Meno impostazioni</translation>
    </message>
</context>
<context>
    <name>AzureCheck</name>
    <message>
        <source>Check</source>
        <translation>Controlla</translation>
    </message>
    <message>
        <source>Looks for what is missing: login, workspace, compute, …</source>
        <translation>Cerca ciò che manca: accesso, area di lavoro, calcolo, …</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annulla</translation>
    </message>
    <message>
        <source>Cancel the check</source>
        <translation>Annulla il controllo</translation>
    </message>
    <message>
        <source>Export files for az ml…</source>
        <translation>Esporta i file per az ml…</translation>
    </message>
    <message>
        <source>job.yml, environment and code, for those who create the job by hand.</source>
        <translation>job.yml, ambiente e codice, per chi crea il processo a mano.</translation>
    </message>
    <message>
        <source>Writing the files…</source>
        <translation>Scrittura dei file…</translation>
    </message>
    <message>
        <source>The files are in {folder}.</source>
        <translation>I file sono in {folder}.</translation>
    </message>
    <message>
        <source>README.txt there says how to create the job.</source>
        <translation>Lì, README.txt dice come creare il processo.</translation>
    </message>
    <message>
        <source>Choose a folder for the job&apos;s files</source>
        <translation>Scegli una cartella per i file del processo</translation>
    </message>
    <message>
        <source>Checking with Azure…</source>
        <translation>Controllo con Azure…</translation>
    </message>
    <message>
        <source>Nothing is missing.</source>
        <translation>Non manca nulla.</translation>
    </message>
    <message>
        <source>Something is missing.</source>
        <translation>Manca qualcosa.</translation>
    </message>
    <message>
        <source>The check was cancelled.</source>
        <translation>Il controllo è stato annullato.</translation>
    </message>
</context>
<context>
    <name>BaseColumn</name>
    <message>
        <source>Base: {name}</source>
        <translation>Base: {name}</translation>
    </message>
    <message>
        <source>untuned</source>
        <translation>non addestrato</translation>
    </message>
    <message>
        <source>Remove this model</source>
        <translation>Togli questo modello</translation>
    </message>
    <message>
        <source>To answer next to the tuned model, the base model has to be exported once: about a minute for a small model. Later chats use it again.</source>
        <translation>Per rispondere accanto al modello addestrato, il modello di base va esportato una volta: per uno piccolo circa un minuto. Le chat successive lo usano di nuovo.</translation>
    </message>
    <message>
        <source>Export the base model</source>
        <translation>Esporta il modello di base</translation>
    </message>
    <message>
        <source>Exporting…</source>
        <translation>Esportazione…</translation>
    </message>
    <message>
        <source>Progress of the export</source>
        <translation>Avanzamento dell’esportazione</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annulla</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>Avvio</translation>
    </message>
    <message>
        <source>waiting for the machine</source>
        <translation>in attesa del computer</translation>
    </message>
    <message>
        <source>Exporting… {what}</source>
        <translation>Esportazione… {what}</translation>
    </message>
</context>
<context>
    <name>BlindView</name>
    <message>
        <source>Answer {n}</source>
        <translation>Risposta {n}</translation>
    </message>
    <message>
        <source>1 is better</source>
        <translation>1 è migliore</translation>
    </message>
    <message>
        <source>2 is better</source>
        <translation>2 è migliore</translation>
    </message>
    <message>
        <source>Tie</source>
        <translation>Parità</translation>
    </message>
    <message>
        <source>Both bad</source>
        <translation>Cattive entrambe</translation>
    </message>
    <message>
        <source>Key {key}</source>
        <translation>Tasto {key}</translation>
    </message>
    <message>
        <source>Finish</source>
        <translation>Termina</translation>
    </message>
    <message>
        <source>{name}: {n} compared, one answer better in {decided}, ties {ties}, both bad {bad}.</source>
        <translation>{name}: {n} confrontate, una risposta migliore in {decided}, parità {ties}, cattive entrambe {bad}.</translation>
    </message>
    <message>
        <source>They are kept under Ratings, to train on.</source>
        <translation>Restano tra le valutazioni, per addestrarvi un modello.</translation>
    </message>
    <message>
        <source>{first}: {won}. {second}: {lost}. Ties: {ties}. Both bad: {bad}.</source>
        <translation>{first}: {won}. {second}: {lost}. Parità: {ties}. Cattive entrambe: {bad}.</translation>
    </message>
    <message>
        <source>{name} was better in {share} (95 % interval: {low} to {high}).</source>
        <translation>{name} è stato migliore nel {share} dei casi (intervallo al 95 %: da {low} a {high}).</translation>
    </message>
    <message>
        <source>That does not say yet which is better.</source>
        <translation>Questo non dice ancora quale sia migliore.</translation>
    </message>
    <message>
        <source>Both gave the same answer: a tie.</source>
        <translation>Entrambi hanno dato la stessa risposta: parità.</translation>
    </message>
    <message>
        <source>Both answers are there.</source>
        <translation>Ci sono entrambe le risposte.</translation>
    </message>
    <message>
        <source>answering…</source>
        <translation>risponde…</translation>
    </message>
    <message>
        <source>Ask something below.</source>
        <translation>Chiedi qualcosa qui sotto.</translation>
    </message>
    <message>
        <source>{n} compared: {won} to {lost}, ties {ties}, both bad {bad}</source>
        <translation>{n} confrontate: {won} a {lost}, parità {ties}, cattive entrambe {bad}</translation>
    </message>
    <message>
        <source>Which answer is better? Keys: 1, 2, 0 for a tie, B for both bad.</source>
        <translation>Quale risposta è migliore? Tasti: 1, 2, 0 per la parità, B per cattive entrambe.</translation>
    </message>
</context>
<context>
    <name>CardDelegate</name>
    <message>
        <source>Open it to see what cannot be read</source>
        <translation>Aprila per vedere che cosa non si legge</translation>
    </message>
    <message>
        <source>Stopped at: {stage}</source>
        <translation>Fermo a: {stage}</translation>
    </message>
</context>
<context>
    <name>CardView</name>
    <message>
        <source>Runs</source>
        <translation>Esecuzioni</translation>
    </message>
</context>
<context>
    <name>ChatList</name>
    <message>
        <source>Chats</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Search chats</source>
        <translation>Cerca nelle chat</translation>
    </message>
    <message>
        <source>“{title}” is deleted.</source>
        <translation>«{title}» è stata eliminata.</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Annulla</translation>
    </message>
    <message>
        <source>No chat matches the search.</source>
        <translation>Nessuna chat corrisponde alla ricerca.</translation>
    </message>
    <message>
        <source>What you ask and what is answered is kept here, on this computer.</source>
        <translation>Domande e risposte restano qui, su questo computer.</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Apri</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>Rinomina</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>Elimina</translation>
    </message>
    <message>
        <source>Del</source>
        <translation>Canc</translation>
    </message>
</context>
<context>
    <name>ChatPage</name>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>Nuova chat</translation>
    </message>
    <message>
        <source>Chats</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Add model</source>
        <translation>Aggiungi</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Impostazioni</translation>
    </message>
    <message>
        <source>Talk to a model</source>
        <translation>Parla con un modello</translation>
    </message>
    <message>
        <source>Choose one of your finished runs, or a folder with an exported model.</source>
        <translation>Scegli una delle esecuzioni concluse, oppure una cartella con un modello esportato.</translation>
    </message>
    <message>
        <source>Choose a model</source>
        <translation>Scegli un modello</translation>
    </message>
    <message>
        <source>Base: {name}</source>
        <translation>Base: {name}</translation>
    </message>
    <message>
        <source>untuned</source>
        <translation>non addestrato</translation>
    </message>
    <message>
        <source>Something under Settings is not right yet.</source>
        <translation>Qualcosa in Impostazioni non è ancora corretto.</translation>
    </message>
</context>
<context>
    <name>CheckCard</name>
    <message>
        <source>Check</source>
        <translation>Controllo</translation>
    </message>
    <message>
        <source>Fix all</source>
        <translation>Correggi tutto</translation>
    </message>
    <message>
        <source>Apply the repairs of all findings that need no decision; Undo takes them back</source>
        <translation>Applica le correzioni di tutti i rilievi che non richiedono una decisione; Annulla le toglie di nuovo</translation>
    </message>
    <message>
        <source>Progress of the check</source>
        <translation>Avanzamento del controllo</translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s) read</source>
        <translation>
            <numerusform>%Ln riga letta</numerusform>
            <numerusform>%Ln righe lette</numerusform>
        </translation>
    </message>
    <message>
        <source>reading all rows…</source>
        <translation>lettura di tutte le righe…</translation>
    </message>
    <message numerus="yes">
        <source>%Ln finding(s)</source>
        <translation>
            <numerusform>%Ln segnalazione</numerusform>
            <numerusform>%Ln segnalazioni</numerusform>
        </translation>
    </message>
    <message>
        <source>when the model is here</source>
        <translation>quando il modello è qui</translation>
    </message>
    <message>
        <source>when the template is complete</source>
        <translation>quando il modello di prompt è completo</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Annulla</translation>
    </message>
    <message numerus="yes">
        <source>%Ln line(s)</source>
        <translation>
            <numerusform>%Ln riga del file</numerusform>
            <numerusform>%Ln righe del file</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s)</source>
        <translation>
            <numerusform>%Ln riga</numerusform>
            <numerusform>%Ln righe</numerusform>
        </translation>
    </message>
    <message>
        <source>No row is truncated: the longest has {longest} of {length} tokens</source>
        <translation>Nessuna riga è troncata: la più lunga ha {longest} token su {length}</translation>
    </message>
    <message>
        <source>First: row {row}</source>
        <translation>Prima: riga {row}</translation>
    </message>
    <message>
        <source>Show all</source>
        <translation>Mostra tutte</translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s) edited</source>
        <translation>
            <numerusform>%Ln riga modificata</numerusform>
            <numerusform>%Ln righe modificate</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s) left out</source>
        <translation>
            <numerusform>%Ln riga esclusa</numerusform>
            <numerusform>%Ln righe escluse</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s) added</source>
        <translation>
            <numerusform>%Ln riga aggiunta</numerusform>
            <numerusform>%Ln righe aggiunte</numerusform>
        </translation>
    </message>
    <message>
        <source>By hand: </source>
        <translation>A mano: </translation>
    </message>
    <message>
        <source>Use in the prompt</source>
        <translation>Usa nel prompt</translation>
    </message>
    <message>
        <source>Ignore</source>
        <translation>Ignora</translation>
    </message>
    <message>
        <source>Ignored: {names}</source>
        <translation>Ignorate: {names}</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Riprova</translation>
    </message>
</context>
<context>
    <name>CloudCard</name>
    <message>
        <source>Job in Azure ML</source>
        <translation>Processo in Azure ML</translation>
    </message>
    <message>
        <source>Open in the studio</source>
        <translation>Apri nello studio</translation>
    </message>
    <message>
        <source>The job&apos;s page, in the browser.</source>
        <translation>La pagina del processo, nel browser.</translation>
    </message>
    <message>
        <source>Copy the job&apos;s name</source>
        <translation>Copia il nome del processo</translation>
    </message>
    <message>
        <source>Running on {where}.</source>
        <translation>In esecuzione su {where}.</translation>
    </message>
    <message>
        <source>Starting…</source>
        <translation>Avvio…</translation>
    </message>
    <message>
        <source>Done on {where}; the results are here.</source>
        <translation>Concluso su {where}; i risultati sono qui.</translation>
    </message>
    <message>
        <source>Not being followed at the moment.</source>
        <translation>Al momento non è seguito.</translation>
    </message>
    <message>
        <source>Cancelled.</source>
        <translation>Annullato.</translation>
    </message>
    <message>
        <source>Ended with an error.</source>
        <translation>Terminato con un errore.</translation>
    </message>
    <message>
        <source>Keep this computer on until the job is submitted.</source>
        <translation>Tieni acceso questo computer finché il processo non è stato inviato.</translation>
    </message>
    <message>
        <source>You can close this window and switch the computer off: the job goes on, and this page follows it again later.</source>
        <translation>Puoi chiudere la finestra e spegnere il computer: il processo continua, e questa pagina tornerà a seguirlo.</translation>
    </message>
    <message>
        <source>The job is still running in Azure ML and is billed there. Resume follows it again; Cancel stops it.</source>
        <translation>Il processo continua in Azure ML e viene fatturato. Riprendi torna a seguirlo; Annulla lo ferma.</translation>
    </message>
    <message>
        <source>Resume follows the job again if it is still running. Otherwise it submits a new one, which continues from the last checkpoint of the old one.</source>
        <translation>Riprendi torna a seguire il processo, se è ancora in corso. Altrimenti ne invia uno nuovo, che continua dall’ultimo checkpoint del vecchio.</translation>
    </message>
</context>
<context>
    <name>ComparePage</name>
    <message>
        <source>Compare</source>
        <translation>Confronta</translation>
    </message>
    <message>
        <source>Runs</source>
        <translation>Esecuzioni</translation>
    </message>
    <message>
        <source>two to five</source>
        <translation>da due a cinque</translation>
    </message>
    <message>
        <source>Search runs</source>
        <translation>Cerca esecuzioni</translation>
    </message>
    <message>
        <source>Choose two runs</source>
        <translation>Scegli due esecuzioni</translation>
    </message>
    <message>
        <source>Their curves, settings and figures are shown side by side.</source>
        <translation>Curve, impostazioni e risultati compariranno fianco a fianco.</translation>
    </message>
    <message>
        <source>Loss</source>
        <translation>Perdita (loss)</translation>
    </message>
    <message>
        <source>Which curve</source>
        <translation>Quale curva</translation>
    </message>
    <message>
        <source>Training loss</source>
        <translation>Perdita in addestramento</translation>
    </message>
    <message>
        <source>Evaluation loss</source>
        <translation>Perdita in valutazione</translation>
    </message>
    <message>
        <source>Figures</source>
        <translation>Risultati</translation>
    </message>
    <message>
        <source>of the exported model, on held-out rows</source>
        <translation>del modello esportato, sulle righe tenute da parte</translation>
    </message>
    <message>
        <source>What differs</source>
        <translation>Che cosa cambia</translation>
    </message>
    <message>
        <source>No runs.</source>
        <translation>Nessuna esecuzione.</translation>
    </message>
    <message>
        <source>Right answers</source>
        <translation>Risposte giuste</translation>
    </message>
    <message>
        <source>Stops on its own</source>
        <translation>Si ferma da solo</translation>
    </message>
    <message>
        <source>Perplexity</source>
        <translation>Perplessità</translation>
    </message>
    <message>
        <source>Tokens / s</source>
        <translation>Token al secondo</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Dimensione</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>Tempo</translation>
    </message>
    <message>
        <source>The recipes are the same.</source>
        <translation>Le ricette sono uguali.</translation>
    </message>
</context>
<context>
    <name>ComputingCard</name>
    <message>
        <source>Computing</source>
        <translation>Calcolo</translation>
    </message>
    <message>
        <source>Threads</source>
        <translation>Thread</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>Automatico</translation>
    </message>
    <message numerus="yes">
        <source>at most %Ln thread(s)</source>
        <translation>
            <numerusform>al massimo %Ln thread</numerusform>
            <numerusform>al massimo %Ln thread</numerusform>
        </translation>
    </message>
    <message>
        <source>Automatic uses every core that other programs leave free, and gives it back when they need it. With fewer threads the computer stays cooler and the run is slower.</source>
        <translation>Automatico usa ogni core che gli altri programmi lasciano libero e lo restituisce quando serve. Con meno thread il computer resta più fresco e l’esecuzione è più lenta.</translation>
    </message>
    <message>
        <source>Resume interrupted runs at the next start</source>
        <translation>Riprendi le esecuzioni interrotte al prossimo avvio</translation>
    </message>
    <message>
        <source>Do not let the computer sleep while a run works</source>
        <translation>Non sospendere il computer durante un’esecuzione</translation>
    </message>
    <message>
        <source>The environment variable {name} decides.</source>
        <translation>Decide la variabile d’ambiente {name}.</translation>
    </message>
    <message>
        <source>Applies to every run started from now on.</source>
        <translation>Vale per ogni esecuzione che parte da ora.</translation>
    </message>
</context>
<context>
    <name>ConfigDialog</name>
    <message>
        <source>Olive config {name}</source>
        <translation>Configurazione di Olive {name}</translation>
    </message>
    <message>
        <source>{kept} of its settings are kept, {changed} are expressed otherwise, {left_out} are left out.</source>
        <translation>Delle sue impostazioni {kept} restano uguali, {changed} sono espresse in altro modo, {left_out} sono omesse.</translation>
    </message>
    <message>
        <source>Write it</source>
        <translation>Scrivilo</translation>
    </message>
    <message>
        <source>Write it: {setting}</source>
        <translation>Scrivilo: {setting}</translation>
    </message>
    <message>
        <source>Still open: {setting}. {reason}</source>
        <translation>Ancora aperto: {setting}. {reason}</translation>
    </message>
    <message numerus="yes">
        <source>and %Ln more in the list</source>
        <translation>
            <numerusform>e %Ln altro nell’elenco</numerusform>
            <numerusform>e altri %Ln nell’elenco</numerusform>
        </translation>
    </message>
    <message>
        <source>What becomes of the settings</source>
        <translation>Che cosa diventano le impostazioni</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Chiudi</translation>
    </message>
    <message>
        <source>Open without them</source>
        <translation>Apri senza di esse</translation>
    </message>
    <message>
        <source>Open the draft</source>
        <translation>Apri la bozza</translation>
    </message>
    <message>
        <source>Refused: the run would do something else</source>
        <translation>Rifiutate: l’esecuzione farebbe un’altra cosa</translation>
    </message>
    <message>
        <source>Still open</source>
        <translation>Ancora aperte</translation>
    </message>
    <message>
        <source>Left out</source>
        <translation>Omesse</translation>
    </message>
    <message>
        <source>Expressed otherwise</source>
        <translation>Espresse in altro modo</translation>
    </message>
    <message>
        <source>Kept</source>
        <translation>Mantenute</translation>
    </message>
    <message>
        <source>What the config does not say</source>
        <translation>Che cosa la configurazione non dice</translation>
    </message>
</context>
<context>
    <name>ConfigsDialog</name>
    <message numerus="yes">
        <source>%Ln Olive config(s)</source>
        <translation>
            <numerusform>%Ln configurazione di Olive</numerusform>
            <numerusform>%Ln configurazioni di Olive</numerusform>
        </translation>
    </message>
    <message>
        <source>Choose the one that is to become a fine-tune.</source>
        <translation>Scegli quella che deve diventare un fine-tuning.</translation>
    </message>
    <message>
        <source>File</source>
        <translation>File</translation>
    </message>
    <message>
        <source>Becomes</source>
        <translation>Diventa</translation>
    </message>
    <message>
        <source>Details</source>
        <translation>Dettagli</translation>
    </message>
    <message>
        <source>Olive configs</source>
        <translation>Configurazioni di Olive</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Apri</translation>
    </message>
    <message>
        <source>refused</source>
        <translation>rifiutata</translation>
    </message>
    <message>
        <source>a draft</source>
        <translation>una bozza</translation>
    </message>
    <message>
        <source>still open: {settings}</source>
        <translation>ancora aperte: {settings}</translation>
    </message>
    <message numerus="yes">
        <source>%Ln setting(s) left out</source>
        <translation>
            <numerusform>%Ln impostazione omessa</numerusform>
            <numerusform>%Ln impostazioni omesse</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ConfusionMatrix</name>
    <message>
        <source>Expected and answered labels</source>
        <translation>Etichette attese e risposte</translation>
    </message>
    <message>
        <source>other</source>
        <translation>altro</translation>
    </message>
</context>
<context>
    <name>CrashDialog</name>
    <message>
        <source>Something went wrong</source>
        <translation>Qualcosa è andato storto</translation>
    </message>
    <message>
        <source>Something went wrong in Phi-3 Studio</source>
        <translation>Qualcosa è andato storto in Phi-3 Studio</translation>
    </message>
    <message>
        <source>This is a bug in the program, not your mistake. Runs in progress are not affected. The report below helps to fix it; read it before you pass it on.</source>
        <translation>È un difetto del programma, non un tuo errore. Le esecuzioni in corso continuano. Il rapporto qui sotto aiuta a correggerlo; leggilo prima di inoltrarlo.</translation>
    </message>
    <message>
        <source>Report</source>
        <translation>Rapporto</translation>
    </message>
    <message>
        <source>Copy report</source>
        <translation>Copia il rapporto</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>Continua</translation>
    </message>
</context>
<context>
    <name>CurveCard</name>
    <message>
        <source>Curves</source>
        <translation>Curve</translation>
    </message>
    <message>
        <source>zoom: Ctrl and wheel; all: double click</source>
        <translation>zoom: Ctrl e rotella; tutto: doppio clic</translation>
    </message>
    <message>
        <source>Which curve</source>
        <translation>Quale curva</translation>
    </message>
    <message>
        <source>Loss</source>
        <translation>Perdita (loss)</translation>
    </message>
    <message>
        <source>Learning rate</source>
        <translation>Tasso di apprendimento</translation>
    </message>
    <message>
        <source>Speed (tokens / s)</source>
        <translation>Velocità (token/s)</translation>
    </message>
    <message>
        <source>Memory (GB)</source>
        <translation>Memoria (GB)</translation>
    </message>
    <message>
        <source>Smoothing</source>
        <translation>Attenuazione</translation>
    </message>
    <message>
        <source>No smoothing</source>
        <translation>Valori grezzi</translation>
    </message>
    <message>
        <source>A little smoothed</source>
        <translation>Poco attenuata</translation>
    </message>
    <message>
        <source>Smoothed</source>
        <translation>Attenuata</translation>
    </message>
    <message>
        <source>Very smooth</source>
        <translation>Molto attenuata</translation>
    </message>
    <message>
        <source>Log scale</source>
        <translation>Scala logaritmica</translation>
    </message>
    <message>
        <source>training</source>
        <translation>addestramento</translation>
    </message>
    <message>
        <source>evaluation</source>
        <translation>valutazione</translation>
    </message>
    <message>
        <source>learning rate</source>
        <translation>tasso di apprendimento</translation>
    </message>
    <message>
        <source>tokens / s</source>
        <translation>token al secondo</translation>
    </message>
    <message>
        <source>memory of the worker</source>
        <translation>memoria del processo</translation>
    </message>
</context>
<context>
    <name>CurvePlot</name>
    <message>
        <source>at step {step}</source>
        <translation>al passo {step}</translation>
    </message>
</context>
<context>
    <name>DataPage</name>
    <message>
        <source>Learn the answers</source>
        <translation>Impara le risposte</translation>
    </message>
    <message>
        <source>Train on the preferences</source>
        <translation>Addestra sulle preferenze</translation>
    </message>
    <message>
        <source>{name} is not on this computer yet.</source>
        <translation>{name} non è ancora su questo computer.</translation>
    </message>
    <message>
        <source>It is needed to show what the model will see and to check the rows: {size} from {host}, once.</source>
        <translation>Serve per mostrare che cosa vedrà il modello e per controllare le righe: {size} da {host}, una sola volta.</translation>
    </message>
    <message>
        <source>This run trains nothing.</source>
        <translation>Questa esecuzione non addestra nulla.</translation>
    </message>
    <message>
        <source>Rows, if there are any, only measure the model and calibrate its weights.</source>
        <translation>Le righe, se ci sono, servono solo a misurare il modello e a calibrarne i pesi.</translation>
    </message>
    <message>
        <source>Train after all</source>
        <translation>Addestra comunque</translation>
    </message>
</context>
<context>
    <name>DoctorPage</name>
    <message>
        <source>Doctor</source>
        <translation>Diagnosi</translation>
    </message>
    <message>
        <source>Check again</source>
        <translation>Controlla di nuovo</translation>
    </message>
    <message>
        <source>Copy report</source>
        <translation>Copia il rapporto</translation>
    </message>
    <message>
        <source>This computer</source>
        <translation>Questo computer</translation>
    </message>
    <message>
        <source>Devices and libraries</source>
        <translation>Dispositivi e librerie</translation>
    </message>
    <message>
        <source>Versions</source>
        <translation>Versioni</translation>
    </message>
    <message>
        <source>none found</source>
        <translation>nessuna trovata</translation>
    </message>
    <message numerus="yes">
        <source>%Ln core(s)</source>
        <translation>
            <numerusform>%Ln core</numerusform>
            <numerusform>%Ln core</numerusform>
        </translation>
    </message>
    <message>
        <source>System</source>
        <translation>Sistema</translation>
    </message>
    <message>
        <source>Processor</source>
        <translation>Processore</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Memoria</translation>
    </message>
    <message>
        <source>{free} of {total} free</source>
        <translation>{free} liberi su {total}</translation>
    </message>
    <message>
        <source>Disk</source>
        <translation>Disco</translation>
    </message>
    <message>
        <source>{free} free</source>
        <translation>{free} liberi</translation>
    </message>
    <message>
        <source>NVIDIA GPU</source>
        <translation>GPU NVIDIA</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>Cartella</translation>
    </message>
    <message>
        <source>Everything that a run needs is here.</source>
        <translation>C’è tutto ciò che serve a un’esecuzione.</translation>
    </message>
    <message>
        <source>Begin with New fine-tune, or with Try it now for a first look.</source>
        <translation>Comincia con Nuovo fine-tuning, o con Provalo subito per un primo assaggio.</translation>
    </message>
    <message>
        <source>no problems</source>
        <translation>nessun problema</translation>
    </message>
    <message>
        <source>Trains on</source>
        <translation>Addestra su</translation>
    </message>
    <message>
        <source>CUDA devices</source>
        <translation>Dispositivi CUDA</translation>
    </message>
    <message>
        <source>none</source>
        <translation>nessuno</translation>
    </message>
    <message>
        <source>ONNX Runtime runs on</source>
        <translation>ONNX Runtime gira su</translation>
    </message>
    <message>
        <source>Threads</source>
        <translation>Thread</translation>
    </message>
</context>
<context>
    <name>DownloadButtons</name>
    <message>
        <source>Discard</source>
        <translation>Scarta</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Pausa</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annulla</translation>
    </message>
    <message>
        <source>Discard the part of {name} that is downloaded</source>
        <translation>Scarta la parte scaricata di {name}</translation>
    </message>
    <message>
        <source>Pause the download of {name}</source>
        <translation>Metti in pausa lo scaricamento di {name}</translation>
    </message>
    <message>
        <source>Cancel the download of {name}</source>
        <translation>Annulla lo scaricamento di {name}</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Riprendi</translation>
    </message>
    <message>
        <source>Download {size}</source>
        <translation>Scarica {size}</translation>
    </message>
    <message>
        <source>from {host}</source>
        <translation>da {host}</translation>
    </message>
</context>
<context>
    <name>DownloadProgress</name>
    <message>
        <source>Progress of {name}</source>
        <translation>Avanzamento di {name}</translation>
    </message>
    <message>
        <source>paused: {done} of {total} downloaded</source>
        <translation>in pausa: scaricati {done} di {total}</translation>
    </message>
    <message>
        <source>listing the files…</source>
        <translation>elenco dei file…</translation>
    </message>
    <message>
        <source>{done} of {total}</source>
        <translation>{done} di {total}</translation>
    </message>
    <message>
        <source>{size} / s</source>
        <translation>{size} / s</translation>
    </message>
    <message>
        <source>{time} left</source>
        <translation>ancora {time}</translation>
    </message>
</context>
<context>
    <name>DraftMenu</name>
    <message numerus="yes">
        <source>%Ln draft(s) put aside</source>
        <translation>
            <numerusform>%Ln bozza messa da parte</numerusform>
            <numerusform>%Ln bozze messe da parte</numerusform>
        </translation>
    </message>
    <message>
        <source>New fine-tune</source>
        <translation>Nuovo fine-tuning</translation>
    </message>
</context>
<context>
    <name>Elsewhere</name>
    <message>
        <source>Any program that speaks OpenAI&apos;s protocol</source>
        <translation>Qualsiasi programma che parla il protocollo di OpenAI</translation>
    </message>
    <message>
        <source>A server on this computer, for as long as the command runs. It prints the key that programs have to bring.</source>
        <translation>Un server su questo computer, finché il comando è in esecuzione. Stampa la chiave che i programmi devono presentare.</translation>
    </message>
    <message>
        <source>Your own Python, through the server</source>
        <translation>Il tuo Python, attraverso il server</translation>
    </message>
    <message>
        <source>With the package openai, while the server runs; KEY is what it printed.</source>
        <translation>Con il pacchetto openai, mentre il server è attivo; KEY è la chiave che ha stampato.</translation>
    </message>
    <message>
        <source>A terminal</source>
        <translation>Un terminale</translation>
    </message>
    <message>
        <source>A chat without the window.</source>
        <translation>Una chat senza la finestra.</translation>
    </message>
    <message>
        <source>A Python program on another computer</source>
        <translation>Un programma Python su un altro computer</translation>
    </message>
    <message>
        <source>Needs nothing but onnxruntime-genai.</source>
        <translation>Serve solo onnxruntime-genai.</translation>
    </message>
    <message>
        <source>Needs the .NET SDK.</source>
        <translation>Serve l&apos;SDK di .NET.</translation>
    </message>
    <message>
        <source>A JavaScript program</source>
        <translation>Un programma JavaScript</translation>
    </message>
    <message>
        <source>Needs Node.js and Python, whose package brings the library.</source>
        <translation>Servono Node.js e Python, il cui pacchetto porta la libreria.</translation>
    </message>
    <message>
        <source>A C++ program</source>
        <translation>Un programma C++</translation>
    </message>
    <message>
        <source>Needs g++ and Python, whose package brings the library.</source>
        <translation>Servono g++ e Python, il cui pacchetto porta la libreria.</translation>
    </message>
    <message>
        <source>Export a bundle, then type in its folder:</source>
        <translation>Esporta un pacchetto, poi scrivi nella sua cartella:</translation>
    </message>
    <message>
        <source>The first command writes a folder, in which the next asks the model through Foundry Local&apos;s SDK. For its own command, move the folder into the one that foundry cache location names, as it is; the last command chats with it there.</source>
        <translation>Il primo comando scrive una cartella, nella quale quello seguente interroga il modello tramite l&apos;SDK di Foundry Local. Per il suo comando, sposta la cartella, così com’è, in quella indicata da foundry cache location; l&apos;ultimo comando chatta con il modello da lì.</translation>
    </message>
    <message>
        <source>A C# program</source>
        <translation>Un programma C#</translation>
    </message>
    <message>
        <source>The Hugging Face hub</source>
        <translation>L’hub di Hugging Face</translation>
    </message>
    <message>
        <source>A repository there, private unless you choose otherwise. Every file is shown before anything is sent.</source>
        <translation>Un repository lì, privato se non scegli altrimenti. Ogni file è mostrato prima che si invii qualcosa.</translation>
    </message>
    <message>
        <source>A web page</source>
        <translation>Una pagina web</translation>
    </message>
    <message>
        <source>It chats with the model in any browser; nothing is sent anywhere. Any web server can hand the folder out; here it is the last command, for http://localhost:8000.</source>
        <translation>Chatta con il modello in qualsiasi browser; non invia nulla. Qualsiasi server web può distribuire la cartella; qui lo fa l&apos;ultimo comando, su http://localhost:8000.</translation>
    </message>
    <message>
        <source>A GGUF file of the model, measured in llama.cpp where that is installed. Make it here or with the first command; the others start it.</source>
        <translation>Un file GGUF del modello, misurato in llama.cpp se è installato. Crealo qui o con il primo comando; gli altri lo avviano.</translation>
    </message>
    <message>
        <source>Proven as {kind}: it answers as the trained model, {size}.</source>
        <translation>Verificato come {kind}: risponde come il modello addestrato, {size}.</translation>
    </message>
    <message>
        <source>Measured as {kind}: it is not proven that it answers as the trained model, {size}.</source>
        <translation>Misurato come {kind}: non è dimostrato che risponda come il modello addestrato, {size}.</translation>
    </message>
    <message>
        <source>Measured as {kind}: it does not answer as the trained model, {size}.</source>
        <translation>Misurato come {kind}: non risponde come il modello addestrato, {size}.</translation>
    </message>
</context>
<context>
    <name>ElsewhereDialog</name>
    <message>
        <source>Use it elsewhere</source>
        <translation>Usalo altrove</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Chiudi</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Copia</translation>
    </message>
    <message>
        <source>Copy: {place}</source>
        <translation>Copia: {place}</translation>
    </message>
    <message>
        <source>Upload…</source>
        <translation>Carica…</translation>
    </message>
    <message>
        <source>Upload: {place}</source>
        <translation>Carica: {place}</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>Esporta…</translation>
    </message>
    <message>
        <source>Export: {place}</source>
        <translation>Esporta: {place}</translation>
    </message>
</context>
<context>
    <name>ErrorState</name>
    <message>
        <source>Details</source>
        <translation>Dettagli</translation>
    </message>
</context>
<context>
    <name>EstimateCard</name>
    <message>
        <source>Estimate</source>
        <translation>Stima</translation>
    </message>
    <message>
        <source>The job runs on machines of Azure ML, so this computer&apos;s memory and speed do not matter. It is stopped at the time limit set on the Target page.</source>
        <translation>Il processo gira su macchine di Azure ML: memoria e velocità di questo computer non contano. Viene fermato al limite di tempo della pagina Destinazione.</translation>
    </message>
    <message>
        <source>Shown once data, model and machine are known.</source>
        <translation>Compare appena sono noti dati, modello e computer.</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>Tempo</translation>
    </message>
    <message>
        <source>training {time}</source>
        <translation>addestramento {time}</translation>
    </message>
    <message>
        <source>export search {time}</source>
        <translation>ricerca dell’esportazione {time}</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Memoria</translation>
    </message>
    <message>
        <source>{free} free</source>
        <translation>liberi {free}</translation>
    </message>
    <message>
        <source>Disk</source>
        <translation>Disco</translation>
    </message>
    <message>
        <source>The memory is tight: the system may swap, which is slow.</source>
        <translation>La memoria è appena sufficiente: il sistema può usare il disco, ed è lento.</translation>
    </message>
    <message>
        <source>The memory will not be enough.</source>
        <translation>La memoria non basterà.</translation>
    </message>
    <message>
        <source>Choose a smaller batch or sequence length, or a smaller model.</source>
        <translation>Riduci il batch o la lunghezza di sequenza, oppure scegli un modello più piccolo.</translation>
    </message>
    <message>
        <source>There is too little disk space.</source>
        <translation>Sul disco c’è troppo poco spazio.</translation>
    </message>
    <message>
        <source>Free some space, or choose another folder in the settings.</source>
        <translation>Libera spazio, oppure scegli un’altra cartella nelle impostazioni.</translation>
    </message>
    <message>
        <source>Measuring a few steps and small copies of the model …</source>
        <translation>Misuro alcuni passi e piccole copie del modello …</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annulla</translation>
    </message>
    <message>
        <source>Measured with real steps and small copies of the model.</source>
        <translation>Misurata con passi veri e piccole copie del modello.</translation>
    </message>
    <message>
        <source>Calculated from the settings.</source>
        <translation>Calcolata dalle impostazioni.</translation>
    </message>
    <message>
        <source>Measure it</source>
        <translation>Misurala</translation>
    </message>
    <message>
        <source>Trains a few real steps and runs the other stages on small copies of the model: a minute, or several for a large model.</source>
        <translation>Addestra alcuni passi veri ed esegue le altre fasi su piccole copie del modello: un minuto, o più per un modello grande.</translation>
    </message>
</context>
<context>
    <name>ExampleBar</name>
    <message>
        <source>Ask it something that it was not trained on:</source>
        <translation>Chiedi qualcosa su cui non è stato addestrato:</translation>
    </message>
</context>
<context>
    <name>ExportArea</name>
    <message>
        <source>Export…</source>
        <translation>Esporta…</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>Esporta</translation>
    </message>
    <message>
        <source>Progress of the export</source>
        <translation>Avanzamento dell’esportazione</translation>
    </message>
    <message>
        <source>{done} of {total}</source>
        <translation>{done} di {total}</translation>
    </message>
    <message>
        <source>Writing the Olive config</source>
        <translation>Scrittura della configurazione di Olive</translation>
    </message>
    <message>
        <source>Calibrating the 4-bit weights on your rows</source>
        <translation>Calibrazione dei pesi a 4 bit sulle tue righe</translation>
    </message>
    <message>
        <source>Writing the GGUF file</source>
        <translation>Scrittura del file GGUF</translation>
    </message>
    <message>
        <source>Downloading transformers.js</source>
        <translation>Download di transformers.js</translation>
    </message>
    <message>
        <source>Writing the model for browsers</source>
        <translation>Scrittura del modello per i browser</translation>
    </message>
    <message>
        <source>Measuring the GGUF file in llama.cpp</source>
        <translation>Misura del file GGUF in llama.cpp</translation>
    </message>
    <message>
        <source>Measuring the trained model</source>
        <translation>Misura del modello addestrato</translation>
    </message>
    <message>
        <source>Exporting {run}</source>
        <translation>Esportazione di {run}</translation>
    </message>
    <message>
        <source>The export was cancelled; nothing is left of it.</source>
        <translation>L’esportazione è stata annullata; non ne resta nulla.</translation>
    </message>
    <message numerus="yes">
        <source>%Ln file(s)</source>
        <translation>
            <numerusform>%Ln file</numerusform>
            <numerusform>%Ln file</numerusform>
        </translation>
    </message>
    <message>
        <source>Exported to {path}</source>
        <translation>Esportato in {path}</translation>
    </message>
    <message>
        <source>Open folder</source>
        <translation>Apri la cartella</translation>
    </message>
    <message>
        <source>To start it, type in its folder:</source>
        <translation>Per avviarlo, scrivi nella sua cartella:</translation>
    </message>
    <message>
        <source>To start it, type in its folder, then open http://localhost:8000 in a browser:</source>
        <translation>Per avviarla digita nella sua cartella, poi apri http://localhost:8000 in un browser:</translation>
    </message>
    <message>
        <source>Move it into the folder that “foundry cache location” names; to start it, type:</source>
        <translation>Spostala nella cartella indicata da «foundry cache location»; per avviarlo, scrivi:</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Copia</translation>
    </message>
    <message>
        <source>Download?</source>
        <translation>Scaricare?</translation>
    </message>
    <message>
        <source>Download</source>
        <translation>Scarica</translation>
    </message>
</context>
<context>
    <name>ExportQuestion</name>
    <message>
        <source>Export</source>
        <translation>Esporta</translation>
    </message>
    <message>
        <source>The merged model (Hugging Face)</source>
        <translation>Il modello fuso (Hugging Face)</translation>
    </message>
    <message>
        <source>As a folder</source>
        <translation>Come cartella</translation>
    </message>
    <message>
        <source>As one zip file</source>
        <translation>Come un unico file zip</translation>
    </message>
    <message>
        <source>With the Olive config of its recipe</source>
        <translation>Con la configurazione Olive della ricetta</translation>
    </message>
    <message>
        <source>A copy that runs elsewhere, with model card, licence and checksums. Private parts of paths are left out.</source>
        <translation>Una copia che funziona altrove, con scheda del modello, licenza e somme di controllo. Le parti private dei percorsi vengono tolte.</translation>
    </message>
    <message>
        <source>Where it is used</source>
        <translation>Dove si usa</translation>
    </message>
    <message>
        <source>Bits of a weight</source>
        <translation>Bit per peso</translation>
    </message>
    <message>
        <source>Base model and adapter in two files</source>
        <translation>Modello di base e adattatore in due file</translation>
    </message>
    <message>
        <source>Choose where…</source>
        <translation>Scegli dove…</translation>
    </message>
    <message>
        <source>Python or C# (ONNX)</source>
        <translation>Python o C# (ONNX)</translation>
    </message>
    <message>
        <source>A web page (ONNX)</source>
        <translation>Una pagina web (ONNX)</translation>
    </message>
    <message>
        <source>Only the adapter (PEFT)</source>
        <translation>Solo l’adattatore (PEFT)</translation>
    </message>
    <message>
        <source>8 bits: nearly exact</source>
        <translation>8 bit: quasi esatto</translation>
    </message>
    <message>
        <source>4 bits: smallest, calibrated on your rows</source>
        <translation>4 bit: il più piccolo, calibrato sulle tue righe</translation>
    </message>
    <message>
        <source>16 bits: exact</source>
        <translation>16 bit: esatto</translation>
    </message>
    <message>
        <source>, about {size}</source>
        <translation>, circa {size}</translation>
    </message>
    <message>
        <source>The exported model, its prompt, a program in each language.</source>
        <translation>Il modello esportato, il suo prompt e un programma in ciascun linguaggio.</translation>
    </message>
    <message>
        <source>All weights, for programs that load Hugging Face models.</source>
        <translation>Tutti i pesi, per i programmi che caricano modelli di Hugging Face.</translation>
    </message>
    <message>
        <source>A few megabytes that need the base model next to them.</source>
        <translation>Pochi megabyte, che richiedono accanto il modello di base.</translation>
    </message>
    <message>
        <source>The folder that Foundry Local takes into its cache.</source>
        <translation>La cartella che Foundry Local prende nella sua cache.</translation>
    </message>
    <message>
        <source>A page that chats with the model in any browser, without a network after the first visit. What it runs on is downloaded once, after you are asked.</source>
        <translation>Una pagina che chatta con il modello in qualsiasi browser, senza rete dopo la prima visita. Ciò su cui gira si scarica una volta sola, dopo la tua conferma.</translation>
    </message>
    <message>
        <source>A GGUF file is made of the model, and measured in llama.cpp where that is installed. That takes about as long as measuring the run took.</source>
        <translation>Del modello si crea un file GGUF, misurato in llama.cpp se è installato. Richiede circa il tempo che ha richiesto la misura dell’esecuzione.</translation>
    </message>
</context>
<context>
    <name>FitWords</name>
    <message>
        <source>fits</source>
        <translation>ci sta</translation>
    </message>
    <message>
        <source>tight</source>
        <translation>al limite</translation>
    </message>
    <message>
        <source>does not fit</source>
        <translation>non ci sta</translation>
    </message>
    <message>
        <source>training about {size}</source>
        <translation>addestramento circa {size}</translation>
    </message>
    <message>
        <source>merging about {size}</source>
        <translation>fusione circa {size}</translation>
    </message>
    <message>
        <source>{free} of memory free</source>
        <translation>{free} di memoria liberi</translation>
    </message>
</context>
<context>
    <name>FoldedSettings</name>
    <message>
        <source>Show</source>
        <translation>Mostra</translation>
    </message>
    <message>
        <source>Show: {title}</source>
        <translation>Mostra: {title}</translation>
    </message>
    <message>
        <source>Hide</source>
        <translation>Nascondi</translation>
    </message>
</context>
<context>
    <name>FoldersCard</name>
    <message>
        <source>Folders</source>
        <translation>Cartelle</translation>
    </message>
    <message>
        <source>Data directory</source>
        <translation>Cartella dei dati</translation>
    </message>
    <message>
        <source>Runs</source>
        <translation>Esecuzioni</translation>
    </message>
    <message>
        <source>Your models</source>
        <translation>I tuoi modelli</translation>
    </message>
    <message>
        <source>Cache</source>
        <translation>Cache</translation>
    </message>
    <message>
        <source>Hub models</source>
        <translation>Modelli dell’hub</translation>
    </message>
    <message>
        <source>Open {folder}</source>
        <translation>Apri {folder}</translation>
    </message>
    <message>
        <source>Change the data directory…</source>
        <translation>Cambia la cartella dei dati…</translation>
    </message>
    <message>
        <source>The environment variable PHI3STUDIO_HOME decides where the data directory is.</source>
        <translation>La variabile d’ambiente PHI3STUDIO_HOME decide dov’è la cartella dei dati.</translation>
    </message>
    <message>
        <source>Choose the new data directory</source>
        <translation>Scegli la nuova cartella dei dati</translation>
    </message>
    <message>
        <source>Keep everything in {folder}?</source>
        <translation>Tenere tutto in {folder}?</translation>
    </message>
    <message>
        <source>This takes effect when the window is started again. “Move” takes all runs, models, transcripts and settings along ({size}) and removes the old folder. “Use it as it is” moves nothing: what you have now stays in the old folder and is not shown until you choose that one again.</source>
        <translation>Vale dal prossimo avvio della finestra. «Sposta» porta con sé esecuzioni, modelli, trascrizioni e impostazioni ({size}) e toglie la vecchia cartella. «Usala così com’è» non sposta nulla: ciò che hai ora resta nella vecchia cartella e non si vede finché non scegli di nuovo quella.</translation>
    </message>
    <message>
        <source>Use it as it is</source>
        <translation>Usala così com’è</translation>
    </message>
    <message>
        <source>Move</source>
        <translation>Sposta</translation>
    </message>
    <message>
        <source>At the next start everything moves to {folder}.</source>
        <translation>Al prossimo avvio tutto si sposta in {folder}.</translation>
    </message>
    <message>
        <source>The next start uses {folder}.</source>
        <translation>Il prossimo avvio usa {folder}.</translation>
    </message>
    <message>
        <source>Close the window and start it again; runs must have ended by then.</source>
        <translation>Chiudi la finestra e riaprila; le esecuzioni devono essere finite.</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Annulla</translation>
    </message>
</context>
<context>
    <name>GrowingEdit</name>
    <message>
        <source>Nothing was pasted: the text has {count} characters, and this field takes {most}.</source>
        <translation>Non è stato incollato nulla: il testo ha {count} caratteri e questo campo ne accetta {most}.</translation>
    </message>
</context>
<context>
    <name>Histogram</name>
    <message>
        <source>{n} tokens</source>
        <translation>{n} token</translation>
    </message>
</context>
<context>
    <name>HomePage</name>
    <message>
        <source>Home</source>
        <translation>Inizio</translation>
    </message>
    <message>
        <source>Search runs</source>
        <translation>Cerca esecuzioni</translation>
    </message>
    <message>
        <source>New fine-tune</source>
        <translation>Nuovo fine-tuning</translation>
    </message>
    <message>
        <source>Order</source>
        <translation>Ordine</translation>
    </message>
    <message>
        <source>Newest first</source>
        <translation>Più recenti</translation>
    </message>
    <message>
        <source>By name</source>
        <translation>Per nome</translation>
    </message>
    <message>
        <source>Best first</source>
        <translation>Migliori</translation>
    </message>
    <message>
        <source>Largest first</source>
        <translation>Più grandi</translation>
    </message>
    <message>
        <source>Which runs</source>
        <translation>Quali esecuzioni</translation>
    </message>
    <message>
        <source>All runs</source>
        <translation>Tutte</translation>
    </message>
    <message>
        <source>Running</source>
        <translation>In corso</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>Concluse</translation>
    </message>
    <message>
        <source>Stopped</source>
        <translation>Ferme</translation>
    </message>
    <message>
        <source>Trash</source>
        <translation>Cestino</translation>
    </message>
    <message>
        <source>No run matches the search</source>
        <translation>Nessuna esecuzione corrisponde</translation>
    </message>
    <message>
        <source>The search looks at the name, the model and the data file.</source>
        <translation>La ricerca guarda il nome, il modello e il file dei dati.</translation>
    </message>
    <message>
        <source>Show all runs</source>
        <translation>Mostra tutte</translation>
    </message>
    <message numerus="yes">
        <source>%Ln interrupted run(s) resumed.</source>
        <translation>
            <numerusform>%Ln esecuzione interrotta riprende.</numerusform>
            <numerusform>%Ln esecuzioni interrotte riprendono.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln run(s) were interrupted.</source>
        <translation>
            <numerusform>%Ln esecuzione è stata interrotta.</numerusform>
            <numerusform>%Ln esecuzioni sono state interrotte.</numerusform>
        </translation>
    </message>
    <message>
        <source>All work is kept. Settings can have interrupted runs resumed on their own.</source>
        <translation>Tutto il lavoro è conservato. Nelle impostazioni si può far riprendere da sole le esecuzioni interrotte.</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Riprendi</translation>
    </message>
    <message>
        <source>Not now</source>
        <translation>Non ora</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Apri</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Run again with changes</source>
        <translation>Ripeti con modifiche</translation>
    </message>
    <message>
        <source>Name, tags and note…</source>
        <translation>Nome, etichette e nota…</translation>
    </message>
    <message>
        <source>Unpin</source>
        <translation>Non fissare</translation>
    </message>
    <message>
        <source>Pin</source>
        <translation>Fissa in alto</translation>
    </message>
    <message>
        <source>Open folder</source>
        <translation>Apri la cartella</translation>
    </message>
    <message>
        <source>Del</source>
        <translation>Canc</translation>
    </message>
    <message>
        <source>Compare</source>
        <translation>Confronta</translation>
    </message>
    <message>
        <source>Choose none</source>
        <translation>Deseleziona</translation>
    </message>
    <message numerus="yes">
        <source>%Ln run(s) chosen</source>
        <translation>
            <numerusform>%Ln esecuzione scelta</numerusform>
            <numerusform>%Ln esecuzioni scelte</numerusform>
        </translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>Elimina</translation>
    </message>
</context>
<context>
    <name>Legend</name>
    <message>
        <source>shown (masked)</source>
        <translation>mostrato (mascherato)</translation>
    </message>
    <message>
        <source>learned</source>
        <translation>imparato</translation>
    </message>
    <message>
        <source>stop</source>
        <translation>fine</translation>
    </message>
    <message>
        <source>truncated</source>
        <translation>troncato</translation>
    </message>
</context>
<context>
    <name>LimitFields</name>
    <message>
        <source>Switch the search on first.</source>
        <translation>Attiva prima la ricerca.</translation>
    </message>
    <message>
        <source>Empty “{other}” to ask for this instead.</source>
        <translation>Svuota «{other}» per chiedere invece questo.</translation>
    </message>
</context>
<context>
    <name>LimitsCard</name>
    <message>
        <source>Limits</source>
        <translation>Limiti</translation>
    </message>
    <message>
        <source>Search the best export within limits</source>
        <translation>Cerca la migliore esportazione entro i limiti</translation>
    </message>
    <message>
        <source>Many kinds of export are built and measured on this computer. With a limit on quality (score or points lost) the smallest that keeps to all limits is taken, without one the most exact. Empty fields limit nothing.</source>
        <translation>Molti tipi di esportazione vengono creati e misurati su questo computer. Con un limite di qualità (punteggio o punti persi) si usa la più piccola che rispetta tutti i limiti, senza si usa la più esatta. I campi vuoti non limitano nulla.</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Mostra</translation>
    </message>
    <message>
        <source>Show: {title}</source>
        <translation>Mostra: {title}</translation>
    </message>
    <message>
        <source>Hide</source>
        <translation>Nascondi</translation>
    </message>
    <message>
        <source>off</source>
        <translation>disattivati</translation>
    </message>
    <message>
        <source>the smallest faithful export</source>
        <translation>la più piccola esportazione fedele</translation>
    </message>
</context>
<context>
    <name>LogCard</name>
    <message>
        <source>Log</source>
        <translation>Registro</translation>
    </message>
    <message>
        <source>Find in the log</source>
        <translation>Cerca nel registro</translation>
    </message>
    <message>
        <source>Previous match</source>
        <translation>Risultato precedente</translation>
    </message>
    <message>
        <source>Next match</source>
        <translation>Risultato successivo</translation>
    </message>
    <message>
        <source>Nothing has been written yet.</source>
        <translation>Non è ancora stato scritto nulla.</translation>
    </message>
    <message>
        <source>not found</source>
        <translation>non trovato</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Home</source>
        <translation>Inizio</translation>
    </message>
    <message>
        <source>New fine-tune</source>
        <translation>Nuovo fine-tuning</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Compare</source>
        <translation>Confronta</translation>
    </message>
    <message>
        <source>Queue</source>
        <translation>Coda</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelli</translation>
    </message>
    <message>
        <source>Doctor</source>
        <translation>Diagnosi</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Impostazioni</translation>
    </message>
    <message>
        <source>Drop to use this file</source>
        <translation>Rilascia per usare questo file</translation>
    </message>
    <message>
        <source>version {version} is available</source>
        <translation>è disponibile la versione {version}</translation>
    </message>
    <message numerus="yes">
        <source>%Ln run(s) still in progress</source>
        <translation>
            <numerusform>%Ln esecuzione ancora in corso</numerusform>
            <numerusform>%Ln esecuzioni ancora in corso</numerusform>
        </translation>
    </message>
    <message>
        <source>Runs can go on in the background, and the next start shows them. Or pause now: the work is kept and can be resumed.</source>
        <translation>Le esecuzioni possono continuare in sottofondo: al prossimo avvio le ritrovi. Oppure metti in pausa adesso: il lavoro resta e si può riprendere.</translation>
    </message>
    <message>
        <source>Pause and close</source>
        <translation>Metti in pausa e chiudi</translation>
    </message>
    <message>
        <source>Close and keep running</source>
        <translation>Chiudi e lascia continuare</translation>
    </message>
</context>
<context>
    <name>ModelColumn</name>
    <message>
        <source>Remove this model</source>
        <translation>Togli questo modello</translation>
    </message>
    <message>
        <source>loading…</source>
        <translation>caricamento…</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Riprova</translation>
    </message>
</context>
<context>
    <name>ModelMenu</name>
    <message>
        <source>Base model, untuned: {name}</source>
        <translation>Modello di base, non addestrato: {name}</translation>
    </message>
    <message>
        <source>Model folder…</source>
        <translation>Cartella di un modello…</translation>
    </message>
    <message>
        <source>Choose a folder with an exported model</source>
        <translation>Scegli una cartella con un modello esportato</translation>
    </message>
</context>
<context>
    <name>ModelPage</name>
    <message>
        <source>Search models</source>
        <translation>Cerca modelli</translation>
    </message>
    <message>
        <source>Use a model folder…</source>
        <translation>Usa la cartella di un modello…</translation>
    </message>
    <message>
        <source>No model matches the search.</source>
        <translation>Nessun modello corrisponde.</translation>
    </message>
    <message>
        <source>Choose a model folder</source>
        <translation>Scegli la cartella di un modello</translation>
    </message>
    <message>
        <source>Train in Azure ML</source>
        <translation>Addestra in Azure ML</translation>
    </message>
    <message>
        <source>The job downloads the model itself.</source>
        <translation>Il processo scarica da sé il modello.</translation>
    </message>
</context>
<context>
    <name>ModelsPage</name>
    <message>
        <source>Models</source>
        <translation>Modelli</translation>
    </message>
    <message>
        <source>Fine-tune a model folder…</source>
        <translation>Addestra da una cartella…</translation>
    </message>
    <message>
        <source>Add a folder…</source>
        <translation>Aggiungi una cartella…</translation>
    </message>
    <message>
        <source>{size} on this computer</source>
        <translation>{size} su questo computer</translation>
    </message>
    <message>
        <source>Base models</source>
        <translation>Modelli di base</translation>
    </message>
    <message>
        <source>Your tuned models</source>
        <translation>I tuoi modelli addestrati</translation>
    </message>
    <message>
        <source>Search models</source>
        <translation>Cerca modelli</translation>
    </message>
    <message>
        <source>No model fits the search.</source>
        <translation>Nessun modello corrisponde alla ricerca.</translation>
    </message>
    <message>
        <source>untuned base</source>
        <translation>base non addestrata</translation>
    </message>
    <message>
        <source>No tuned model yet</source>
        <translation>Ancora nessun modello addestrato</translation>
    </message>
    <message>
        <source>Each finished run leaves its model here, ready for a chat.</source>
        <translation>Ogni esecuzione conclusa lascia qui il suo modello, pronto per la chat.</translation>
    </message>
    <message>
        <source>licence {name}</source>
        <translation>licenza {name}</translation>
    </message>
    <message>
        <source>not on this computer</source>
        <translation>non su questo computer</translation>
    </message>
    <message>
        <source>not on this computer yet: a run downloads it</source>
        <translation>non ancora su questo computer: un’esecuzione lo scarica</translation>
    </message>
    <message>
        <source>comes with the program</source>
        <translation>fornito con il programma</translation>
    </message>
    <message>
        <source>Fine-tune</source>
        <translation>Addestra</translation>
    </message>
    <message>
        <source>Remove {name} from the list</source>
        <translation>Togli {name} dall’elenco</translation>
    </message>
    <message>
        <source>Choose a model folder</source>
        <translation>Scegli la cartella di un modello</translation>
    </message>
    <message>
        <source>Remove “{name}” from the list?</source>
        <translation>Togliere «{name}» dall’elenco?</translation>
    </message>
    <message>
        <source>Delete the model “{name}”?</source>
        <translation>Eliminare il modello «{name}»?</translation>
    </message>
    <message>
        <source>The folder {path} itself is not touched.</source>
        <translation>La cartella {path} non viene toccata.</translation>
    </message>
    <message>
        <source>The folder {path} is deleted for good; it can be downloaded again.</source>
        <translation>La cartella {path} viene cancellata per sempre; si può scaricare di nuovo.</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Togli</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>Elimina</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Open folder</source>
        <translation>Apri la cartella</translation>
    </message>
    <message>
        <source>Delete {name}</source>
        <translation>Elimina {name}</translation>
    </message>
    <message>
        <source>The folder {path} is deleted for good. Figures and adapter of its run stay.</source>
        <translation>La cartella {path} viene cancellata per sempre. Restano i risultati e l’adattatore dell’esecuzione.</translation>
    </message>
</context>
<context>
    <name>MoveDialog</name>
    <message>
        <source>Moving everything to {folder}</source>
        <translation>Sposto tutto in {folder}</translation>
    </message>
    <message>
        <source>Runs, models and settings are copied completely before the old ones are removed.</source>
        <translation>Esecuzioni, modelli e impostazioni si copiano per intero prima di togliere i vecchi.</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annulla</translation>
    </message>
    <message>
        <source>Keep the present folder</source>
        <translation>Tieni la cartella attuale</translation>
    </message>
</context>
<context>
    <name>NotesDialog</name>
    <message>
        <source>Name, tags and note</source>
        <translation>Nome, etichette e nota</translation>
    </message>
    <message>
        <source>The recipe of the run stays as it is.</source>
        <translation>La ricetta dell’esecuzione resta com’è.</translation>
    </message>
    <message>
        <source>good, for Anna</source>
        <translation>buona, per Anna</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Nome</translation>
    </message>
    <message>
        <source>Tags, with commas between</source>
        <translation>Etichette, separate da virgole</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Nota</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>Salva</translation>
    </message>
</context>
<context>
    <name>Notifier</name>
    <message>
        <source>Show the window</source>
        <translation>Mostra la finestra</translation>
    </message>
</context>
<context>
    <name>ObjectiveCard</name>
    <message>
        <source>Answers people preferred</source>
        <translation>Risposte preferite dalle persone</translation>
    </message>
    <message>
        <source>Each row has a better and a worse answer. The model learns to give the better one more readily than the other.</source>
        <translation>Ogni riga ha una risposta migliore e una peggiore. Il modello impara a dare più volentieri la migliore.</translation>
    </message>
    <message>
        <source>Advanced</source>
        <translation>Avanzate</translation>
    </message>
    <message>
        <source>Correct a model that answers already (DPO)</source>
        <translation>Correggere un modello che risponde già (DPO)</translation>
    </message>
    <message>
        <source>It stays near to what it was before. Best after a fine-tune on examples, from that run&apos;s adapter.</source>
        <translation>Resta vicino a com’era prima. Meglio dopo un fine-tuning su esempi, a partire dall’adattatore di quell’esecuzione.</translation>
    </message>
    <message>
        <source>Learn the answers and the preference at once (ORPO)</source>
        <translation>Imparare insieme le risposte e la preferenza (ORPO)</translation>
    </message>
    <message>
        <source>For a base model that has learned nothing of the task yet.</source>
        <translation>Per un modello di base che del compito non ha ancora imparato nulla.</translation>
    </message>
    <message>
        <source>Prefer by token, not by length (SimPO)</source>
        <translation>Preferire per token, non per lunghezza (SimPO)</translation>
    </message>
    <message>
        <source>Where the better answers are mostly the longer or the shorter ones.</source>
        <translation>Dove le risposte migliori sono per lo più le più lunghe o le più corte.</translation>
    </message>
    <message>
        <source>Each row has one answer that was rated good or bad (KTO). The model learns to give the good ones more readily than the bad ones and stays near to what it was before. Best after a fine-tune on examples, from that run&apos;s adapter.</source>
        <translation>Ogni riga ha una risposta valutata buona o cattiva (KTO). Il modello impara a dare più volentieri quelle buone che quelle cattive e resta vicino a com’era prima. Meglio dopo un fine-tuning su esempi, dall’adattatore di quell’esecuzione.</translation>
    </message>
</context>
<context>
    <name>OpenPlace</name>
    <message>
        <source>No program could be started for it</source>
        <translation>Nessun programma ha potuto aprirlo</translation>
    </message>
    <message>
        <source>This system opens no such files by itself. It is here:</source>
        <translation>Questo sistema non apre da sé questi file. Si trova qui:</translation>
    </message>
    <message>
        <source>This system has no browser that opens by itself. The address:</source>
        <translation>Questo sistema non ha un browser che si apra da solo. L’indirizzo:</translation>
    </message>
    <message>
        <source>Copy the address</source>
        <translation>Copia l’indirizzo</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Chiudi</translation>
    </message>
    <message>
        <source>Copy the path</source>
        <translation>Copia il percorso</translation>
    </message>
</context>
<context>
    <name>OutcomeCard</name>
    <message>
        <source>Only {share} of its answers end by themselves.</source>
        <translation>Solo il {share} delle sue risposte finisce da sé.</translation>
    </message>
    <message>
        <source>It is trained. How good it is was not measured: no rows were held out.</source>
        <translation>È addestrato. Quanto sia buono non è stato misurato: nessuna riga è stata messa da parte.</translation>
    </message>
    <message>
        <source>The model is exported and ready.</source>
        <translation>Il modello è esportato e pronto.</translation>
    </message>
    <message>
        <source>It learned the task: {figures}.</source>
        <translation>Ha imparato il compito: {figures}.</translation>
    </message>
    <message>
        <source>It learned ({figures}), but the exported model lost too much.</source>
        <translation>Ha imparato ({figures}), ma il modello esportato ha perso troppo.</translation>
    </message>
    <message>
        <source>It has learned a part of the task: {figures}.</source>
        <translation>Ha imparato una parte del compito: {figures}.</translation>
    </message>
    <message>
        <source>It is no better than before the training: {figures}.</source>
        <translation>Non è migliore di prima dell’addestramento: {figures}.</translation>
    </message>
    <message>
        <source>It has not learned the task yet: {figures}.</source>
        <translation>Non ha ancora imparato il compito: {figures}.</translation>
    </message>
    <message>
        <source>The exported model is as good.</source>
        <translation>Il modello esportato è altrettanto buono.</translation>
    </message>
    <message>
        <source>It is not proven that the exported model is as good.</source>
        <translation>Non è provato che il modello esportato sia altrettanto buono.</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>Esporta…</translation>
    </message>
    <message>
        <source>Use it elsewhere</source>
        <translation>Usalo altrove</translation>
    </message>
    <message>
        <source>Look at the data</source>
        <translation>Guarda i dati</translation>
    </message>
    <message>
        <source>Now with your data</source>
        <translation>Ora con i tuoi dati</translation>
    </message>
    <message>
        <source>Train longer</source>
        <translation>Addestra più a lungo</translation>
    </message>
    <message>
        <source>Try a higher rate</source>
        <translation>Prova un tasso più alto</translation>
    </message>
    <message>
        <source>Run again with Quality</source>
        <translation>Ripeti con Qualità</translation>
    </message>
</context>
<context>
    <name>ParetoPlot</name>
    <message>
        <source>Score (percent)</source>
        <translation>Punteggio (percento)</translation>
    </message>
    <message>
        <source>Size (MB)</source>
        <translation>Dimensione (MB)</translation>
    </message>
    <message>
        <source>First token (ms)</source>
        <translation>Primo token (ms)</translation>
    </message>
    <message>
        <source>Tokens a second</source>
        <translation>Token al secondo</translation>
    </message>
    <message>
        <source>★ taken</source>
        <translation>★ in uso</translation>
    </message>
    <message>
        <source>● meets every limit</source>
        <translation>● rispetta ogni limite</translation>
    </message>
    <message>
        <source>✕ breaks a limit</source>
        <translation>✕ supera un limite</translation>
    </message>
    <message>
        <source>━ nothing is smaller and scores as well</source>
        <translation>━ nulla è più piccolo con lo stesso punteggio</translation>
    </message>
    <message>
        <source>┈ the merged model, {score} %</source>
        <translation>┈ il modello fuso, {score} %</translation>
    </message>
    <message>
        <source>╌ limits</source>
        <translation>╌ limiti</translation>
    </message>
    <message>
        <source>Export {number}, {kind}: {size}, {score} right</source>
        <translation>Esportazione {number}, {kind}: {size}, {score} giuste</translation>
    </message>
    <message>
        <source>Size and score of the exports</source>
        <translation>Dimensione e punteggio delle esportazioni</translation>
    </message>
</context>
<context>
    <name>PointTable</name>
    <message>
        <source>━ nothing is smaller and scores as well. Right and points lost: on all held-out rows, of the finalists alone. KL: how far it is from the merged model, on a few rows; 0 is the same model.</source>
        <translation>━ nulla è più piccolo con lo stesso punteggio. Giuste e punti persi: su tutte le righe tenute da parte, solo per le finaliste. KL: la distanza dal modello fuso, su poche righe; 0 è lo stesso modello.</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>Esportazione</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Dimensione</translation>
    </message>
    <message>
        <source>Right</source>
        <translation>Giuste</translation>
    </message>
    <message>
        <source>Points lost</source>
        <translation>Punti persi</translation>
    </message>
    <message>
        <source>First token</source>
        <translation>Primo token</translation>
    </message>
    <message>
        <source>Tokens/s</source>
        <translation>Token/s</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Memoria</translation>
    </message>
    <message>
        <source>Exports that were tried</source>
        <translation>Esportazioni provate</translation>
    </message>
    <message>
        <source>★ taken</source>
        <translation>★ in uso</translation>
    </message>
    <message>
        <source>Take this one</source>
        <translation>Usa questa</translation>
    </message>
    <message>
        <source>Take export {number}: {kind}</source>
        <translation>Usa l’esportazione {number}: {kind}</translation>
    </message>
</context>
<context>
    <name>PreviewCard</name>
    <message>
        <source>What the model will see</source>
        <translation>Che cosa vede il modello</translation>
    </message>
    <message>
        <source>Previous row</source>
        <translation>Riga precedente</translation>
    </message>
    <message>
        <source>Next row</source>
        <translation>Riga successiva</translation>
    </message>
    <message>
        <source>Row</source>
        <translation>Riga</translation>
    </message>
    <message>
        <source>The worse answer, after the same prompt</source>
        <translation>La risposta peggiore, dopo lo stesso prompt</translation>
    </message>
    <message>
        <source>of {rows}</source>
        <translation>di {rows}</translation>
    </message>
    <message>
        <source>A repair leaves this row out: {why}</source>
        <translation>Una correzione esclude questa riga: {why}</translation>
    </message>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <translation>
            <numerusform>%Ln token</numerusform>
            <numerusform>%Ln token</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln learned</source>
        <translation>
            <numerusform>%Ln imparato</numerusform>
            <numerusform>%Ln imparati</numerusform>
        </translation>
    </message>
    <message>
        <source>rated good</source>
        <translation>valutata buona</translation>
    </message>
    <message>
        <source>rated bad</source>
        <translation>valutata cattiva</translation>
    </message>
    <message numerus="yes">
        <source>%Ln truncated</source>
        <translation>
            <numerusform>%Ln troncato</numerusform>
            <numerusform>%Ln troncati</numerusform>
        </translation>
    </message>
    <message>
        <source>the first {n} are shown</source>
        <translation>sono mostrati i primi {n}</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Riprova</translation>
    </message>
</context>
<context>
    <name>PrivacyCard</name>
    <message>
        <source>Privacy</source>
        <translation>Riservatezza</translation>
    </message>
    <message>
        <source>Nothing leaves this computer by itself: no telemetry, no account. Only what you upload to the hub, and jobs that you start in Azure ML, are sent.</source>
        <translation>Nulla lascia questo computer da solo: nessuna telemetria, nessun account. Si invia soltanto ciò che carichi sull’hub, e i lavori che avvii in Azure ML.</translation>
    </message>
    <message>
        <source>Data, models, chats and logs are files in your own folder.</source>
        <translation>Dati, modelli, chat e registri sono file nella tua cartella.</translation>
    </message>
    <message>
        <source>Only what you ask for is downloaded: a base model that is not here yet, a data set that you name, the libraries for an NVIDIA GPU.</source>
        <translation>Si scarica solo ciò che chiedi: un modello di base che non c’è ancora, un insieme di dati che indichi, le librerie per una GPU NVIDIA.</translation>
    </message>
    <message>
        <source>Open the full list</source>
        <translation>Apri l’elenco completo</translation>
    </message>
    <message>
        <source>Downloads</source>
        <translation>Scaricamenti</translation>
    </message>
    <message>
        <source>Nothing has been downloaded.</source>
        <translation>Non è stato scaricato nulla.</translation>
    </message>
    <message>
        <source>from {host}</source>
        <translation>da {host}</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>fermato</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>non riuscito</translation>
    </message>
    <message numerus="yes">
        <source>and %Ln earlier one(s)</source>
        <translation>
            <numerusform>e %Ln precedente</numerusform>
            <numerusform>e %Ln precedenti</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ProgressCard</name>
    <message>
        <source>Progress</source>
        <translation>Avanzamento</translation>
    </message>
    <message>
        <source>Waiting for its turn</source>
        <translation>In attesa del suo turno</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>Avvio</translation>
    </message>
    <message>
        <source>{done} of {total}</source>
        <translation>{done} di {total}</translation>
    </message>
</context>
<context>
    <name>PromptBar</name>
    <message>
        <source>Ask</source>
        <translation>Chiedi</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Ferma</translation>
    </message>
    <message>
        <source>You edit a question. What came after it stays, as another version.</source>
        <translation>Stai modificando una domanda. Ciò che seguiva resta, come un’altra versione.</translation>
    </message>
    <message>
        <source>Do not edit</source>
        <translation>Non modificare</translation>
    </message>
    <message>
        <source>Prompt form</source>
        <translation>Modulo del prompt</translation>
    </message>
    <message>
        <source>Your message</source>
        <translation>Il tuo messaggio</translation>
    </message>
    <message>
        <source>training template: {template}</source>
        <translation>come nell’addestramento: {template}</translation>
    </message>
    <message>
        <source>Enter sends, Shift + Enter starts a new line</source>
        <translation>Invio spedisce, Maiusc + Invio va a capo</translation>
    </message>
    <message>
        <source>Write a message</source>
        <translation>Scrivi un messaggio</translation>
    </message>
    <message>
        <source>Ask both</source>
        <translation>Chiedi a entrambi</translation>
    </message>
    <message>
        <source>Ask all</source>
        <translation>Chiedi a tutti</translation>
    </message>
</context>
<context>
    <name>Question</name>
    <message>
        <source>Cancel</source>
        <translation>Annulla</translation>
    </message>
</context>
<context>
    <name>QueueCard</name>
    <message>
        <source>Pause</source>
        <translation>Pausa</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Riprendi</translation>
    </message>
    <message>
        <source>Remove from the queue</source>
        <translation>Togli dalla coda</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annulla</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Apri</translation>
    </message>
    <message>
        <source>Progress of {name}</source>
        <translation>Avanzamento di {name}</translation>
    </message>
    <message>
        <source>Start now</source>
        <translation>Avvia ora</translation>
    </message>
    <message>
        <source>next</source>
        <translation>la prossima</translation>
    </message>
    <message>
        <source>position {n}</source>
        <translation>posizione {n}</translation>
    </message>
    <message>
        <source>Earlier</source>
        <translation>Prima</translation>
    </message>
    <message>
        <source>Later</source>
        <translation>Dopo</translation>
    </message>
</context>
<context>
    <name>QueuePage</name>
    <message>
        <source>Queue</source>
        <translation>Coda</translation>
    </message>
    <message>
        <source>Nothing runs and nothing waits</source>
        <translation>Nulla in corso e nulla in attesa</translation>
    </message>
    <message>
        <source>A run that is started while another uses the machine waits here for its turn.</source>
        <translation>Un’esecuzione avviata mentre un’altra occupa il computer aspetta qui il suo turno.</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>In pausa</translation>
    </message>
</context>
<context>
    <name>RatingTools</name>
    <message>
        <source>Compare blind</source>
        <translation>Confronta alla cieca</translation>
    </message>
    <message>
        <source>Ratings</source>
        <translation>Valutazioni</translation>
    </message>
    <message numerus="yes">
        <source>%Ln pair(s) in {file}.</source>
        <translation>
            <numerusform>%Ln coppia in {file}.</numerusform>
            <numerusform>%Ln coppie in {file}.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln answer(s) with a label in {file}.</source>
        <translation>
            <numerusform>%Ln risposta con un’etichetta in {file}.</numerusform>
            <numerusform>%Ln risposte con un’etichetta in {file}.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>RatingsDialog</name>
    <message>
        <source>Ratings</source>
        <translation>Valutazioni</translation>
    </message>
    <message>
        <source>Comparisons are pairs of a better and a worse answer. Thumbs make a pair where the same question has a good and a bad answer; the others are saved with a label.</source>
        <translation>I confronti sono coppie di una risposta migliore e una peggiore. I pollici formano una coppia dove la stessa domanda ha una risposta buona e una cattiva; le altre si salvano con un’etichetta.</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modello</translation>
    </message>
    <message>
        <source>Turn round</source>
        <translation>Inverti</translation>
    </message>
    <message>
        <source>Good becomes bad, the worse answer the better one</source>
        <translation>Il buono diventa cattivo, la risposta peggiore diventa la migliore</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>Elimina</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Chiudi</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>Esporta…</translation>
    </message>
    <message>
        <source>Train on these</source>
        <translation>Addestra su queste</translation>
    </message>
    <message>
        <source>All models</source>
        <translation>Tutti i modelli</translation>
    </message>
    <message>
        <source>Rated</source>
        <translation>Giudizio</translation>
    </message>
    <message>
        <source>Question</source>
        <translation>Domanda</translation>
    </message>
    <message>
        <source>Answer</source>
        <translation>Risposta</translation>
    </message>
    <message>
        <source>Worse answer</source>
        <translation>Risposta peggiore</translation>
    </message>
    <message numerus="yes">
        <source>%Ln rating(s)</source>
        <translation>
            <numerusform>%Ln valutazione</numerusform>
            <numerusform>%Ln valutazioni</numerusform>
        </translation>
    </message>
    <message>
        <source>the newest {n} are shown</source>
        <translation>si vedono le {n} più recenti</translation>
    </message>
    <message numerus="yes">
        <source>%Ln damaged line(s) passed over</source>
        <translation>
            <numerusform>%Ln riga danneggiata saltata</numerusform>
            <numerusform>%Ln righe danneggiate saltate</numerusform>
        </translation>
    </message>
    <message>
        <source>good</source>
        <translation>buona</translation>
    </message>
    <message>
        <source>bad</source>
        <translation>cattiva</translation>
    </message>
    <message>
        <source>better</source>
        <translation>migliore</translation>
    </message>
    <message>
        <source>Export the ratings</source>
        <translation>Esporta le valutazioni</translation>
    </message>
</context>
<context>
    <name>ReplaceDialog</name>
    <message>
        <source>Find and replace</source>
        <translation>Trova e sostituisci</translation>
    </message>
    <message>
        <source>In every row as it is read for training: the file is not changed.</source>
        <translation>In ogni riga mentre viene letta per l’addestramento: il file non cambia.</translation>
    </message>
    <message>
        <source>Column</source>
        <translation>Colonna</translation>
    </message>
    <message>
        <source>Find</source>
        <translation>Trova</translation>
    </message>
    <message>
        <source>Replace with</source>
        <translation>Sostituisci con</translation>
    </message>
    <message>
        <source>Match case</source>
        <translation>Maiuscole/minuscole</translation>
    </message>
    <message>
        <source>Whole words only</source>
        <translation>Solo parole intere</translation>
    </message>
    <message>
        <source>Replace</source>
        <translation>Sostituisci</translation>
    </message>
</context>
<context>
    <name>ResultView</name>
    <message>
        <source>What it has learned</source>
        <translation>Che cosa ha imparato</translation>
    </message>
    <message>
        <source>Sample answers</source>
        <translation>Risposte di esempio</translation>
    </message>
    <message>
        <source>Files</source>
        <translation>File</translation>
    </message>
    <message>
        <source>Expected and answered labels</source>
        <translation>Etichette attese e risposte</translation>
    </message>
    <message>
        <source>Model card</source>
        <translation>Scheda del modello</translation>
    </message>
    <message>
        <source>Open folder</source>
        <translation>Apri la cartella</translation>
    </message>
    <message numerus="yes">
        <source>on %Ln row(s) it has not seen</source>
        <translation>
            <numerusform>su %Ln riga mai vista</numerusform>
            <numerusform>su %Ln righe mai viste</numerusform>
        </translation>
    </message>
    <message>
        <source>General questions (what it knew before): {after} of the tokens right, before {before}; {lost} nats a token less likely, {limit} are tolerated.</source>
        <translation>Domande generali (ciò che sapeva prima): {after} dei token giusti, prima {before}; {lost} nat per token meno probabili, ne sono tollerati {limit}.</translation>
    </message>
    <message numerus="yes">
        <source>%Ln rarer label(s) left out</source>
        <translation>
            <numerusform>%Ln etichetta più rara omessa</numerusform>
            <numerusform>%Ln etichette più rare omesse</numerusform>
        </translation>
    </message>
    <message>
        <source>{speed} tokens / s</source>
        <translation>{speed} token/s</translation>
    </message>
    <message>
        <source>Right answers (accuracy)</source>
        <translation>Risposte giuste (accuratezza)</translation>
    </message>
    <message>
        <source>Prefers the better answer</source>
        <translation>Preferisce la risposta migliore</translation>
    </message>
    <message>
        <source>Macro F1 (mean over the labels)</source>
        <translation>Macro F1 (media sulle etichette)</translation>
    </message>
    <message>
        <source>Word overlap (F1)</source>
        <translation>Parole in comune (F1)</translation>
    </message>
    <message>
        <source>Tokens of an answer</source>
        <translation>Token di una risposta</translation>
    </message>
    <message>
        <source>Stops on its own (stop token)</source>
        <translation>Si ferma da solo (token di fine)</translation>
    </message>
    <message>
        <source>Perplexity of the right answer (1 is best)</source>
        <translation>Perplessità della risposta giusta (1 è l’ideale)</translation>
    </message>
    <message>
        <source>Speed</source>
        <translation>Velocità</translation>
    </message>
    <message>
        <source>Time to first token</source>
        <translation>Tempo al primo token</translation>
    </message>
    <message>
        <source>Memory while answering</source>
        <translation>Memoria durante le risposte</translation>
    </message>
    <message>
        <source>Load time</source>
        <translation>Tempo di caricamento</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Dimensione</translation>
    </message>
    <message>
        <source>Tuned</source>
        <translation>Addestrato</translation>
    </message>
    <message>
        <source>Expected</source>
        <translation>Attesa</translation>
    </message>
    <message>
        <source>Base</source>
        <translation>Base</translation>
    </message>
    <message>
        <source>What</source>
        <translation>Che cosa</translation>
    </message>
    <message>
        <source>File</source>
        <translation>File</translation>
    </message>
    <message>
        <source>Examples</source>
        <translation>Esempi</translation>
    </message>
    <message>
        <source>Adapter (LoRA)</source>
        <translation>Adattatore (LoRA)</translation>
    </message>
    <message>
        <source>Exported model (ONNX)</source>
        <translation>Modello esportato (ONNX)</translation>
    </message>
    <message>
        <source>Merged model</source>
        <translation>Modello fuso</translation>
    </message>
</context>
<context>
    <name>ReviewPage</name>
    <message>
        <source>Name</source>
        <translation>Nome</translation>
    </message>
    <message>
        <source>Name of the run</source>
        <translation>Nome dell’esecuzione</translation>
    </message>
    <message>
        <source>Summary</source>
        <translation>Riepilogo</translation>
    </message>
    <message>
        <source>Files</source>
        <translation>File</translation>
    </message>
    <message>
        <source>Which file</source>
        <translation>Quale file</translation>
    </message>
    <message>
        <source>Recipe</source>
        <translation>Ricetta</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Copia</translation>
    </message>
    <message>
        <source>Save…</source>
        <translation>Salva…</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Mostra</translation>
    </message>
    <message>
        <source>the recipe, and the config for Microsoft Olive</source>
        <translation>la ricetta e la configurazione per Microsoft Olive</translation>
    </message>
    <message>
        <source>Hide</source>
        <translation>Nascondi</translation>
    </message>
    <message>
        <source>{size} from {host}, before the training</source>
        <translation>{size} da {host}, prima dell’addestramento</translation>
    </message>
    <message>
        <source>Downloads</source>
        <translation>Scaricamenti</translation>
    </message>
    <message>
        <source>Olive config</source>
        <translation>Configurazione di Olive</translation>
    </message>
    <message>
        <source>Content of the file</source>
        <translation>Contenuto del file</translation>
    </message>
    <message>
        <source>Save the file</source>
        <translation>Salva il file</translation>
    </message>
    <message>
        <source>Saved as {file}</source>
        <translation>Salvato in {file}</translation>
    </message>
    <message>
        <source>The file could not be written: {why}</source>
        <translation>Non è stato possibile scrivere il file: {why}</translation>
    </message>
    <message>
        <source>Choose another folder.</source>
        <translation>Scegli un’altra cartella.</translation>
    </message>
    <message>
        <source>Writing the Olive config; this takes a few seconds…</source>
        <translation>Scrittura della configurazione di Olive; ci vuole qualche secondo…</translation>
    </message>
</context>
<context>
    <name>RowDialog</name>
    <message>
        <source>The file is not changed: the edit is recorded in the recipe.</source>
        <translation>Il file non viene modificato: la modifica è registrata nella ricetta.</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>Salva</translation>
    </message>
    <message>
        <source>Not valid JSON: {names}. Correct it, or cancel.</source>
        <translation>JSON non valido: {names}. Correggilo, oppure annulla.</translation>
    </message>
</context>
<context>
    <name>RowsModel</name>
    <message>
        <source>This row was edited</source>
        <translation>Questa riga è stata modificata</translation>
    </message>
    <message>
        <source>This row is left out</source>
        <translation>Questa riga è esclusa</translation>
    </message>
    <message>
        <source>This row was added</source>
        <translation>Questa riga è stata aggiunta</translation>
    </message>
</context>
<context>
    <name>RowsPager</name>
    <message>
        <source>Rows of the data</source>
        <translation>Righe dei dati</translation>
    </message>
    <message>
        <source>Stop reading</source>
        <translation>Smetti di leggere</translation>
    </message>
    <message>
        <source>Previous page</source>
        <translation>Pagina precedente</translation>
    </message>
    <message>
        <source>Next page</source>
        <translation>Pagina successiva</translation>
    </message>
    <message>
        <source>Go to row</source>
        <translation>Vai alla riga</translation>
    </message>
    <message>
        <source>row</source>
        <translation>riga</translation>
    </message>
    <message>
        <source>reading…</source>
        <translation>lettura…</translation>
    </message>
    <message>
        <source>rows {first} to {last}</source>
        <translation>righe da {first} a {last}</translation>
    </message>
    <message>
        <source>no row {first}</source>
        <translation>nessuna riga {first}</translation>
    </message>
    <message>
        <source>of {rows}</source>
        <translation>di {rows}</translation>
    </message>
</context>
<context>
    <name>Run</name>
    <message>
        <source>Waiting</source>
        <translation>In attesa</translation>
    </message>
    <message>
        <source>Running</source>
        <translation>In corso</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>In pausa</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>Conclusa</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>Fallita</translation>
    </message>
    <message>
        <source>Cancelled</source>
        <translation>Annullata</translation>
    </message>
    <message>
        <source>Damaged</source>
        <translation>Danneggiata</translation>
    </message>
    <message>
        <source>Interrupted</source>
        <translation>Interrotta</translation>
    </message>
    <message>
        <source>Export lost too much</source>
        <translation>L’esportazione ha perso troppo</translation>
    </message>
    <message>
        <source>Learned in part</source>
        <translation>Imparato in parte</translation>
    </message>
    <message>
        <source>No better</source>
        <translation>Non migliore</translation>
    </message>
    <message>
        <source>Not learned yet</source>
        <translation>Non ancora imparato</translation>
    </message>
    <message>
        <source>of the comparisons: good answer gained more than the bad one</source>
        <translation>dei confronti: la risposta buona ha guadagnato più di quella cattiva</translation>
    </message>
    <message>
        <source>of the pairs: better answer preferred</source>
        <translation>delle coppie: risposta migliore preferita</translation>
    </message>
    <message>
        <source>right</source>
        <translation>giuste</translation>
    </message>
    <message>
        <source>of the words as expected</source>
        <translation>delle parole come atteso</translation>
    </message>
    <message>
        <source>exported {share}</source>
        <translation>esportato {share}</translation>
    </message>
    <message>
        <source>before {share}</source>
        <translation>prima {share}</translation>
    </message>
    <message>
        <source>Prepare</source>
        <translation>Prepara</translation>
    </message>
    <message>
        <source>Train</source>
        <translation>Addestra</translation>
    </message>
    <message>
        <source>Merge</source>
        <translation>Fondi</translation>
    </message>
    <message>
        <source>Quantise</source>
        <translation>Quantizza</translation>
    </message>
    <message>
        <source>Verify</source>
        <translation>Verifica</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>Avvio</translation>
    </message>
    <message>
        <source>step {step} of {total}</source>
        <translation>passo {step} di {total}</translation>
    </message>
    <message>
        <source>{step} of {total}</source>
        <translation>{step} di {total}</translation>
    </message>
    <message>
        <source>Starts at {time}</source>
        <translation>Parte: {time}</translation>
    </message>
    <message>
        <source>Starts when the machine is free</source>
        <translation>Parte quando il computer è libero</translation>
    </message>
    <message>
        <source>{time} left</source>
        <translation>ancora {time}</translation>
    </message>
    <message>
        <source>Base</source>
        <translation>Base</translation>
    </message>
    <message>
        <source>Before</source>
        <translation>Prima</translation>
    </message>
    <message>
        <source>Tuned</source>
        <translation>Addestrato</translation>
    </message>
    <message>
        <source>Tuned, exported</source>
        <translation>Addestrato, esportato</translation>
    </message>
    <message>
        <source>best export within limits</source>
        <translation>migliore esportazione entro i limiti</translation>
    </message>
    <message>
        <source>{kind} for {device}</source>
        <translation>{kind} per {device}</translation>
    </message>
    <message>
        <source>adapter merged</source>
        <translation>adattatore fuso</translation>
    </message>
</context>
<context>
    <name>RunActions</name>
    <message>
        <source>Pause</source>
        <translation>Pausa</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Riprendi</translation>
    </message>
    <message>
        <source>Cancel…</source>
        <translation>Annulla…</translation>
    </message>
    <message>
        <source>Its job in Azure ML is cancelled as well, and is no longer billed.</source>
        <translation>Anche il suo processo in Azure ML viene annullato e non viene più fatturato.</translation>
    </message>
    <message>
        <source>The run is cancelled before it has begun; it can be started again.</source>
        <translation>L’esecuzione è annullata prima di iniziare; si può riavviare.</translation>
    </message>
    <message>
        <source>The training stops. The work so far is kept and can be resumed.</source>
        <translation>L’addestramento si ferma. Il lavoro fatto resta e si può riprendere.</translation>
    </message>
    <message>
        <source>Cancel “{name}”?</source>
        <translation>Annullare «{name}»?</translation>
    </message>
    <message>
        <source>Keep running</source>
        <translation>Lascia continuare</translation>
    </message>
    <message>
        <source>Keep it</source>
        <translation>Tienila</translation>
    </message>
    <message>
        <source>Cancel the run</source>
        <translation>Annulla l’esecuzione</translation>
    </message>
</context>
<context>
    <name>RunFigures</name>
    <message>
        <source>Training loss</source>
        <translation>Perdita in addestramento</translation>
    </message>
    <message>
        <source>Evaluation loss</source>
        <translation>Perdita in valutazione</translation>
    </message>
    <message>
        <source>Speed</source>
        <translation>Velocità</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Memoria</translation>
    </message>
    <message>
        <source>from {first}</source>
        <translation>da {first}</translation>
    </message>
    <message>
        <source>when the training begins</source>
        <translation>quando inizia l’addestramento</translation>
    </message>
    <message>
        <source>best so far</source>
        <translation>la migliore finora</translation>
    </message>
    <message>
        <source>best was {best}</source>
        <translation>la migliore era {best}</translation>
    </message>
    <message>
        <source>not measured yet</source>
        <translation>non ancora misurata</translation>
    </message>
    <message>
        <source>tokens / s</source>
        <translation>token al secondo</translation>
    </message>
    <message>
        <source>on the job&apos;s machine</source>
        <translation>sulla macchina del processo</translation>
    </message>
    <message>
        <source>of {size}</source>
        <translation>su {size}</translation>
    </message>
    <message>
        <source>highest {size}</source>
        <translation>massimo {size}</translation>
    </message>
</context>
<context>
    <name>RunNotices</name>
    <message>
        <source>Notices</source>
        <translation>Avvisi</translation>
    </message>
    <message>
        <source>The session ended: the work is kept. Resume continues from there.</source>
        <translation>La sessione è terminata: il lavoro è conservato. Riprendi continua da lì.</translation>
    </message>
    <message>
        <source>Paused: the work is kept. Resume continues from there.</source>
        <translation>In pausa: il lavoro è conservato. Riprendi continua da lì.</translation>
    </message>
    <message>
        <source>The worker stopped unexpectedly.</source>
        <translation>Il processo si è fermato in modo imprevisto.</translation>
    </message>
    <message>
        <source>The log below may say why. Resume continues from the last checkpoint.</source>
        <translation>Il registro qui sotto può dire perché. Riprendi continua dall’ultimo checkpoint.</translation>
    </message>
    <message>
        <source>Another run uses the machine.</source>
        <translation>Un’altra esecuzione occupa il computer.</translation>
    </message>
    <message>
        <source>This one starts automatically; its position can be changed under Queue.</source>
        <translation>Questa partirà automaticamente; la sua posizione si cambia in Coda.</translation>
    </message>
    <message>
        <source>Waiting for a download.</source>
        <translation>In attesa di uno scaricamento.</translation>
    </message>
    <message>
        <source>Turning the rows into tokens.</source>
        <translation>Le righe diventano token.</translation>
    </message>
    <message>
        <source>Preparing the model; this step reports no progress.</source>
        <translation>Preparazione del modello; questo passo non riferisce l’avanzamento.</translation>
    </message>
    <message>
        <source>The memory is full and the system swaps to disk: this is very slow.</source>
        <translation>La memoria è piena e il sistema usa il disco: è molto lento.</translation>
    </message>
    <message>
        <source>Close other programs, or cancel and choose a smaller batch.</source>
        <translation>Chiudi altri programmi, oppure annulla e scegli un batch più piccolo.</translation>
    </message>
    <message>
        <source>No progress: no report, no computation, no download.</source>
        <translation>Nessun avanzamento: nessuna notizia, nessun calcolo, nessuno scaricamento.</translation>
    </message>
    <message>
        <source>Pause and resume the run; its work is kept.</source>
        <translation>Metti in pausa e riprendi: il lavoro è conservato.</translation>
    </message>
    <message>
        <source>Computing; the next report may take a while.</source>
        <translation>Calcolo in corso; la prossima notizia può richiedere tempo.</translation>
    </message>
</context>
<context>
    <name>RunPage</name>
    <message>
        <source>All runs</source>
        <translation>Tutte</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Pausa</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Riprendi</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annulla</translation>
    </message>
    <message>
        <source>Run again with changes</source>
        <translation>Ripeti con modifiche</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>Esporta</translation>
    </message>
    <message>
        <source>Search exports…</source>
        <translation>Cerca esportazioni…</translation>
    </message>
    <message>
        <source>Use it elsewhere</source>
        <translation>Usalo altrove</translation>
    </message>
    <message>
        <source>Stop following</source>
        <translation>Smetti di seguire</translation>
    </message>
    <message>
        <source>Pausing…</source>
        <translation>Messa in pausa…</translation>
    </message>
    <message>
        <source>Cancelling…</source>
        <translation>Annullamento…</translation>
    </message>
    <message>
        <source>started {time}</source>
        <translation>inizio: {time}</translation>
    </message>
    <message>
        <source>last event {seconds} s ago</source>
        <translation>ultimo evento {seconds} s fa</translation>
    </message>
</context>
<context>
    <name>RunTrash</name>
    <message>
        <source>“{name}” is in the trash.</source>
        <translation>«{name}» è nel cestino.</translation>
    </message>
    <message numerus="yes">
        <source>%Ln run(s) are in the trash.</source>
        <translation>
            <numerusform>%Ln esecuzione è nel cestino.</numerusform>
            <numerusform>%Ln esecuzioni sono nel cestino.</numerusform>
        </translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Annulla</translation>
    </message>
</context>
<context>
    <name>RunsModel</name>
    <message>
        <source>pinned</source>
        <translation>fissata in alto</translation>
    </message>
</context>
<context>
    <name>RuntimeCard</name>
    <message>
        <source>NVIDIA GPU</source>
        <translation>GPU NVIDIA</translation>
    </message>
    <message>
        <source>Training and chat on an NVIDIA GPU need libraries that are not part of the program. They are downloaded once, checked against known hashes, and kept in the data directory, also when the program is updated.</source>
        <translation>Addestramento e chat su una GPU NVIDIA richiedono librerie che non fanno parte del programma. Si scaricano una volta, si confrontano con hash noti e restano nella cartella dei dati anche quando il programma si aggiorna.</translation>
    </message>
    <message>
        <source>Progress of the installation</source>
        <translation>Avanzamento dell’installazione</translation>
    </message>
    <message>
        <source>Install</source>
        <translation>Installa</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annulla</translation>
    </message>
    <message>
        <source>Cancel the installation</source>
        <translation>Annulla l’installazione</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Togli</translation>
    </message>
    <message>
        <source>Remove the runtime pack</source>
        <translation>Togli il pacchetto per la GPU</translation>
    </message>
    <message>
        <source>stopping…</source>
        <translation>interruzione…</translation>
    </message>
    <message>
        <source>Remove the runtime pack?</source>
        <translation>Togliere il pacchetto per la GPU?</translation>
    </message>
    <message>
        <source>This frees {size}, and runs use the processor. It can be downloaded again at any time.</source>
        <translation>Si liberano {size} e le esecuzioni usano il processore. Si può scaricare di nuovo in ogni momento.</translation>
    </message>
    <message>
        <source>creating the environment…</source>
        <translation>sto preparando l’ambiente…</translation>
    </message>
    <message>
        <source>testing the libraries…</source>
        <translation>sto provando le librerie…</translation>
    </message>
    <message>
        <source>{packages} of {all} packages · {done} of {total}</source>
        <translation>{packages} di {all} pacchetti · {done} di {total}</translation>
    </message>
    <message>
        <source>Installed. Every run that starts from now can use the GPU.</source>
        <translation>Installato. Ogni esecuzione avviata da ora può usare la GPU.</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>Continua</translation>
    </message>
    <message>
        <source>Update</source>
        <translation>Aggiorna</translation>
    </message>
    <message>
        <source>Repair</source>
        <translation>Ripara</translation>
    </message>
    <message>
        <source>Install {size}</source>
        <translation>Installa {size}</translation>
    </message>
    <message>
        <source>This installation already includes them.</source>
        <translation>Questa installazione le contiene già.</translation>
    </message>
    <message>
        <source>Not installed: {size} to download, {disk} on the disk afterwards.</source>
        <translation>Non installato: {size} da scaricare, poi {disk} sul disco.</translation>
    </message>
    <message>
        <source>Started: {size} downloaded so far are kept.</source>
        <translation>Iniziato: {size} sono già scaricati e restano.</translation>
    </message>
    <message>
        <source>Installed, {size}.</source>
        <translation>Installato, {size}.</translation>
    </message>
    <message>
        <source>Installed, {size}. It works; newer libraries are available.</source>
        <translation>Installato, {size}. Funziona; sono disponibili librerie più recenti.</translation>
    </message>
    <message>
        <source>Broken, so the processor is used: {damage}.</source>
        <translation>Danneggiato, quindi si usa il processore: {damage}.</translation>
    </message>
    <message>
        <source>Made for another version of the program, so the processor is used.</source>
        <translation>Fatto per un’altra versione del programma, quindi si usa il processore.</translation>
    </message>
</context>
<context>
    <name>Samples</name>
    <message>
        <source>Emotions in a sentence</source>
        <translation>Emozioni in una frase</translation>
    </message>
    <message>
        <source>Questions and answers</source>
        <translation>Domande e risposte</translation>
    </message>
    <message>
        <source>Support conversations</source>
        <translation>Conversazioni di assistenza</translation>
    </message>
    <message>
        <source>Preferred answers</source>
        <translation>Risposte preferite</translation>
    </message>
    <message>
        <source>Reviews in Italian</source>
        <translation>Recensioni in italiano</translation>
    </message>
</context>
<context>
    <name>SamplingPanel</name>
    <message>
        <source>Settings</source>
        <translation>Impostazioni</translation>
    </message>
    <message>
        <source>System prompt</source>
        <translation>Prompt di sistema</translation>
    </message>
    <message>
        <source>Who the model is and how it should answer</source>
        <translation>Chi è il modello e come deve rispondere</translation>
    </message>
    <message>
        <source>This is not a number.</source>
        <translation>Questo non è un numero.</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>Temperatura</translation>
    </message>
    <message>
        <source>0 always takes the most probable token; higher is more varied (0 to 2)</source>
        <translation>Con 0 sceglie sempre il token più probabile; più alta, più varietà (da 0 a 2)</translation>
    </message>
    <message>
        <source>Top-p</source>
        <translation>Top-p</translation>
    </message>
    <message>
        <source>Only the most probable tokens, up to this total probability</source>
        <translation>Solo i token più probabili, fino a questa probabilità totale</translation>
    </message>
    <message>
        <source>Top-k</source>
        <translation>Top-k</translation>
    </message>
    <message>
        <source>Only this many of the most probable tokens</source>
        <translation>Solo questo numero di token più probabili</translation>
    </message>
    <message>
        <source>Repetition penalty</source>
        <translation>Penalità di ripetizione</translation>
    </message>
    <message>
        <source>Above 1, repeated tokens become less probable (0.5 to 2)</source>
        <translation>Sopra 1, i token già usati diventano meno probabili (da 0,5 a 2)</translation>
    </message>
    <message>
        <source>Length</source>
        <translation>Lunghezza</translation>
    </message>
    <message>
        <source>Maximum number of tokens in an answer</source>
        <translation>Numero massimo di token per risposta</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>Seme</translation>
    </message>
    <message>
        <source>The same seed gives the same answer; empty: a new one each time</source>
        <translation>Lo stesso seme dà la stessa risposta; vuoto: sempre una nuova</translation>
    </message>
    <message>
        <source>Allowed: {low} to {high}</source>
        <translation>Valori ammessi: da {low} a {high}</translation>
    </message>
</context>
<context>
    <name>SaveButton</name>
    <message>
        <source>Save transcript</source>
        <translation>Salva la chat</translation>
    </message>
    <message>
        <source>Saved as {file}</source>
        <translation>Salvato in {file}</translation>
    </message>
    <message>
        <source>The file could not be written: {why}</source>
        <translation>Non è stato possibile scrivere il file: {why}</translation>
    </message>
    <message>
        <source>Choose another folder.</source>
        <translation>Scegli un’altra cartella.</translation>
    </message>
</context>
<context>
    <name>Search</name>
    <message>
        <source>at most {value} MB on disk</source>
        <translation>al massimo {value} MB su disco</translation>
    </message>
    <message>
        <source>at most {value} MB of memory</source>
        <translation>al massimo {value} MB di memoria</translation>
    </message>
    <message>
        <source>the first token within {value} ms</source>
        <translation>il primo token entro {value} ms</translation>
    </message>
    <message>
        <source>at least {value} tokens a second</source>
        <translation>almeno {value} token al secondo</translation>
    </message>
    <message>
        <source>a score of at least {value} %</source>
        <translation>un punteggio di almeno {value} %</translation>
    </message>
    <message>
        <source>at most {value} points lost</source>
        <translation>al massimo {value} punti persi</translation>
    </message>
    <message>
        <source>the smallest faithful export</source>
        <translation>la più piccola esportazione fedele</translation>
    </message>
    <message>
        <source>the smallest export with {limits}</source>
        <translation>la più piccola esportazione con {limits}</translation>
    </message>
    <message>
        <source>the most exact export with {limits}</source>
        <translation>la più esatta esportazione con {limits}</translation>
    </message>
    <message>
        <source>Measuring the merged model, to compare with</source>
        <translation>Misura del modello fuso, per il confronto</translation>
    </message>
    <message>
        <source>Building export {number}: {kind}</source>
        <translation>Creazione dell’esportazione {number}: {kind}</translation>
    </message>
    <message>
        <source>Comparing export {number} on a few rows: {kind}</source>
        <translation>Confronto dell’esportazione {number} su poche righe: {kind}</translation>
    </message>
    <message>
        <source>Measuring export {number} on all held-out rows: {kind}</source>
        <translation>Misura dell’esportazione {number} su tutte le righe tenute da parte: {kind}</translation>
    </message>
</context>
<context>
    <name>SearchCard</name>
    <message>
        <source>Export search</source>
        <translation>Ricerca dell’esportazione</translation>
    </message>
    <message>
        <source>What the picture compares the score with</source>
        <translation>Con che cosa il grafico confronta il punteggio</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Dimensione</translation>
    </message>
    <message>
        <source>First token</source>
        <translation>Primo token</translation>
    </message>
    <message>
        <source>Tokens a second</source>
        <translation>Token al secondo</translation>
    </message>
    <message numerus="yes">
        <source>{done} of %Ln kind(s) built</source>
        <translation>
            <numerusform>{done} di %Ln tipo creati</numerusform>
            <numerusform>{done} di %Ln tipi creati</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>about %Ln step(s) left</source>
        <translation>
            <numerusform>manca circa %Ln passo</numerusform>
            <numerusform>mancano circa %Ln passi</numerusform>
        </translation>
    </message>
    <message>
        <source>{time} left</source>
        <translation>mancano {time}</translation>
    </message>
    <message>
        <source>The search begins.</source>
        <translation>La ricerca comincia.</translation>
    </message>
    <message>
        <source>The runner-up is export {number}: {kind}.</source>
        <translation>La seconda è l’esportazione {number}: {kind}.</translation>
    </message>
    <message>
        <source>You have taken export {number} instead.</source>
        <translation>Hai scelto invece l’esportazione {number}.</translation>
    </message>
    <message>
        <source>Search again with looser limits (Search exports…), or take another one from the table.</source>
        <translation>Cerca di nuovo con limiti meno stretti (Cerca esportazioni…), oppure usane un’altra dalla tabella.</translation>
    </message>
</context>
<context>
    <name>SearchDialog</name>
    <message>
        <source>Search exports</source>
        <translation>Cerca esportazioni</translation>
    </message>
    <message>
        <source>Exports of what this run has learned are built and measured on this computer, in a run of its own; nothing is trained again. With a limit on quality (score or points lost) the smallest that keeps to all limits is taken, without one the most exact. Empty fields limit nothing.</source>
        <translation>Le esportazioni di ciò che questa esecuzione ha imparato vengono create e misurate su questo computer, in un’esecuzione a parte; non si addestra di nuovo. Con un limite di qualità (punteggio o punti persi) si usa la più piccola che rispetta tutti i limiti, senza si usa la più esatta. I campi vuoti non limitano nulla.</translation>
    </message>
    <message>
        <source>It takes {time}.</source>
        <translation>Richiede {time}.</translation>
    </message>
    <message>
        <source>How long it takes is known after the first exports.</source>
        <translation>Quanto dura si sa dopo le prime esportazioni.</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>Cerca</translation>
    </message>
</context>
<context>
    <name>SearchField</name>
    <message>
        <source>Clear</source>
        <translation>Cancella</translation>
    </message>
</context>
<context>
    <name>Settings</name>
    <message>
        <source>This is not a number.</source>
        <translation>Questo non è un numero.</translation>
    </message>
    <message>
        <source>Allowed: {range}</source>
        <translation>Ammesso: {range}</translation>
    </message>
    <message>
        <source>whole numbers</source>
        <translation>numeri interi</translation>
    </message>
    <message>
        <source>Base model</source>
        <translation>Modello di base</translation>
    </message>
    <message>
        <source>Data</source>
        <translation>Dati</translation>
    </message>
    <message>
        <source>Format of the data</source>
        <translation>Formato dei dati</translation>
    </message>
    <message>
        <source>Template</source>
        <translation>Modello di testo</translation>
    </message>
    <message>
        <source>Prompt</source>
        <translation>Prompt</translation>
    </message>
    <message>
        <source>Completion</source>
        <translation>Completamento</translation>
    </message>
    <message>
        <source>Held-out share</source>
        <translation>Quota tenuta da parte</translation>
    </message>
    <message>
        <source>File with the held-out rows</source>
        <translation>File con le righe tenute da parte</translation>
    </message>
    <message>
        <source>Adapter to start from</source>
        <translation>Adattatore da cui partire</translation>
    </message>
    <message>
        <source>Run code of the model</source>
        <translation>Esegui il codice del modello</translation>
    </message>
    <message>
        <source>Steps</source>
        <translation>Passi</translation>
    </message>
    <message>
        <source>Data page, Split</source>
        <translation>pagina Dati, Suddivisione</translation>
    </message>
    <message>
        <source>Split</source>
        <translation>Suddivisione</translation>
    </message>
    <message>
        <source>“{title}”</source>
        <translation>«{title}»</translation>
    </message>
    <message>
        <source>more than {}</source>
        <translation>più di {}</translation>
    </message>
    <message>
        <source>at least {}</source>
        <translation>almeno {}</translation>
    </message>
    <message>
        <source>less than {}</source>
        <translation>meno di {}</translation>
    </message>
    <message>
        <source>at most {}</source>
        <translation>al massimo {}</translation>
    </message>
    <message>
        <source>{low} to {high}</source>
        <translation>da {low} a {high}</translation>
    </message>
</context>
<context>
    <name>SettingsPage</name>
    <message>
        <source>Settings</source>
        <translation>Impostazioni</translation>
    </message>
    <message>
        <source>Look and language</source>
        <translation>Aspetto e lingua</translation>
    </message>
    <message>
        <source>As the system</source>
        <translation>Come il sistema</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>Chiaro</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>Scuro</translation>
    </message>
    <message>
        <source>Colours</source>
        <translation>Colori</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>Lingua</translation>
    </message>
    <message>
        <source>Show a notification when a run ends or stops</source>
        <translation>Mostra una notifica quando un’esecuzione finisce o si ferma</translation>
    </message>
    <message>
        <source>Also while the window is closed. It says the run&apos;s name and how it ended, nothing else.</source>
        <translation>Anche a finestra chiusa. Dice il nome dell&apos;esecuzione e com&apos;è finita, nient&apos;altro.</translation>
    </message>
</context>
<context>
    <name>Shortcuts</name>
    <message>
        <source>The pages from Home to Models</source>
        <translation>Le pagine da Inizio a Modelli</translation>
    </message>
    <message>
        <source>New fine-tune</source>
        <translation>Nuovo fine-tuning</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Impostazioni</translation>
    </message>
    <message>
        <source>Search on this page</source>
        <translation>Cerca in questa pagina</translation>
    </message>
    <message>
        <source>This list</source>
        <translation>Questo elenco</translation>
    </message>
    <message>
        <source>Home</source>
        <translation>Inizio</translation>
    </message>
    <message>
        <source>Open the run</source>
        <translation>Apri l’esecuzione</translation>
    </message>
    <message>
        <source>Choose several runs</source>
        <translation>Scegli più esecuzioni</translation>
    </message>
    <message>
        <source>Name, tags and note</source>
        <translation>Nome, etichette e nota</translation>
    </message>
    <message>
        <source>Put into the trash</source>
        <translation>Metti nel cestino</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Ask</source>
        <translation>Chiedi</translation>
    </message>
    <message>
        <source>New line</source>
        <translation>Nuova riga</translation>
    </message>
    <message>
        <source>Rename the chat in the list</source>
        <translation>Rinomina la chat nell’elenco</translation>
    </message>
    <message>
        <source>Delete the chat in the list</source>
        <translation>Elimina la chat nell’elenco</translation>
    </message>
    <message>
        <source>Rows of data</source>
        <translation>Righe di dati</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Annulla</translation>
    </message>
    <message>
        <source>Redo</source>
        <translation>Ripeti</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Tasti</translation>
    </message>
    <message>
        <source>Everywhere</source>
        <translation>Ovunque</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Chiudi</translation>
    </message>
</context>
<context>
    <name>Skeleton</name>
    <message>
        <source>Loading</source>
        <translation>Caricamento</translation>
    </message>
</context>
<context>
    <name>SourceCard</name>
    <message>
        <source>Choose the data</source>
        <translation>Scegli i dati</translation>
    </message>
    <message>
        <source>Data files</source>
        <translation>File di dati</translation>
    </message>
    <message>
        <source>All files</source>
        <translation>Tutti i file</translation>
    </message>
    <message>
        <source>Drop a data file here</source>
        <translation>Trascina qui un file di dati</translation>
    </message>
    <message>
        <source>JSON, CSV, Excel, OpenDocument, YAML, Parquet, Arrow or text</source>
        <translation>JSON, CSV, Excel, OpenDocument, YAML, Parquet, Arrow o testo</translation>
    </message>
    <message>
        <source>Choose file…</source>
        <translation>Scegli un file…</translation>
    </message>
    <message>
        <source>Recent files</source>
        <translation>File recenti</translation>
    </message>
    <message>
        <source>or one of the samples</source>
        <translation>oppure uno degli esempi</translation>
    </message>
    <message>
        <source>or a data set of the Hugging Face hub (downloaded from there)</source>
        <translation>oppure un insieme di dati di Hugging Face (viene scaricato)</translation>
    </message>
    <message>
        <source>owner/name</source>
        <translation>autore/nome</translation>
    </message>
    <message>
        <source>Hugging Face data set</source>
        <translation>Insieme di dati di Hugging Face</translation>
    </message>
    <message>
        <source>Look up</source>
        <translation>Cerca</translation>
    </message>
    <message>
        <source>Without data: export or merge a model…</source>
        <translation>Senza dati: esporta o fondi un modello…</translation>
    </message>
    <message>
        <source>No file has been used yet</source>
        <translation>Non è stato ancora usato alcun file</translation>
    </message>
    <message>
        <source>Change file…</source>
        <translation>Cambia file…</translation>
    </message>
    <message>
        <source>Shape of the rows</source>
        <translation>Forma delle righe</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Riprova</translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s)</source>
        <translation>
            <numerusform>%Ln riga</numerusform>
            <numerusform>%Ln righe</numerusform>
        </translation>
    </message>
    <message>
        <source>about {rows} rows</source>
        <translation>circa {rows} righe</translation>
    </message>
    <message>
        <source> (guessed)</source>
        <translation> (presunta)</translation>
    </message>
    <message>
        <source>tab</source>
        <translation>tabulazione</translation>
    </message>
    <message>
        <source>delimiter {sign}</source>
        <translation>separatore {sign}</translation>
    </message>
    <message>
        <source>columns without names</source>
        <translation>colonne senza nomi</translation>
    </message>
    <message>
        <source>sheet {name}</source>
        <translation>foglio {name}</translation>
    </message>
    <message>
        <source>rows in {name}</source>
        <translation>righe in {name}</translation>
    </message>
    <message>
        <source>No shape was recognised: write the template below yourself.</source>
        <translation>Nessuna forma riconosciuta: scrivi tu il modello di prompt qui sotto.</translation>
    </message>
    <message>
        <source>It is not clear what is to be learned: choose it here, or write the template below.</source>
        <translation>Non è chiaro che cosa imparare: sceglilo qui, oppure scrivi sotto il modello di prompt.</translation>
    </message>
    <message>
        <source>Not seen by the model: {names}.</source>
        <translation>Non visto dal modello: {names}.</translation>
    </message>
    <message>
        <source>Pairs of a better and a worse answer</source>
        <translation>Coppie di una risposta migliore e una peggiore</translation>
    </message>
    <message>
        <source>Answers rated good or bad</source>
        <translation>Risposte valutate buone o cattive</translation>
    </message>
    <message>
        <source>Columns with a template</source>
        <translation>Colonne con modello di prompt</translation>
    </message>
    <message>
        <source>Prompt and completion</source>
        <translation>Prompt e completamento</translation>
    </message>
    <message>
        <source>Instruction, input and output</source>
        <translation>Istruzione, ingresso e uscita</translation>
    </message>
    <message>
        <source>Question and answer</source>
        <translation>Domanda e risposta</translation>
    </message>
    <message>
        <source>Conversations</source>
        <translation>Conversazioni</translation>
    </message>
    <message>
        <source>Conversations (ShareGPT)</source>
        <translation>Conversazioni (ShareGPT)</translation>
    </message>
    <message>
        <source>Plain text</source>
        <translation>Testo semplice</translation>
    </message>
</context>
<context>
    <name>SplitCard</name>
    <message>
        <source>Split</source>
        <translation>Suddivisione</translation>
    </message>
    <message>
        <source>Rows that are held out</source>
        <translation>Righe tenute da parte</translation>
    </message>
    <message>
        <source>A separate file…</source>
        <translation>Un file a parte…</translation>
    </message>
    <message>
        <source>Choose the held-out rows</source>
        <translation>Scegli le righe da tenere da parte</translation>
    </message>
    <message>
        <source>held out: {file}</source>
        <translation>tenute da parte: {file}</translation>
    </message>
    <message>
        <source>{train} for training, {held} held out for the check at the end</source>
        <translation>{train} per l’addestramento, {held} tenute da parte per la verifica finale</translation>
    </message>
    <message>
        <source>Rows that ask the same stay on one side, so the shares are not exact.</source>
        <translation>Le righe che chiedono la stessa cosa restano dalla stessa parte, perciò le quote non sono esatte.</translation>
    </message>
</context>
<context>
    <name>StartCard</name>
    <message>
        <source>Start</source>
        <translation>Partenza</translation>
    </message>
    <message>
        <source>When the run starts</source>
        <translation>Quando parte l’esecuzione</translation>
    </message>
    <message>
        <source>Until then the run waits in the queue. The computer must stay on; it does not go to sleep meanwhile, unless the settings allow it.</source>
        <translation>Fino ad allora l’esecuzione aspetta in coda. Il computer deve restare acceso; intanto non va in sospensione, a meno che le impostazioni non lo consentano.</translation>
    </message>
    <message>
        <source>As soon as the computer is free</source>
        <translation>Appena il computer è libero</translation>
    </message>
    <message>
        <source>At {time}</source>
        <translation>Ore {time}</translation>
    </message>
</context>
<context>
    <name>StartDialog</name>
    <message>
        <source>{done} of {total}</source>
        <translation>{done} di {total}</translation>
    </message>
    <message>
        <source>The data directory was not found</source>
        <translation>La cartella dei dati non si trova</translation>
    </message>
    <message>
        <source>Perhaps its disk is not connected. Waiting changes nothing.</source>
        <translation>Forse il suo disco non è collegato. Aspettando non cambia nulla.</translation>
    </message>
</context>
<context>
    <name>StatisticsCard</name>
    <message>
        <source>Statistics</source>
        <translation>Statistiche</translation>
    </message>
    <message>
        <source>Labels</source>
        <translation>Etichette</translation>
    </message>
    <message>
        <source>Length of the rows</source>
        <translation>Lunghezza delle righe</translation>
    </message>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <translation>
            <numerusform>%Ln token</numerusform>
            <numerusform>%Ln token</numerusform>
        </translation>
    </message>
    <message>
        <source>half have up to {median}, 95 % up to {p95}, the longest {longest}</source>
        <translation>metà arriva a {median}, il 95 % a {p95}, la più lunga a {longest}</translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s) from which nothing is learned do not count</source>
        <translation>
            <numerusform>%Ln riga da cui non si impara nulla non conta</numerusform>
            <numerusform>%Ln righe da cui non si impara nulla non contano</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>StepsCard</name>
    <message>
        <source>Steps</source>
        <translation>Passi</translation>
    </message>
    <message>
        <source>the adapter learns from your rows</source>
        <translation>l’adattatore impara dalle tue righe</translation>
    </message>
    <message>
        <source>the adapter is merged into the base model; without this step it stays separate</source>
        <translation>l’adattatore viene fuso nel modello di base; senza, resta separato</translation>
    </message>
    <message>
        <source>the ONNX model is built, which the chat and other programs run</source>
        <translation>si costruisce il modello ONNX, usato dalla chat e da altri programmi</translation>
    </message>
    <message>
        <source>the models are measured and compared on the held-out rows</source>
        <translation>i modelli si misurano e si confrontano sulle righe tenute da parte</translation>
    </message>
    <message>
        <source>all</source>
        <translation>tutti</translation>
    </message>
    <message>
        <source>needs data: choose them on the first page</source>
        <translation>servono dati: sceglili nella prima pagina</translation>
    </message>
    <message>
        <source>needs an adapter: train one, or start from one under Model</source>
        <translation>serve un adattatore: addestrane uno, o parti da uno in Modello</translation>
    </message>
    <message>
        <source>the only step</source>
        <translation>l’unico passo</translation>
    </message>
    <message>
        <source>there would be nothing new to measure</source>
        <translation>non ci sarebbe nulla di nuovo da misurare</translation>
    </message>
</context>
<context>
    <name>Summary</name>
    <message>
        <source>Base model</source>
        <translation>Modello di base</translation>
    </message>
    <message>
        <source>Starts from</source>
        <translation>Parte da</translation>
    </message>
    <message>
        <source>Steps</source>
        <translation>Passi</translation>
    </message>
    <message>
        <source>Output</source>
        <translation>Risultato</translation>
    </message>
    <message>
        <source>Export search</source>
        <translation>Ricerca dell’esportazione</translation>
    </message>
    <message numerus="yes">
        <source>%Ln machine(s)</source>
        <translation>
            <numerusform>%Ln macchina</numerusform>
            <numerusform>%Ln macchine</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln GPU(s) each</source>
        <translation>
            <numerusform>%Ln GPU ciascuna</numerusform>
            <numerusform>%Ln GPU ciascuna</numerusform>
        </translation>
    </message>
    <message>
        <source>without GPUs</source>
        <translation>senza GPU</translation>
    </message>
    <message>
        <source>Workspace</source>
        <translation>Area di lavoro</translation>
    </message>
    <message>
        <source>Compute</source>
        <translation>Calcolo</translation>
    </message>
    <message>
        <source>Data in Azure</source>
        <translation>Dati in Azure</translation>
    </message>
    <message>
        <source>Model in Azure</source>
        <translation>Modello in Azure</translation>
    </message>
    <message>
        <source>{hours} hours</source>
        <translation>{hours} ore</translation>
    </message>
    <message>
        <source>Time limit</source>
        <translation>Limite di tempo</translation>
    </message>
    <message>
        <source>Data</source>
        <translation>Dati</translation>
    </message>
    <message>
        <source>none</source>
        <translation>nessuno</translation>
    </message>
    <message>
        <source>Rows</source>
        <translation>Righe</translation>
    </message>
    <message>
        <source>{train} for training, {held} held out</source>
        <translation>{train} per l’addestramento, {held} tenute da parte</translation>
    </message>
    <message>
        <source>Repairs</source>
        <translation>Correzioni</translation>
    </message>
    <message numerus="yes">
        <source>%Ln chosen</source>
        <translation>
            <numerusform>%Ln scelta</numerusform>
            <numerusform>%Ln scelte</numerusform>
        </translation>
    </message>
    <message>
        <source>{epochs} epochs</source>
        <translation>{epochs} epoche</translation>
    </message>
    <message numerus="yes">
        <source>%Ln step(s)</source>
        <translation>
            <numerusform>%Ln passo</numerusform>
            <numerusform>%Ln passi</numerusform>
        </translation>
    </message>
    <message>
        <source>the GPU, or else the processor</source>
        <translation>la GPU, altrimenti il processore</translation>
    </message>
    <message>
        <source>prefer the better answers to the worse ones, near to the model before</source>
        <translation>preferire le risposte migliori alle peggiori, restando vicino al modello di prima</translation>
    </message>
    <message>
        <source>learn the better answers and prefer them to the worse ones</source>
        <translation>imparare le risposte migliori e preferirle alle peggiori</translation>
    </message>
    <message>
        <source>prefer the better answers to the worse ones, whatever their length</source>
        <translation>preferire le risposte migliori alle peggiori, qualunque sia la lunghezza</translation>
    </message>
    <message>
        <source>give the good answers rather than the bad ones, near to the model before</source>
        <translation>dare le risposte buone piuttosto che quelle cattive, vicino al modello di prima</translation>
    </message>
    <message>
        <source>Objective</source>
        <translation>Obiettivo</translation>
    </message>
    <message>
        <source>Method</source>
        <translation>Metodo</translation>
    </message>
    <message>
        <source>{kind}, rank {rank}, alpha {alpha}</source>
        <translation>{kind}, rango {rank}, alfa {alpha}</translation>
    </message>
    <message>
        <source>Training</source>
        <translation>Addestramento</translation>
    </message>
    <message>
        <source>Trains on</source>
        <translation>Addestra su</translation>
    </message>
    <message>
        <source>takes {goal}</source>
        <translation>si usa {goal}</translation>
    </message>
    <message numerus="yes">
        <source>%Ln kind(s) can be built; those that can win are</source>
        <translation>
            <numerusform>Si può creare %Ln tipo; si crea se può vincere</numerusform>
            <numerusform>Si possono creare %Ln tipi; si creano quelli che possono vincere</numerusform>
        </translation>
    </message>
    <message>
        <source>{time} in all</source>
        <translation>{time} in tutto</translation>
    </message>
    <message>
        <source>a merged model in the Hugging Face format</source>
        <translation>un modello fuso nel formato Hugging Face</translation>
    </message>
    <message>
        <source>an adapter in the PEFT format</source>
        <translation>un adattatore nel formato PEFT</translation>
    </message>
    <message>
        <source>ONNX, the best export within limits, for {device}</source>
        <translation>ONNX, la migliore esportazione entro i limiti, per {device}</translation>
    </message>
    <message>
        <source>ONNX, {kind}, for {device}</source>
        <translation>ONNX, {kind}, per {device}</translation>
    </message>
    <message>
        <source>with a separate adapter</source>
        <translation>con l’adattatore separato</translation>
    </message>
</context>
<context>
    <name>TakenCard</name>
    <message>
        <source>Time and memory used</source>
        <translation>Tempo e memoria usati</translation>
    </message>
    <message>
        <source>compared with the estimate from three measured steps</source>
        <translation>rispetto alla stima da tre passi misurati</translation>
    </message>
    <message>
        <source>compared with the estimate before the start</source>
        <translation>rispetto alla stima prima dell’inizio</translation>
    </message>
    <message>
        <source>Total</source>
        <translation>Totale</translation>
    </message>
    <message>
        <source>Peak memory</source>
        <translation>Picco di memoria</translation>
    </message>
    <message>
        <source>expected: {figure}</source>
        <translation>previsto: {figure}</translation>
    </message>
</context>
<context>
    <name>TargetPage</name>
    <message>
        <source>Automatic</source>
        <translation>Automatico</translation>
    </message>
    <message>
        <source>the GPU where it can train, else the processor</source>
        <translation>la GPU se può addestrare, altrimenti il processore</translation>
    </message>
    <message>
        <source>Processor (CPU)</source>
        <translation>Processore (CPU)</translation>
    </message>
    <message>
        <source>NVIDIA GPU (CUDA)</source>
        <translation>GPU NVIDIA (CUDA)</translation>
    </message>
    <message>
        <source>machines in the cloud, for what this computer cannot do</source>
        <translation>macchine nel cloud, per ciò che questo computer non può fare</translation>
    </message>
    <message>
        <source>runs on every computer, without a driver</source>
        <translation>gira su ogni computer, senza driver</translation>
    </message>
    <message>
        <source>fast; needs the driver where it runs</source>
        <translation>veloce; richiede il driver dove viene usato</translation>
    </message>
    <message>
        <source>Windows GPU (DirectML)</source>
        <translation>GPU su Windows (DirectML)</translation>
    </message>
    <message>
        <source>any GPU of Windows 10 and 11</source>
        <translation>qualsiasi GPU con Windows 10 e 11</translation>
    </message>
    <message>
        <source>Train on</source>
        <translation>Addestra su</translation>
    </message>
    <message>
        <source>Run on</source>
        <translation>Usa su</translation>
    </message>
    <message>
        <source>Quantisation</source>
        <translation>Quantizzazione</translation>
    </message>
    <message>
        <source>4-bit details</source>
        <translation>Dettagli dei 4 bit</translation>
    </message>
    <message>
        <source>Quality thresholds</source>
        <translation>Soglie di qualità</translation>
    </message>
    <message>
        <source>the search tries all kinds (Limits, below)</source>
        <translation>la ricerca prova tutti i tipi (Limiti, sotto)</translation>
    </message>
    <message>
        <source>not on a processor</source>
        <translation>non su un processore</translation>
    </message>
    <message>
        <source>not on CUDA</source>
        <translation>non su CUDA</translation>
    </message>
    <message>
        <source>not on DirectML</source>
        <translation>non su DirectML</translation>
    </message>
    <message numerus="yes">
        <source>%Ln core(s)</source>
        <translation>
            <numerusform>%Ln core</numerusform>
            <numerusform>%Ln core</numerusform>
        </translation>
    </message>
    <message>
        <source>{gpu} was found; it needs the runtime pack for NVIDIA GPUs (Settings).</source>
        <translation>{gpu} è presente; serve il pacchetto per GPU NVIDIA (Impostazioni).</translation>
    </message>
    <message>
        <source>needs the runtime pack for NVIDIA GPUs (Settings)</source>
        <translation>serve il pacchetto per GPU NVIDIA (Impostazioni)</translation>
    </message>
    <message>
        <source>no NVIDIA GPU or driver was found on this computer</source>
        <translation>su questo computer non c’è una GPU NVIDIA, o manca il driver</translation>
    </message>
    <message>
        <source>needs Windows: build the model there</source>
        <translation>richiede Windows: costruisci lì il modello</translation>
    </message>
    <message>
        <source>needs the directml flavour of Phi-3 Studio</source>
        <translation>richiede la variante directml di Phi-3 Studio</translation>
    </message>
    <message>
        <source>needs a computer with an NVIDIA GPU: build the model there</source>
        <translation>serve un computer con una GPU NVIDIA: crea lì il modello</translation>
    </message>
    <message>
        <source>about {size}</source>
        <translation>circa {size}</translation>
    </message>
</context>
<context>
    <name>TemplateCard</name>
    <message>
        <source>Template</source>
        <translation>Modello di prompt</translation>
    </message>
    <message>
        <source>Start from</source>
        <translation>Parti da</translation>
    </message>
    <message>
        <source>Insert column</source>
        <translation>Inserisci colonna</translation>
    </message>
    <message>
        <source>Prompt: shown to the model, not learned</source>
        <translation>Prompt: mostrato al modello, non imparato</translation>
    </message>
    <message>
        <source>Completion: what it learns to say</source>
        <translation>Completamento: ciò che impara a dire</translation>
    </message>
    <message>
        <source>Rows are whole conversations. The model&apos;s own chat template formats them; every answer of the assistant is learned.</source>
        <translation>Le righe sono conversazioni intere. Le scrive il chat template del modello; si impara ogni risposta dell’assistente.</translation>
    </message>
    <message>
        <source>Column with the messages</source>
        <translation>Colonna con i messaggi</translation>
    </message>
    <message>
        <source>Good or bad, as the column says: {column}</source>
        <translation>Buona o cattiva, come dice la colonna: {column}</translation>
    </message>
    <message>
        <source>Compared with the worse answer: {place}</source>
        <translation>Confrontata con la risposta peggiore: {place}</translation>
    </message>
</context>
<context>
    <name>Thumbs</name>
    <message>
        <source>Good answer</source>
        <translation>Risposta buona</translation>
    </message>
    <message>
        <source>Bad answer</source>
        <translation>Risposta cattiva</translation>
    </message>
</context>
<context>
    <name>TokenCard</name>
    <message>
        <source>Sign-in for gated models</source>
        <translation>Accesso ai modelli riservati</translation>
    </message>
    <message>
        <source>Some models ask you to accept their licence on the Hugging Face hub. A token of the kind “Read” is then needed to download them. It is kept in the keyring of the system, never in a file.</source>
        <translation>Alcuni modelli chiedono di accettare la licenza su Hugging Face. Un token di tipo «Read» permette poi di scaricarli. Resta nel portachiavi del sistema, mai in un file.</translation>
    </message>
    <message>
        <source>Token</source>
        <translation>Token</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>Salva</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Togli</translation>
    </message>
    <message>
        <source>A token is stored.</source>
        <translation>Un token è conservato.</translation>
    </message>
</context>
<context>
    <name>TrashDialog</name>
    <message>
        <source>Trash</source>
        <translation>Cestino</translation>
    </message>
    <message>
        <source>Deleted runs stay here for a week. They take {size}.</source>
        <translation>Le esecuzioni eliminate restano qui una settimana. Occupano {size}.</translation>
    </message>
    <message>
        <source>The trash is empty.</source>
        <translation>Il cestino è vuoto.</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Chiudi</translation>
    </message>
    <message>
        <source>Put back</source>
        <translation>Ripristina</translation>
    </message>
    <message>
        <source>Put back {name}</source>
        <translation>Ripristina {name}</translation>
    </message>
    <message>
        <source>Empty the trash</source>
        <translation>Svuota il cestino</translation>
    </message>
</context>
<context>
    <name>TuningPage</name>
    <message>
        <source>All settings</source>
        <translation>Tutte le impostazioni</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Mostra</translation>
    </message>
    <message>
        <source>Method</source>
        <translation>Metodo</translation>
    </message>
    <message>
        <source>small matrices next to the frozen weights</source>
        <translation>piccole matrici accanto ai pesi congelati</translation>
    </message>
    <message>
        <source>the same over weights in 4 bits: a third of the memory</source>
        <translation>lo stesso su pesi in 4 bit: un terzo della memoria</translation>
    </message>
    <message>
        <source>learns magnitude and direction separately: a little better, slower</source>
        <translation>impara separatamente grandezza e direzione: un po’ meglio, più lento</translation>
    </message>
    <message>
        <source>a Hadamard product of small matrices</source>
        <translation>un prodotto di Hadamard di piccole matrici</translation>
    </message>
    <message>
        <source>a Kronecker product of small matrices</source>
        <translation>un prodotto di Kronecker di piccole matrici</translation>
    </message>
    <message>
        <source>Hide</source>
        <translation>Nascondi</translation>
    </message>
    <message numerus="yes">
        <source>%Ln step(s)</source>
        <translation>
            <numerusform>%Ln passo</numerusform>
            <numerusform>%Ln passi</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln epoch(s)</source>
        <translation>
            <numerusform>%Ln epoca</numerusform>
            <numerusform>%Ln epoche</numerusform>
        </translation>
    </message>
    <message>
        <source>rank {n}</source>
        <translation>rango {n}</translation>
    </message>
    <message>
        <source>your own</source>
        <translation>scelte da te</translation>
    </message>
    <message>
        <source>as in the preset</source>
        <translation>come da profilo</translation>
    </message>
    <message>
        <source>Learning rate {rate}, batch {batch} × {accumulation}, sequence length {length}, rank {rank}, alpha {alpha}</source>
        <translation>Tasso di apprendimento {rate}, batch {batch} × {accumulation}, lunghezza di sequenza {length}, rango {rank}, alfa {alpha}</translation>
    </message>
</context>
<context>
    <name>TurnView</name>
    <message>
        <source>Copy</source>
        <translation>Copia</translation>
    </message>
    <message>
        <source>Regenerate</source>
        <translation>Rigenera</translation>
    </message>
    <message>
        <source>Edit</source>
        <translation>Modifica</translation>
    </message>
    <message>
        <source>Earlier version</source>
        <translation>Versione precedente</translation>
    </message>
    <message>
        <source>Later version</source>
        <translation>Versione successiva</translation>
    </message>
    <message>
        <source>thinking…</source>
        <translation>sta pensando…</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>fermato</translation>
    </message>
    <message>
        <source>{place} of {count}</source>
        <translation>{place} di {count}</translation>
    </message>
    <message>
        <source>stopped on its own</source>
        <translation>si è fermato da solo</translation>
    </message>
    <message>
        <source>reached the length limit</source>
        <translation>ha raggiunto la lunghezza massima</translation>
    </message>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <translation>
            <numerusform>%Ln token</numerusform>
            <numerusform>%Ln token</numerusform>
        </translation>
    </message>
    <message>
        <source>{time} to the first token</source>
        <translation>primo token dopo {time}</translation>
    </message>
    <message>
        <source>{speed} tokens / s</source>
        <translation>{speed} token/s</translation>
    </message>
</context>
<context>
    <name>UploadArea</name>
    <message>
        <source>Upload…</source>
        <translation>Carica…</translation>
    </message>
    <message>
        <source>Uploading to {name}</source>
        <translation>Caricamento in {name}</translation>
    </message>
    <message>
        <source>Progress of the upload</source>
        <translation>Avanzamento del caricamento</translation>
    </message>
    <message>
        <source>The upload was cancelled: the repository has no new files. It may have been made.</source>
        <translation>Il caricamento è stato annullato: il repository non ha file nuovi. Può darsi che sia stato creato.</translation>
    </message>
    <message>
        <source>{file}, {number} of {count} · {done} of {total}</source>
        <translation>{file}, {number} di {count} · {done} di {total}</translation>
    </message>
    <message>
        <source>Uploaded to {name}: private, for you and the people you invite.</source>
        <translation>Caricato in {name}: privato, per te e per chi inviti.</translation>
    </message>
    <message>
        <source>Uploaded to {name}: public, everybody may read it.</source>
        <translation>Caricato in {name}: pubblico, chiunque può leggerlo.</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Copia</translation>
    </message>
    <message>
        <source>Open in the browser</source>
        <translation>Apri nel browser</translation>
    </message>
    <message>
        <source>Try again…</source>
        <translation>Riprova…</translation>
    </message>
</context>
<context>
    <name>UploadQuestion</name>
    <message>
        <source>Upload to the hub</source>
        <translation>Caricare sull’hub</translation>
    </message>
    <message>
        <source>These files go to {host}, and nothing else: no row of your data and no path of this computer.</source>
        <translation>Questi file vanno a {host}, e nient’altro: nessuna riga dei tuoi dati e nessun percorso di questo computer.</translation>
    </message>
    <message>
        <source>Public: everybody may read and download it</source>
        <translation>Pubblico: chiunque può leggerlo e scaricarlo</translation>
    </message>
    <message>
        <source>Repository: owner/name, or a name of yours</source>
        <translation>Repository: proprietario/nome, oppure un tuo nome</translation>
    </message>
    <message>
        <source>Token of the kind “Write”; empty: the one that is stored</source>
        <translation>Token del tipo «Write»; vuoto: quello salvato</translation>
    </message>
    <message>
        <source>A token that is typed here is used once and kept nowhere.</source>
        <translation>Un token scritto qui serve una volta sola e non viene conservato da nessuna parte.</translation>
    </message>
    <message>
        <source>What is uploaded</source>
        <translation>Che cosa si carica</translation>
    </message>
    <message>
        <source>Exported model (ONNX)</source>
        <translation>Modello esportato (ONNX)</translation>
    </message>
    <message>
        <source>Merged model (Hugging Face)</source>
        <translation>Modello fuso (Hugging Face)</translation>
    </message>
    <message>
        <source>Only the adapter (PEFT)</source>
        <translation>Solo l’adattatore (PEFT)</translation>
    </message>
    <message>
        <source>File</source>
        <translation>File</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Dimensione</translation>
    </message>
    <message>
        <source>Files that are uploaded</source>
        <translation>File che vengono caricati</translation>
    </message>
    <message>
        <source>Listing the files…</source>
        <translation>Elenco dei file…</translation>
    </message>
    <message numerus="yes">
        <source>%Ln file(s)</source>
        <translation>
            <numerusform>%Ln file</numerusform>
            <numerusform>%Ln file</numerusform>
        </translation>
    </message>
    <message>
        <source>Upload, public for everybody</source>
        <translation>Carica, pubblico per tutti</translation>
    </message>
    <message>
        <source>Upload, private</source>
        <translation>Carica, privato</translation>
    </message>
</context>
<context>
    <name>VerdictCard</name>
    <message>
        <source>Is the exported model the trained one?</source>
        <translation>Il modello esportato è quello addestrato?</translation>
    </message>
    <message>
        <source>Presets tried by Automatic</source>
        <translation>Varianti provate da Automatica</translation>
    </message>
    <message>
        <source>Yes: it is faithful</source>
        <translation>Sì: è fedele</translation>
    </message>
    <message>
        <source>No: it is not faithful</source>
        <translation>No: non è fedele</translation>
    </message>
    <message>
        <source>Not proven: there is nothing to compare it with</source>
        <translation>Non provato: non c’è nulla con cui confrontarlo</translation>
    </message>
    <message>
        <source>Not proven: it could not be measured here</source>
        <translation>Non dimostrato: qui non si è potuto misurare</translation>
    </message>
    <message numerus="yes">
        <source>measured on %Ln row(s) of general text</source>
        <translation>
            <numerusform>misurato su %Ln riga di testo generico</numerusform>
            <numerusform>misurato su %Ln righe di testo generico</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>measured on %Ln held-out row(s)</source>
        <translation>
            <numerusform>misurato su %Ln riga tenuta da parte</numerusform>
            <numerusform>misurato su %Ln righe tenute da parte</numerusform>
        </translation>
    </message>
    <message>
        <source>{limit} are allowed</source>
        <translation>ne sono ammessi {limit}</translation>
    </message>
    <message>
        <source>95 % interval: {low} to {high}</source>
        <translation>intervallo al 95 %: da {low} a {high}</translation>
    </message>
    <message>
        <source>Points of accuracy lost</source>
        <translation>Punti di accuratezza persi</translation>
    </message>
    <message>
        <source>Points of word F1 lost</source>
        <translation>Punti di F1 persi</translation>
    </message>
    <message>
        <source>Points lost</source>
        <translation>Punti persi</translation>
    </message>
    <message>
        <source>{limit} are allowed, 95 % interval: {low} to {high}</source>
        <translation>ne sono ammessi {limit}, intervallo al 95 %: da {low} a {high}</translation>
    </message>
    <message>
        <source>Points of preference lost</source>
        <translation>Punti di preferenza persi</translation>
    </message>
    <message>
        <source>Divergence (KL)</source>
        <translation>Divergenza (KL)</translation>
    </message>
    <message>
        <source>nats per token against the model “{name}”; 0 is the same model</source>
        <translation>nat per token rispetto al modello «{name}»; 0 è lo stesso modello</translation>
    </message>
    <message>
        <source>Top-1 agreement</source>
        <translation>Accordo top-1</translation>
    </message>
    <message numerus="yes">
        <source>same most probable token, at %Ln position(s)</source>
        <translation>
            <numerusform>stesso token più probabile, in %Ln posizione</numerusform>
            <numerusform>stesso token più probabile, in %Ln posizioni</numerusform>
        </translation>
    </message>
    <message>
        <source>Answers that stop</source>
        <translation>Risposte che si fermano</translation>
    </message>
    <message>
        <source>at least {limit} are required</source>
        <translation>ne serve almeno il {limit}</translation>
    </message>
    <message>
        <source>Tokenizer parity</source>
        <translation>Parità del tokenizer</translation>
    </message>
    <message>
        <source>of the prompts have the same tokens in training and in the exported model</source>
        <translation>dei prompt ha gli stessi token nell’addestramento e nel modello esportato</translation>
    </message>
    <message>
        <source>yes</source>
        <translation>sì</translation>
    </message>
    <message>
        <source>no</source>
        <translation>no</translation>
    </message>
    <message>
        <source>Stop token is listed</source>
        <translation>Il token di fine è indicato</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Tipo</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Dimensione</translation>
    </message>
    <message>
        <source>Perplexity</source>
        <translation>Perplessità</translation>
    </message>
    <message>
        <source>Verdict</source>
        <translation>Giudizio</translation>
    </message>
    <message>
        <source>faithful</source>
        <translation>fedele</translation>
    </message>
    <message>
        <source>not faithful</source>
        <translation>non fedele</translation>
    </message>
    <message>
        <source>not proven</source>
        <translation>non provato</translation>
    </message>
    <message>
        <source>kept</source>
        <translation>tenuto</translation>
    </message>
</context>
<context>
    <name>Welcome</name>
    <message>
        <source>Teach a small model your own task</source>
        <translation>Insegna il tuo compito a un piccolo modello</translation>
    </message>
    <message>
        <source>You bring a file with examples. Phi-3 Studio trains a model on them, makes it small and fast, measures what it has learned, and lets you talk to it. Everything stays on this computer.</source>
        <translation>Tu porti un file di esempi. Phi-3 Studio ci addestra un modello, lo rende piccolo e veloce, misura che cosa ha imparato e ti ci fa parlare. Tutto resta su questo computer.</translation>
    </message>
    <message>
        <source>Try it now</source>
        <translation>Provalo subito</translation>
    </message>
    <message>
        <source>New fine-tune</source>
        <translation>Nuovo fine-tuning</translation>
    </message>
    <message>
        <source>Try it now trains the starter model (135 million parameters) on a sample of emotions in a few minutes, from the data to the chat.</source>
        <translation>Provalo subito addestra il modello iniziale (135 milioni di parametri) su un esempio di emozioni in pochi minuti, dai dati alla chat.</translation>
    </message>
    <message>
        <source>Or look at one of the samples first:</source>
        <translation>Oppure guarda prima uno degli esempi:</translation>
    </message>
    <message>
        <source>1. Examples</source>
        <translation>1. Esempi</translation>
    </message>
    <message>
        <source>A table or conversations: Excel, CSV, JSON, Parquet or text.</source>
        <translation>Una tabella o conversazioni: Excel, CSV, JSON, Parquet o testo.</translation>
    </message>
    <message>
        <source>2. Training</source>
        <translation>2. Addestramento</translation>
    </message>
    <message>
        <source>Small matrices next to the model&apos;s weights learn your task (LoRA).</source>
        <translation>Piccole matrici accanto ai pesi del modello imparano il tuo compito (LoRA).</translation>
    </message>
    <message>
        <source>3. Answers</source>
        <translation>3. Risposte</translation>
    </message>
    <message>
        <source>The tuned model is exported to ONNX, checked and ready for a chat.</source>
        <translation>Il modello addestrato è esportato in ONNX, verificato e pronto per la chat.</translation>
    </message>
    <message>
        <source>The model is downloaded first: {size} from {host}.</source>
        <translation>Prima viene scaricato il modello: {size} da {host}.</translation>
    </message>
</context>
<context>
    <name>WizardPage</name>
    <message>
        <source>New fine-tune</source>
        <translation>Nuovo fine-tuning</translation>
    </message>
    <message>
        <source>Start over</source>
        <translation>Ricomincia</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Indietro</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>Continua</translation>
    </message>
    <message>
        <source>Start</source>
        <translation>Avvia</translation>
    </message>
    <message>
        <source>Data</source>
        <translation>Dati</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modello</translation>
    </message>
    <message>
        <source>Tuning</source>
        <translation>Regolazione</translation>
    </message>
    <message>
        <source>Target</source>
        <translation>Destinazione</translation>
    </message>
    <message>
        <source>Review</source>
        <translation>Riepilogo</translation>
    </message>
    <message>
        <source>Reading the data…</source>
        <translation>Lettura dei dati…</translation>
    </message>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <translation>
            <numerusform>%Ln token</numerusform>
            <numerusform>%Ln token</numerusform>
        </translation>
    </message>
    <message>
        <source>about {n} steps</source>
        <translation>circa {n} passi</translation>
    </message>
    <message>
        <source>Start over?</source>
        <translation>Ricominciare?</translation>
    </message>
    <message>
        <source>The data, the template and all settings of this draft are discarded.</source>
        <translation>Dati, modello di prompt e tutte le impostazioni di questa bozza vengono scartati.</translation>
    </message>
    <message>
        <source>Keep the draft</source>
        <translation>Tieni la bozza</translation>
    </message>
</context>
<context>
    <name>Words</name>
    <message>
        <source>{} billion parameters</source>
        <translation>{} miliardi di parametri</translation>
    </message>
    <message>
        <source>{} million parameters</source>
        <translation>{} milioni di parametri</translation>
    </message>
    <message>
        <source>For labels and very short answers; trains in minutes anywhere.</source>
        <translation>Per etichette e risposte molto brevi; si addestra in pochi minuti ovunque.</translation>
    </message>
    <message>
        <source>For labels, extraction and short answers, without a GPU too.</source>
        <translation>Per etichette, estrazione e risposte brevi, anche senza GPU.</translation>
    </message>
    <message>
        <source>For short texts and simple conversations; a GPU saves hours.</source>
        <translation>Per testi brevi e conversazioni semplici; una GPU risparmia ore.</translation>
    </message>
    <message>
        <source>For longer texts and conversations; meant for a GPU.</source>
        <translation>Per testi più lunghi e conversazioni; pensato per una GPU.</translation>
    </message>
    <message>
        <source>The most capable and the slowest; needs a large GPU.</source>
        <translation>Il più capace e il più lento; serve una GPU grande.</translation>
    </message>
    <message numerus="yes">
        <source>about %Ln second(s)</source>
        <translation>
            <numerusform>circa %Ln secondo</numerusform>
            <numerusform>circa %Ln secondi</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>about %Ln minute(s)</source>
        <translation>
            <numerusform>circa %Ln minuto</numerusform>
            <numerusform>circa %Ln minuti</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>about %Ln hour(s)</source>
        <translation>
            <numerusform>circa %Ln ora</numerusform>
            <numerusform>circa %Ln ore</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>about %Ln day(s)</source>
        <translation>
            <numerusform>circa %Ln giorno</numerusform>
            <numerusform>circa %Ln giorni</numerusform>
        </translation>
    </message>
    <message>
        <source>just now</source>
        <translation>adesso</translation>
    </message>
    <message numerus="yes">
        <source>%Ln minute(s) ago</source>
        <translation>
            <numerusform>%Ln minuto fa</numerusform>
            <numerusform>%Ln minuti fa</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln hour(s) ago</source>
        <translation>
            <numerusform>%Ln ora fa</numerusform>
            <numerusform>%Ln ore fa</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln day(s) ago</source>
        <translation>
            <numerusform>%Ln giorno fa</numerusform>
            <numerusform>%Ln giorni fa</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>WorkArea</name>
    <message>
        <source>Preparing…</source>
        <translation>Preparazione…</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annulla</translation>
    </message>
    <message>
        <source>Cancelling…</source>
        <translation>Annullamento…</translation>
    </message>
</context>
<context>
    <name>Workbench</name>
    <message>
        <source>Which rows are shown</source>
        <translation>Quali righe sono mostrate</translation>
    </message>
    <message>
        <source>Edit row (Return)</source>
        <translation>Modifica la riga (Invio)</translation>
    </message>
    <message>
        <source>Leave row out (Del)</source>
        <translation>Escludi la riga (Canc)</translation>
    </message>
    <message>
        <source>Add a row</source>
        <translation>Aggiungi una riga</translation>
    </message>
    <message>
        <source>Find and replace</source>
        <translation>Trova e sostituisci</translation>
    </message>
    <message>
        <source>Undo (Ctrl+Z)</source>
        <translation>Annulla (Ctrl+Z)</translation>
    </message>
    <message>
        <source>Redo (Ctrl+Shift+Z)</source>
        <translation>Ripeti (Ctrl+Maiusc+Z)</translation>
    </message>
    <message>
        <source>Restore row (Del)</source>
        <translation>Ripristina la riga (Canc)</translation>
    </message>
    <message>
        <source>All rows</source>
        <translation>Tutte le righe</translation>
    </message>
    <message>
        <source>Row {row}</source>
        <translation>Riga {row}</translation>
    </message>
    <message>
        <source>New row</source>
        <translation>Riga nuova</translation>
    </message>
</context>
<context>
    <name>_DecisionTable</name>
    <message>
        <source>Setting</source>
        <translation>Impostazione</translation>
    </message>
    <message>
        <source>Value</source>
        <translation>Valore</translation>
    </message>
    <message>
        <source>Becomes</source>
        <translation>Diventa</translation>
    </message>
</context>
<context>
    <name>_ModelCard</name>
    <message>
        <source>{n} tokens of context</source>
        <translation>contesto di {n} token</translation>
    </message>
    <message>
        <source>licence {name}</source>
        <translation>licenza {name}</translation>
    </message>
    <message>
        <source>Models of a billion parameters and more are merged and quantised layer by layer.</source>
        <translation>I modelli da un miliardo di parametri in su si fondono e si quantizzano strato per strato.</translation>
    </message>
    <message>
        <source>Models below a billion parameters are merged whole and in full precision, which can take more memory than a larger one layer by layer.</source>
        <translation>I modelli sotto il miliardo di parametri si fondono interi e in precisione piena, il che può richiedere più memoria di uno più grande strato per strato.</translation>
    </message>
    <message>
        <source>on this computer</source>
        <translation>su questo computer</translation>
    </message>
    <message>
        <source>not on this computer</source>
        <translation>non su questo computer</translation>
    </message>
    <message>
        <source>its owner asks to accept the licence first: sign in under Settings</source>
        <translation>il proprietario chiede di accettare prima la licenza: accedi in Impostazioni</translation>
    </message>
    <message>
        <source>comes with the program</source>
        <translation>fornito con il programma</translation>
    </message>
    <message>
        <source>not on this computer yet: a run downloads it, {size} from {host}</source>
        <translation>non ancora su questo computer: un’esecuzione lo scarica, {size} da {host}</translation>
    </message>
</context>
<context>
    <name>_PresetCard</name>
    <message>
        <source>Quick look</source>
        <translation>Prova rapida</translation>
    </message>
    <message>
        <source>Does the model learn the task at all? A first answer.</source>
        <translation>Il modello impara il compito? Una prima risposta.</translation>
    </message>
    <message>
        <source>Balanced</source>
        <translation>Equilibrato</translation>
    </message>
    <message>
        <source>A good model in reasonable time. Right for most data.</source>
        <translation>Un buon modello in tempi ragionevoli. Va bene quasi sempre.</translation>
    </message>
    <message>
        <source>Thorough</source>
        <translation>Approfondito</translation>
    </message>
    <message>
        <source>More passes, for the last few per cent.</source>
        <translation>Più epoche, per gli ultimi punti percentuali.</translation>
    </message>
</context>
<context>
    <name>_RailButton</name>
    <message>
        <source>The present page</source>
        <translation>La pagina attuale</translation>
    </message>
</context>
<context>
    <name>_StepButton</name>
    <message>
        <source>not yet</source>
        <translation>non ancora</translation>
    </message>
    <message>
        <source>current</source>
        <translation>attuale</translation>
    </message>
    <message>
        <source>done</source>
        <translation>fatto</translation>
    </message>
    <message>
        <source>check again: a later change affects it</source>
        <translation>da rivedere: una modifica successiva la riguarda</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>fallito</translation>
    </message>
</context>
<context>
    <name>dialog</name>
    <message>
        <source>Quit</source>
        <translation>Esci</translation>
    </message>
    <message>
        <source>Use the standard folder</source>
        <translation>Usa la cartella predefinita</translation>
    </message>
</context>
</TS>
