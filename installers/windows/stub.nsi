; A program that stands for ours where none can be built: it writes down its version and how it
; was called. Made by installers/windows/verify.py with -DOUT=FILE -DVERSION=VERSION.
Unicode true
Target amd64-unicode
RequestExecutionLevel user
SilentInstall silent
OutFile "${OUT}"
Name "stand-in"
Section
  FileOpen $0 "$EXEDIR\started.txt" w
  FileWriteUTF16LE /BOM $0 "${VERSION}|$CMDLINE"
  FileClose $0
SectionEnd
