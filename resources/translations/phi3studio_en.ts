<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
<context>
    <name>CheckCard</name>
    <message numerus="yes">
        <source>%Ln row(s) read</source>
        <translation>
            <numerusform>%Ln row read</numerusform>
            <numerusform>%Ln rows read</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln finding(s)</source>
        <translation>
            <numerusform>%Ln finding</numerusform>
            <numerusform>%Ln findings</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln line(s)</source>
        <translation>
            <numerusform>%Ln line</numerusform>
            <numerusform>%Ln lines</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s)</source>
        <translation>
            <numerusform>%Ln row</numerusform>
            <numerusform>%Ln rows</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s) edited</source>
        <translation>
            <numerusform>%Ln row edited</numerusform>
            <numerusform>%Ln rows edited</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s) left out</source>
        <translation>
            <numerusform>%Ln row left out</numerusform>
            <numerusform>%Ln rows left out</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s) added</source>
        <translation>
            <numerusform>%Ln row added</numerusform>
            <numerusform>%Ln rows added</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ComputingCard</name>
    <message numerus="yes">
        <source>at most %Ln thread(s)</source>
        <translation>
            <numerusform>at most %Ln thread</numerusform>
            <numerusform>at most %Ln threads</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ConfigDialog</name>
    <message numerus="yes">
        <source>and %Ln more in the list</source>
        <translation>
            <numerusform>and %Ln more in the list</numerusform>
            <numerusform>and %Ln more in the list</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ConfigsDialog</name>
    <message numerus="yes">
        <source>%Ln Olive config(s)</source>
        <translation>
            <numerusform>%Ln Olive config</numerusform>
            <numerusform>%Ln Olive configs</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln setting(s) left out</source>
        <translation>
            <numerusform>%Ln setting left out</numerusform>
            <numerusform>%Ln settings left out</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>DoctorPage</name>
    <message numerus="yes">
        <source>%Ln core(s)</source>
        <translation>
            <numerusform>%Ln core</numerusform>
            <numerusform>%Ln cores</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>DraftMenu</name>
    <message numerus="yes">
        <source>%Ln draft(s) put aside</source>
        <translation>
            <numerusform>%Ln draft put aside</numerusform>
            <numerusform>%Ln drafts put aside</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ExportArea</name>
    <message numerus="yes">
        <source>%Ln file(s)</source>
        <translation>
            <numerusform>%Ln file</numerusform>
            <numerusform>%Ln files</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>HomePage</name>
    <message numerus="yes">
        <source>%Ln interrupted run(s) resumed.</source>
        <translation>
            <numerusform>%Ln interrupted run resumed.</numerusform>
            <numerusform>%Ln interrupted runs resumed.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln run(s) were interrupted.</source>
        <translation>
            <numerusform>%Ln run was interrupted.</numerusform>
            <numerusform>%Ln runs were interrupted.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln run(s) chosen</source>
        <translation>
            <numerusform>%Ln run chosen</numerusform>
            <numerusform>%Ln runs chosen</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message numerus="yes">
        <source>%Ln run(s) still in progress</source>
        <translation>
            <numerusform>%Ln run is still in progress</numerusform>
            <numerusform>%Ln runs are still in progress</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>PreviewCard</name>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <translation>
            <numerusform>%Ln token</numerusform>
            <numerusform>%Ln tokens</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln learned</source>
        <translation>
            <numerusform>%Ln learned</numerusform>
            <numerusform>%Ln learned</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln truncated</source>
        <translation>
            <numerusform>%Ln truncated</numerusform>
            <numerusform>%Ln truncated</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>PrivacyCard</name>
    <message numerus="yes">
        <source>and %Ln earlier one(s)</source>
        <translation>
            <numerusform>and %Ln earlier one</numerusform>
            <numerusform>and %Ln earlier ones</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>RatingTools</name>
    <message numerus="yes">
        <source>%Ln pair(s) in {file}.</source>
        <translation>
            <numerusform>%Ln pair in {file}.</numerusform>
            <numerusform>%Ln pairs in {file}.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln answer(s) with a label in {file}.</source>
        <translation>
            <numerusform>%Ln answer with a label in {file}.</numerusform>
            <numerusform>%Ln answers with a label in {file}.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>RatingsDialog</name>
    <message numerus="yes">
        <source>%Ln rating(s)</source>
        <translation>
            <numerusform>%Ln rating</numerusform>
            <numerusform>%Ln ratings</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln damaged line(s) passed over</source>
        <translation>
            <numerusform>%Ln damaged line passed over</numerusform>
            <numerusform>%Ln damaged lines passed over</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ResultView</name>
    <message numerus="yes">
        <source>on %Ln row(s) it has not seen</source>
        <translation>
            <numerusform>on %Ln row it has not seen</numerusform>
            <numerusform>on %Ln rows it has not seen</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln rarer label(s) left out</source>
        <translation>
            <numerusform>%Ln rarer label left out</numerusform>
            <numerusform>%Ln rarer labels left out</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>RunTrash</name>
    <message numerus="yes">
        <source>%Ln run(s) are in the trash.</source>
        <translation>
            <numerusform>%Ln run is in the trash.</numerusform>
            <numerusform>%Ln runs are in the trash.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>SearchCard</name>
    <message numerus="yes">
        <source>{done} of %Ln kind(s) built</source>
        <translation>
            <numerusform>{done} of %Ln kind built</numerusform>
            <numerusform>{done} of %Ln kinds built</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>about %Ln step(s) left</source>
        <translation>
            <numerusform>about %Ln step left</numerusform>
            <numerusform>about %Ln steps left</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>SourceCard</name>
    <message numerus="yes">
        <source>%Ln row(s)</source>
        <translation>
            <numerusform>%Ln row</numerusform>
            <numerusform>%Ln rows</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>StatisticsCard</name>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <translation>
            <numerusform>%Ln token</numerusform>
            <numerusform>%Ln tokens</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln row(s) from which nothing is learned do not count</source>
        <translation>
            <numerusform>%Ln row from which nothing is learned does not count</numerusform>
            <numerusform>%Ln rows from which nothing is learned do not count</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Summary</name>
    <message numerus="yes">
        <source>%Ln machine(s)</source>
        <translation>
            <numerusform>%Ln machine</numerusform>
            <numerusform>%Ln machines</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln GPU(s) each</source>
        <translation>
            <numerusform>%Ln GPU each</numerusform>
            <numerusform>%Ln GPUs each</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln chosen</source>
        <translation>
            <numerusform>%Ln chosen</numerusform>
            <numerusform>%Ln chosen</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln step(s)</source>
        <translation>
            <numerusform>%Ln step</numerusform>
            <numerusform>%Ln steps</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln kind(s) can be built; those that can win are</source>
        <translation>
            <numerusform>%Ln kind can be built; it is if it can win</numerusform>
            <numerusform>%Ln kinds can be built; those that can win are</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>TargetPage</name>
    <message numerus="yes">
        <source>%Ln core(s)</source>
        <translation>
            <numerusform>%Ln core</numerusform>
            <numerusform>%Ln cores</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>TuningPage</name>
    <message numerus="yes">
        <source>%Ln step(s)</source>
        <translation>
            <numerusform>%Ln step</numerusform>
            <numerusform>%Ln steps</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln epoch(s)</source>
        <translation>
            <numerusform>%Ln epoch</numerusform>
            <numerusform>%Ln epochs</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>TurnView</name>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <translation>
            <numerusform>%Ln token</numerusform>
            <numerusform>%Ln tokens</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>UploadQuestion</name>
    <message numerus="yes">
        <source>%Ln file(s)</source>
        <translation>
            <numerusform>%Ln file</numerusform>
            <numerusform>%Ln files</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>VerdictCard</name>
    <message numerus="yes">
        <source>measured on %Ln row(s) of general text</source>
        <translation>
            <numerusform>measured on %Ln row of general text</numerusform>
            <numerusform>measured on %Ln rows of general text</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>measured on %Ln held-out row(s)</source>
        <translation>
            <numerusform>measured on %Ln held-out row</numerusform>
            <numerusform>measured on %Ln held-out rows</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>same most probable token, at %Ln position(s)</source>
        <translation>
            <numerusform>same most probable token, at %Ln position</numerusform>
            <numerusform>same most probable token, at %Ln positions</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>WizardPage</name>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <translation>
            <numerusform>%Ln token</numerusform>
            <numerusform>%Ln tokens</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Words</name>
    <message numerus="yes">
        <source>about %Ln second(s)</source>
        <translation>
            <numerusform>about %Ln second</numerusform>
            <numerusform>about %Ln seconds</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>about %Ln minute(s)</source>
        <translation>
            <numerusform>about %Ln minute</numerusform>
            <numerusform>about %Ln minutes</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>about %Ln hour(s)</source>
        <translation>
            <numerusform>about %Ln hour</numerusform>
            <numerusform>about %Ln hours</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>about %Ln day(s)</source>
        <translation>
            <numerusform>about %Ln day</numerusform>
            <numerusform>about %Ln days</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln minute(s) ago</source>
        <translation>
            <numerusform>%Ln minute ago</numerusform>
            <numerusform>%Ln minutes ago</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln hour(s) ago</source>
        <translation>
            <numerusform>%Ln hour ago</numerusform>
            <numerusform>%Ln hours ago</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln day(s) ago</source>
        <translation>
            <numerusform>%Ln day ago</numerusform>
            <numerusform>%Ln days ago</numerusform>
        </translation>
    </message>
</context>
</TS>
