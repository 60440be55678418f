"""What the window shows outside of itself: notes, the tray, the taskbar."""
