; The installer for Windows: for one user, without administrator's rights. Made by
; installers/windows/build.py, which defines everything that is said elsewhere:
;   NAME SLUG VERSION VERSION4 PUBLISHER URL PROGRAM MIME SUFFIX ICON LICENCE OUT LISTS COMPRESSOR
; and writes into LISTS what is installed (files.nsh) and what is removed (remove.nsh).
;
; Setup.exe /S [/D=FOLDER]            installs or upgrades without a question
; uninstall.exe /S [/REMOVEDATA]      uninstalls; runs, models and settings stay without /REMOVEDATA

Unicode true
Target amd64-unicode
ManifestDPIAware true
ManifestSupportedOS all
RequestExecutionLevel user
SetCompressor ${COMPRESSOR}
SetDatablockOptimize on
CRCCheck force

!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh

Name "${NAME}"
OutFile "${OUT}"
BrandingText "${NAME} ${VERSION}"
InstallDir "$LOCALAPPDATA\Programs\${NAME}"
InstallDirRegKey HKCU "Software\${SLUG}" "Folder"
ShowInstDetails nevershow
ShowUninstDetails nevershow

!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\${SLUG}"
!define CLASS "${SLUG}.recipe"
; The default data directory; one that the user moved is never touched.
!define DATA "$LOCALAPPDATA\${SLUG}"

VIProductVersion "${VERSION4}"
VIFileVersion "${VERSION4}"
VIAddVersionKey ProductName "${NAME}"
VIAddVersionKey ProductVersion "${VERSION}"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey FileDescription "${NAME} Setup"
VIAddVersionKey CompanyName "${PUBLISHER}"
VIAddVersionKey LegalCopyright "${PUBLISHER}"

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_FINISHPAGE_RUN "$INSTDIR\${PROGRAM}"
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "${LICENCE}"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "Italian"

LangString RUNNING ${LANG_ENGLISH} "${NAME} is running. Close it and let its runs end or pause them, then try again."
LangString RUNNING ${LANG_ITALIAN} "${NAME} è in esecuzione. Chiudilo, attendi o sospendi le sue esecuzioni, poi riprova."
LangString RECIPE ${LANG_ENGLISH} "${NAME} recipe"
LangString RECIPE ${LANG_ITALIAN} "Ricetta di ${NAME}"
LangString KEEPDATA ${LANG_ENGLISH} "Remove your runs, models and settings too?$\r$\n$\r$\n${DATA}$\r$\n$\r$\nNo leaves them for a later installation."
LangString KEEPDATA ${LANG_ITALIAN} "Togliere anche esecuzioni, modelli e impostazioni?$\r$\n$\r$\n${DATA}$\r$\n$\r$\nCon No restano per una installazione successiva."
LangString OLDWINDOWS ${LANG_ENGLISH} "${NAME} needs a 64-bit Windows 10 or later."
LangString OLDWINDOWS ${LANG_ITALIAN} "${NAME} richiede Windows 10 o successivo a 64 bit."

; Ends the installation, exit code 2, while the program's file is in use.
!macro RefuseWhileRunning un
Function ${un}RefuseWhileRunning
  IfFileExists "$INSTDIR\${PROGRAM}" 0 free
  again:
  ClearErrors
  FileOpen $0 "$INSTDIR\${PROGRAM}" a
  IfErrors 0 closed
  MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(RUNNING)" /SD IDCANCEL IDRETRY again
  SetErrorLevel 2
  Abort
  closed:
  FileClose $0
  free:
FunctionEnd
!macroend
!insertmacro RefuseWhileRunning ""
!insertmacro RefuseWhileRunning "un."

Function .onInit
  SetShellVarContext current
  ${IfNot} ${FileExists} "$WINDIR\System32\*.*"
    MessageBox MB_OK|MB_ICONSTOP "$(OLDWINDOWS)" /SD IDOK
    SetErrorLevel 3
    Abort
  ${EndIf}
FunctionEnd

Section "install"
  Call RefuseWhileRunning
  ; An older version: its own list knows what it installed. What is the user's lies elsewhere.
  ReadRegStr $1 HKCU "${UNINSTALL}" "InstallLocation"
  ${If} $1 != ""
  ${AndIf} ${FileExists} "$1\uninstall.exe"
    InitPluginsDir
    CopyFiles /SILENT "$1\uninstall.exe" "$PLUGINSDIR\old.exe"
    ExecWait '"$PLUGINSDIR\old.exe" /S _?=$1' $2
    ${If} $2 = 0
      Delete "$1\uninstall.exe"
      RMDir "$1"
    ${Else}
      ; An old program that still runs from another folder, or a damaged uninstaller.
      SetErrorLevel 2
      Abort
    ${EndIf}
  ${EndIf}

  SetOutPath "$INSTDIR"
  !include "${LISTS}\files.nsh"
  SetOutPath "$INSTDIR"
  WriteUninstaller "$INSTDIR\uninstall.exe"

  CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\${PROGRAM}" "" "$INSTDIR\${PROGRAM}" 0

  WriteRegStr HKCU "Software\${SLUG}" "Folder" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "${NAME}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\${PROGRAM}"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "${PUBLISHER}"
  WriteRegStr HKCU "${UNINSTALL}" "URLInfoAbout" "${URL}"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" ${SIZE_KB}

  WriteRegStr HKCU "Software\Classes\${SUFFIX}" "" "${CLASS}"
  WriteRegStr HKCU "Software\Classes\${SUFFIX}" "Content Type" "${MIME}"
  WriteRegStr HKCU "Software\Classes\${CLASS}" "" "$(RECIPE)"
  WriteRegStr HKCU "Software\Classes\${CLASS}\DefaultIcon" "" "$INSTDIR\${PROGRAM},0"
  WriteRegStr HKCU "Software\Classes\${CLASS}\shell\open\command" "" '"$INSTDIR\${PROGRAM}" gui "%1"'
  ${RefreshShellIcons}
SectionEnd

Function un.onInit
  SetShellVarContext current
FunctionEnd

Section "Uninstall"
  Call un.RefuseWhileRunning
  !include "${LISTS}\remove.nsh"
  ; $EXEDIR is a temporary folder, unless an installer of a newer version called.
  Delete "$INSTDIR\uninstall.exe"
  ; Only if it is empty: a file that somebody put there stays.
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\${NAME}.lnk"
  DeleteRegKey HKCU "${UNINSTALL}"
  DeleteRegKey HKCU "Software\${SLUG}"
  DeleteRegKey HKCU "Software\Classes\${CLASS}"
  ReadRegStr $0 HKCU "Software\Classes\${SUFFIX}" ""
  ${If} $0 == "${CLASS}"
    DeleteRegKey HKCU "Software\Classes\${SUFFIX}"
  ${EndIf}
  ${RefreshShellIcons}

  ${If} ${FileExists} "${DATA}\*.*"
    ${GetParameters} $0
    ClearErrors
    ${GetOptions} $0 "/REMOVEDATA" $1
    ${IfNot} ${Errors}
      RMDir /r "${DATA}"
    ${Else}
      MessageBox MB_YESNO|MB_ICONQUESTION|MB_DEFBUTTON2 "$(KEEPDATA)" /SD IDNO IDNO keep
      RMDir /r "${DATA}"
      keep:
    ${EndIf}
  ${EndIf}
SectionEnd
