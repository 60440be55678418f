"""The program on a real X display, used by mouse and keyboard."""
